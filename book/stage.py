"""A mirror of the sources, with the outputs of executed pages in it, as Jupyter Book reads it."""

import json
import re
import shutil
from importlib.metadata import distribution
from pathlib import Path

import nbformat

from book import tables
from book.captions import captioned
from book.compose import composed
from book.cover import cover
from book.differences import opened, opening
from book.exercises import boxed
from book.fresh import Facts, fresh
from book.links import turned
from book.needs import told
from book.numbers import Known, cited
from book.places import Page, Places
from book.sentences import SENTENCES
from book.terms import explained, glossary
from book.variants import TARGET, relabelled

PLACE = re.compile(r"%([A-Z]+)%")  # of a text that is made when the book is published
COVER = "03_breaking_a_model"  # the chapter that makes it
NOTICE = """{targets}# {title}

```{{admonition}} Not computed yet
:class: warning
{reason}
```
"""


def stage(pages: list[Page], missing: dict[str, str], places: Places, student: bool) -> Path:
    """Write the sources of the book of `pages`, and what it shows, into ``src/`` of the build folder; its path.

    A page that is not executed becomes a notice, for the reason in `missing` or with how to get it.
    """
    source, profile = places.build / "src", pages[0].profile
    shutil.rmtree(source, ignore_errors=True)
    (source / "notebooks").mkdir(parents=True)
    scripts = shutil.ignore_patterns("*.py", "*.sh", "*.env", "__pycache__", "profiles")
    shutil.copytree(places.root / "book", source / "book", ignore=scripts)
    shutil.copy(places.root / "_config.yml", source)
    found = {page.slot: fresh(page, places) for page in pages if page.slot not in missing}
    done = {slot: kept for slot, kept in found.items() if isinstance(kept, Facts)}
    known: Known = {
        page.document.removeprefix("notebooks/"): json.loads(places.results(page).read_text())
        for page in pages
        if page.slot in done
    }
    terms = glossary((places.root / "book" / "glossary.md").read_text())
    for page in pages:
        if page.slot in done:
            shown = _shown(page, places, known, terms, student)
            nbformat.write(told(shown, page), source / f"{page.document}.ipynb")
        else:
            how = f"Run `make book PROFILE={profile} ONLY={page.slot}` and this page is here."
            (source / f"{page.document}.md").write_text(_notice(page, places, missing.get(page.slot, how)))
    _fill(source / "book", pages, done, known, places)
    _offline(source, places.build / "media" / profile)
    return source


def _shown(page: Page, places: Places, known: Known, terms: list[str], student: bool) -> nbformat.NotebookNode:
    written, executed = (nbformat.read(one(page), as_version=4) for one in (places.source, places.executed))
    shown = explained(composed(written, executed, page.parameters), terms)
    chapter, _, variant = page.slot.partition("@")
    if variant:
        shown = opened(relabelled(shown, variant), opening(chapter, f"{chapter}-{variant}", known))
    return boxed(captioned(turned(shown, known)), page.slot.replace("@", "-"), student)


def _notice(page: Page, places: Places, reason: str) -> str:
    """What stands in place of a page: its title, the reason, and its targets, for other pages that link to them."""
    written = nbformat.read(places.source(page), as_version=4)
    if variant := page.slot.partition("@")[2]:
        written = relabelled(written, variant)
    prose = [cell.source for cell in written.cells if cell.cell_type == "markdown"]
    targets = "".join(f"{found[0]}\n" for source in prose for found in TARGET.finditer(source))
    return NOTICE.format(targets=targets, title=prose[0].splitlines()[0].lstrip("# "), reason=reason)


def _fill(folder: Path, pages: list[Page], done: dict[str, Facts], known: Known, places: Places) -> None:
    """Put into the pages of prose the numbers that they cite, and the texts that are made of numbers."""
    front = next((page for page in pages if page.slot == COVER and page.slot in done), None)
    made = {name: sentence(known) for name, sentence in SENTENCES.items()} | {
        "COVER": cover(nbformat.read(places.executed(front), as_version=4) if front else None),
        "EXPECTED": tables.expected(pages, known, places),
        "LESSONS": tables.lessons(pages, done, places),
        "STATISTICS": tables.executed(pages, done),
        "TIMES": tables.times(pages, done),
    }
    for text in folder.glob("*.md"):
        text.write_text(PLACE.sub(lambda place: made[place[1]], cited(text.read_text(), known)))


def _offline(source: Path, media: Path) -> None:
    """Put what a page would load from the network, and the sound files, beside the pages."""
    package = distribution("sphinx-mathjax-offline")
    script = package.locate_file("sphinx-mathjax-offline/static/mathjax/tex-svg-full.js")
    (source / "book" / "_static" / "mathjax").mkdir(parents=True, exist_ok=True)
    shutil.copy(str(script), source / "book" / "_static" / "mathjax")
    extra = source / "extra" / "notebooks" / "media"
    extra.parent.mkdir(parents=True)
    if media.exists():
        shutil.copytree(media, extra)
