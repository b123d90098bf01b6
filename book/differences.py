"""What a variant of a chapter says first: what is different about it, from the results of both."""

from collections.abc import Mapping
from typing import Any

import nbformat

from book.numbers import HEADLINES, Known, Number, number

SIDES = {1: "higher", 0: "not told apart", -1: "lower"}


def opening(chapter: str, variant: str, known: Known) -> str:
    """The first paragraphs of the page `variant` of `chapter`, both named by their documents.

    They name the parameters that differ, put the headline numbers of both side by side, and say which of the results
    with an interval on both pages lie apart beyond their intervals.
    """
    link = f"{{doc}}`{chapter}`"
    if chapter not in known:
        return f"This page is {link} once more. That page has not been computed, so nothing is compared here."
    there, here = known[chapter], known[variant]
    first = f"This page is {link} once more: the same text and code{_parameters(there, here)}."
    rows = [
        f"| {words} | {at_here:.3f} | {at_there:.3f} | {SIDES[side(at_here, at_there)]} |"
        for key, words in HEADLINES.get(chapter, {}).items()
        for at_here, at_there in [(number(known, variant, key), number(known, chapter, key))]
    ]
    head = f":::{{table}} This page beside its chapter.\n:name: tab-beside-{variant}\n"
    table = [head, "| | this page | chapter | this page is |", "|:---|---:|---:|:---|", *rows, ":::"]
    return "\n\n".join([first, *(["\n".join(table)] if rows else []), _apart(chapter, variant, known)])


def opened(notebook: nbformat.NotebookNode, paragraphs: str) -> nbformat.NotebookNode:
    """`notebook` with `paragraphs` between its title and what follows."""
    first = notebook.cells[0]
    title, _, rest = first.source.partition("\n")
    first.source = f"{title}\n\n{paragraphs}\n{rest}"
    return notebook


def side(here: Number, there: Number) -> int:
    """1 where all of the interval of `here` is above that of `there`, −1 where below, 0 where they overlap.

    >>> side(Number(0.5, 0.4, 0.6), Number(0.8, 0.7, 0.9))
    -1
    """
    return int(here.low > there.high) - int(here.high < there.low)


def _parameters(there: Mapping[str, Any], here: Mapping[str, Any]) -> str:
    old, new = (one["provenance"]["parameters"] for one in (there, here))
    changed = [f"`{name} = {new[name]}` in place of `{old.get(name)}`" for name in new if new[name] != old.get(name)]
    return f", with {' and '.join(changed)}" if changed else ", with the same parameters"


def _apart(chapter: str, variant: str, known: Known) -> str:
    """Which results of both pages lie apart beyond their intervals, and how many of how many."""
    sides = {
        key: side(number(known, variant, key), number(known, chapter, key))
        for key in known[variant]["values"]
        if all("low" in known[page]["values"].get(key, {}) for page in (chapter, variant))
    }
    if not sides:
        return "No result has an interval on both pages, so nothing can be told apart."
    higher, lower = ([key.replace("_", " ") for key, way in sides.items() if way == wanted] for wanted in (1, -1))
    count, shared = len(higher) + len(lower), f"Of the {len(sides)} results that have an interval on both pages"
    if not count:
        return f"{shared}, **none** lies beyond that of the other page."
    whole = "all" if count == len(sides) else f"{count}"
    lists = [f"{word} here: {', '.join(keys)}" for word, keys in (("Higher", higher), ("Lower", lower)) if keys]
    return (
        f"{shared}, **{whole}** {'lies' if count == 1 else 'lie'} beyond that of the other page.\n\n"
        f":::{{dropdown}} Which {'one' if count == 1 else 'ones'}\n{'. '.join(lists)}.\n:::"
    )
