"""What is executed: the pages of a profile, with the parameters that a reader asked for."""

import ast
from dataclasses import replace
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Any

import nbformat
import yaml

from avlib.errors import AvlibError
from avlib.parameters import Parameters, check, variant, written
from avlib.profiles import NAMES, of
from book.places import Page, Places


def profiles(places: Places) -> list[str]:
    """Profiles that the book knows, smallest first."""
    return [p for p in NAMES if (places.profiles / f"{p}.yml").exists()]


def declared(notebook: Path) -> dict[str, Any]:
    """Parameters of a notebook and their defaults, read from its cell tagged ``parameters``.

    Raises
    ------
    AvlibError
        When there is no such cell, or it holds anything but annotated literals.
    """
    for cell in nbformat.read(notebook, as_version=4).cells:
        if "parameters" in cell.metadata.get("tags", []):
            try:
                return {name: ast.literal_eval(value) for name, value in written(cell.source).items()}
            except (SyntaxError, ValueError):
                raise AvlibError(
                    f"{notebook.name}: the cell tagged 'parameters' must hold annotated literals only"
                ) from None
    raise AvlibError(f"{notebook.name} has no cell tagged 'parameters'")


def plan(
    profile: str,
    only: str = "",
    dataset: str = "",
    overrides: dict[str, str] | None = None,
    places: Places = Places(),  # noqa: B008 (frozen)
) -> list[Page]:
    """Pages of `profile`, those whose name starts with one of the words of `only`, changed as asked.

    Everything is checked here, before any kernel starts.

    Raises
    ------
    AvlibError
        For an unknown profile, page, data set or parameter, and for a value that is not allowed.
    """
    if profile not in profiles(places):
        raise AvlibError(f"PROFILE={profile} is unknown; there are: {', '.join(profiles(places))}")
    listed = yaml.safe_load((places.profiles / f"{profile}.yml").read_text())
    entries = {slot: dict(entry or {}) for slot, entry in listed["pages"].items()}
    reads = {slot: entry.pop("inputs", []) for slot, entry in entries.items()}
    needs = {slot: tuple(entry.pop("needs", [])) for slot, entry in entries.items()}
    partial = {slot for slot, entry in entries.items() if entry.pop("partial", False)}
    order = _ordered(reads, profile)
    wanted = only.replace(",", " ").split()
    for word in wanted:
        if not any(slot.startswith(word) for slot in entries):
            raise AvlibError(f"ONLY={word} matches no page; there are: {', '.join(entries)}")
    chosen = {
        slot
        for slot, own in entries.items()
        # DATASET replaces the page of the default data set; pages of a data set of their own fall away
        if (not wanted or slot.startswith(tuple(wanted))) and not (dataset and "dataset" in own)
    }
    changes = {**(overrides or {}), **({"dataset": dataset} if dataset else {})}
    pages: dict[str, Page] = {}
    for slot in reversed(order):  # what reads before what is read: a chosen page chooses its inputs
        chosen |= set(reads[slot]) if slot in chosen else set()
    for slot in order:
        if slot in chosen:
            inputs = tuple(pages[one] for one in reads[slot])
            page = _page(slot, entries[slot], listed, changes, inputs, needs[slot], places)
            pages[slot] = replace(page, partial=slot in partial)
    for key in overrides or {}:
        if not any(key in page.parameters for page in pages.values()):
            known = sorted(set().union(*(page.parameters for page in pages.values())))
            raise AvlibError(f"no chosen notebook has a parameter {key!r}; they have: {', '.join(known)}")
    return [pages[slot] for slot in entries if slot in pages]


def _ordered(reads: dict[str, list[str]], profile: str) -> list[str]:
    """Slots, each after those whose results it reads."""
    for slot, inputs in reads.items():
        for one in inputs:
            if one not in reads:
                raise AvlibError(f"book/profiles/{profile}.yml: {slot} reads {one}, which is no page of that profile")
    try:
        return list(TopologicalSorter(reads).static_order())
    except CycleError as error:
        raise AvlibError(f"book/profiles/{profile}.yml: pages read each other: {' ← '.join(error.args[1])}") from None


def _page(
    slot: str, own: dict[str, Any], listed: dict[str, Any], changes: dict[str, Any], inputs: tuple[Page, ...],
    needs: tuple[str, ...], places: Places,
) -> Page:  # fmt: skip
    notebook, profile = slot.partition("@")[0], listed["parameters"]["profile"]
    if not (places.notebooks / f"{notebook}.ipynb").exists():
        raise AvlibError(f"book/profiles/{profile}.yml names {notebook}, and notebooks/ has no such notebook")
    written = declared(places.notebooks / f"{notebook}.ipynb")
    known = set(written)
    whole = {"seeds": of(profile).seeds, **listed["parameters"]}
    common, mine = ({n: v for n, v in some.items() if n in known} for some in (whole, changes))
    defaults = check({**written, **common}, known, notebook)
    values = check({**written, **common, **own, **mine}, known, notebook)
    return Page(slot, notebook, variant(values, defaults), profile, values, listed["limit"], inputs, needs)


def words(text: str) -> dict[str, str]:
    """Split ``"epsilon=8/255 norm=inf"``.

    >>> words("epsilon=8/255 norm=inf")
    {'epsilon': '8/255', 'norm': 'inf'}
    """
    pairs: dict[str, str] = {}
    for word in text.split():
        name, equals, value = word.partition("=")
        if not equals or name not in Parameters.model_fields:
            allowed = ", ".join(Parameters.model_fields)
            raise AvlibError(f"PARAMS: {word!r} is not name=value with a name the book knows; it knows: {allowed}")
        if name in ("profile", "dataset"):
            raise AvlibError(f"PARAMS: {word!r} is refused: write {name.upper()}={value} instead")
        if name in pairs:
            raise AvlibError(f"PARAMS: {name} is given twice: {name}={pairs[name]} and {word}")
        pairs[name] = value
    return pairs
