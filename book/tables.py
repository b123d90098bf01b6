"""Tables of the pages of prose that are made when the book is published: what was executed, and what to expect."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import nbformat

from avlib.clock import KINDS
from book.fresh import Facts
from book.numbers import HEADLINES, Known, number
from book.places import Page, Places
from book.plan import declared
from book.reading import minutes

NOTHING: Mapping[str, Any] = {"values": {}}


def executed(pages: Sequence[Page], done: Mapping[str, Facts]) -> str:
    """One row a page: its profile, data and parameters, seconds and device."""
    rows = []
    for page in pages:
        kept = done.get(page.slot)
        rows.append(
            [
                page.slot,
                page.profile,
                page.variant,
                *([str(kept.seconds), kept.device] if kept else ["–", "not executed"]),
            ]
        )
    return table(["page", "profile", "data and parameters", "seconds", "device"], rows, ":---|:---|:---|---:|:---")


def times(pages: Sequence[Page], done: Mapping[str, Facts]) -> str:
    """Seconds of each page by kind of work, the largest in bold."""
    rows = [
        [page.slot.replace("_", " "), *_times(done[page.slot])]  # words, which may be broken
        for page in pages
        if page.slot in done
    ]
    return table(["page", *KINDS, "other"], rows, ":---|" + "|".join(["---:"] * (len(KINDS) + 1)))


def _times(kept: Facts) -> list[str]:
    spent = [kept.spent[kind] for kind in KINDS]
    spent.append(max(0.0, kept.seconds - sum(spent)))
    return [f"**{took:.1f}**" if took == max(spent) else f"{took:.1f}" for took in spent]


def lessons(pages: Sequence[Page], done: Mapping[str, Facts], places: Places) -> str:
    """Minutes to read each chapter, and seconds that computing it took here."""
    rows = []
    for page in pages:
        if "@" in page.slot:  # a chapter once more
            continue
        cells = nbformat.read(places.source(page), as_version=4).cells
        took = f"{done[page.slot].seconds:.0f} s" if page.slot in done else "–"
        rows.append([f"{{doc}}`../{page.document}`", f"{minutes(cells)} min", took])
    return table(["chapter", "reading", f"computing, at `{pages[0].profile}`"], rows, ":---|---:|---:")


def expected(pages: Sequence[Page], known: Known, places: Places) -> str:
    """The headline numbers of each chapter: from the committed evidence where it has them, else from this run."""
    rows = []
    for page in pages:
        name = page.document.removeprefix("notebooks/")
        for key, words in HEADLINES.get(name, {}).items():
            records = (_evidence(page, places), known.get(name, NOTHING))
            record = next((one for one in records if key in one["values"]), None)
            found = {name: record} if record else {}
            rows.append([name.partition("_")[0], words, f"{number(found, name, key):.3f}", _source(record)])
    return table(["chapter", "number", "expected", "from"], rows, ":---|:---|---:|:---")


def _evidence(page: Page, places: Places) -> Mapping[str, Any]:
    """What is kept of the notebook of `page` on the data set that it takes by default."""
    dataset = declared(places.source(page)).get("dataset", "synthav")
    path = places.root / "data" / "reference" / "full" / f"{page.notebook}@{dataset}.json"
    return json.loads(path.read_text()) if path.exists() else NOTHING


def _source(record: Mapping[str, Any] | None) -> str:
    if record is None:
        return "not computed yet"
    behind = record["provenance"]["parameters"]
    seeds = int(behind.get("seeds", 1))
    return f"{behind['profile']}, {behind['dataset']}, {seeds} training{'s' * (seeds > 1)}"


def table(head: Sequence[str], rows: Sequence[Sequence[str]], rule: str) -> str:
    """A Markdown table."""
    return "\n".join([f"| {' | '.join(head)} |", f"|{rule}|", *(f"| {' | '.join(row)} |" for row in rows)])
