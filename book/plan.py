"""What is executed: the pages of a profile, with the parameters that a reader asked for."""

import ast
from pathlib import Path
from typing import Any

import nbformat
import yaml

from avlib.errors import AvlibError
from avlib.parameters import Parameters, check, variant
from book.places import Page, Places


def profiles(places: Places) -> list[str]:
    """Profiles that the book knows, smallest first."""
    return [p for p in ("smoke", "laptop", "full", "paper") if (places.profiles / f"{p}.yml").exists()]


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
                statements = ast.parse(cell.source).body
                return {s.target.id: ast.literal_eval(s.value) for s in statements}  # type: ignore[attr-defined]
            except (SyntaxError, AttributeError, ValueError):
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
    changes: dict[str, Any] = dict(overrides or {})
    wanted = only.replace(",", " ").split()
    for word in wanted:
        if not any(name.startswith(word) for name in listed["pages"]):
            raise AvlibError(f"ONLY={word} matches no page; there are: {', '.join(listed['pages'])}")

    pages = []
    for name, own in listed["pages"].items():
        if wanted and not any(name.startswith(word) for word in wanted):
            continue
        notebook, _, other = name.partition("@")
        if dataset and other:  # DATASET replaces the page of the default data set; its other variants fall away
            continue
        if not (places.notebooks / f"{notebook}.ipynb").exists():
            raise AvlibError(f"book/profiles/{profile}.yml names {notebook}, and notebooks/ has no such notebook")
        defaults = declared(places.notebooks / f"{notebook}.ipynb")
        known = set(defaults)
        mine = {key: value for key, value in changes.items() if key in known}
        values = {
            **defaults,
            **{key: value for key, value in listed["parameters"].items() if key in known},
            **(own or {}),
            **({"dataset": dataset} if dataset else {}),
            **mine,
        }
        checked = check(values, known, notebook)
        pages.append(Page(name, notebook, variant(checked, mine), profile, checked))
    for key in changes:
        if not any(key in page.parameters for page in pages):
            known_names = ", ".join(sorted(set().union(*(declared(places.source(p)) for p in pages))))
            raise AvlibError(f"no chosen notebook has a parameter {key!r}; they have: {known_names}")
    return pages


def words(text: str) -> dict[str, str]:
    """Split ``"epsilon=8/255 norm=inf"``.

    >>> words("epsilon=8/255 norm=inf")
    {'epsilon': '8/255', 'norm': 'inf'}
    """
    pairs = {}
    for word in text.split():
        name, equals, value = word.partition("=")
        if not equals or name not in Parameters.model_fields:
            allowed = ", ".join(Parameters.model_fields)
            raise AvlibError(f"PARAMS: {word!r} is not name=value with a name the book knows; it knows: {allowed}")
        if name in ("profile", "dataset"):
            raise AvlibError(f"PARAMS: {word!r} is refused: write {name.upper()}={value} instead")
        pairs[name] = value
    return pairs
