"""Turn executed pages and prose into the HTML book: stage a mirror of the sources, then build it without a warning."""

import re
import shutil
import subprocess
import sys
from importlib.metadata import distribution
from pathlib import Path

import nbformat

from avlib.clock import KINDS
from avlib.errors import AvlibError
from book.captions import captioned
from book.check_html import problems
from book.compose import composed
from book.exercises import boxed
from book.fresh import Facts, fresh
from book.places import Page, Places
from book.variants import relabelled

GLUE = re.compile(r"\{glue:text\}`\.\./(notebooks/[^`]+?)\.ipynb::[^`]+`")
NOTICE = """# {title}

```{{admonition}} Not computed yet
:class: warning
{reason}
```
"""


def publish(pages: list[Page], missing: dict[str, str], places: Places, student: bool = False) -> Path:
    """Build the book of `pages` into ``html/`` of the build folder; the path of its first page.

    A page that is not executed becomes a notice that says how to get it; `missing` maps slots to a reason.  The book of
    a `student` has cells to write in where the answers are.

    Raises
    ------
    AvlibError
        When Jupyter Book reports an error or a warning, or a reference of the built book is dead.
    """
    source, profile = places.build / "src", pages[0].profile
    shutil.rmtree(source, ignore_errors=True)
    (source / "notebooks").mkdir(parents=True)
    scripts = shutil.ignore_patterns("*.py", "*.sh", "*.env", "__pycache__", "profiles")
    shutil.copytree(places.root / "book", source / "book", ignore=scripts)
    shutil.copy(places.root / "_config.yml", source)
    absent = {}
    found = {page.slot: fresh(page, places) for page in pages if page.slot not in missing}
    done = {slot: kept for slot, kept in found.items() if isinstance(kept, Facts)}
    for page in pages:
        if page.slot not in done:
            absent[page.document] = missing.get(
                page.slot, f"Run `make book PROFILE={profile} ONLY={page.slot}` and this page is here."
            )
            notice = NOTICE.format(title=_title(page, places), reason=absent[page.document])
            (source / f"{page.document}.md").write_text(notice)
        else:
            written, executed = (nbformat.read(one(page), as_version=4) for one in (places.source, places.executed))
            shown = composed(written, executed, page.parameters)
            if "@" in page.slot:
                shown = relabelled(shown, page.slot.partition("@")[2])
            shown = boxed(captioned(shown), page.slot.replace("@", "-"), student)
            nbformat.write(shown, source / f"{page.document}.ipynb")
    for text in (source / "book").glob("*.md"):
        text.write_text(_without(absent, text.read_text()))
    _statistics(source / "book" / "statistics.md", pages, done)
    _offline(source, places.build / "media" / profile)

    command = ["build", str(source), "--path-output", str(source), "--all", "-W", "--keep-going", "-q"]
    command += ["--config", str(source / "_config.yml"), "--toc", str(source / "book" / "_toc.yml")]
    built = subprocess.run(
        [str(Path(sys.executable).with_name("jupyter-book")), *command],
        capture_output=True,
        text=True,
    )
    log = places.build / "jupyter-book.log"
    log.write_text(re.sub(r"\x1b\[[\d;]*m", "", built.stdout + built.stderr))  # colours
    if built.returncode:
        told = re.findall(r".*(?:WARNING|ERROR|error|Error): .*", log.read_text())
        raise AvlibError(f"Jupyter Book refused: {' | '.join(told[:5])}; all of it is in {log}")
    if dead := problems(source / "_build" / "html"):
        raise AvlibError(f"the built book is broken in {len(dead)} places: {' | '.join(dead[:5])}")
    html = places.html  # replaced only now, so that a refused book leaves the last good one
    shutil.rmtree(html, ignore_errors=True)
    shutil.move(source / "_build" / "html", html)
    return html / "index.html"


def _title(page: Page, places: Places) -> str:
    first = nbformat.read(places.source(page), as_version=4).cells[0].source.splitlines()[0].lstrip("# ")
    return first if "@" not in page.slot else f"{first} ({page.slot.partition('@')[2]})"


def _without(absent: dict[str, str], text: str) -> str:
    """Put a dash where a number of an absent page would be cited; a missing key of a present page stays an error."""
    return GLUE.sub(lambda cited: "–" if cited[1] in absent else cited[0], text)


def _statistics(target: Path, pages: list[Page], done: dict[str, Facts]) -> None:
    rows, times = [], []
    for page in pages:
        cells = [page.slot, page.profile, page.variant, "–", "not executed"]
        if kept := done.get(page.slot):
            cells[3:] = str(kept.seconds), kept.device
            times.append([page.slot.replace("_", " "), *_times(kept)])  # words, which may be broken
        rows.append(cells)
    whole = _table(["page", "profile", "data and parameters", "seconds", "device"], rows, "---|---|---|---:|---")
    parts = _table(["page", *KINDS, "other"], times, "---|" + "|".join(["---:"] * (len(KINDS) + 1)))
    target.write_text(target.read_text().replace("%STATISTICS%", whole).replace("%TIMES%", parts))


def _times(kept: Facts) -> list[str]:
    """Seconds of each kind of work and of all else, the largest in bold."""
    spent = [kept.spent[kind] for kind in KINDS]
    spent.append(max(0.0, kept.seconds - sum(spent)))
    return [f"**{took:.1f}**" if took == max(spent) else f"{took:.1f}" for took in spent]


def _table(head: list[str], rows: list[list[str]], rule: str) -> str:
    return "\n".join([f"| {' | '.join(head)} |", f"|{rule}|", *(f"| {' | '.join(row)} |" for row in rows)])


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
