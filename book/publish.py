"""Turn executed pages and prose into the HTML book, without a warning."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

from avlib.errors import AvlibError
from book.check_html import problems
from book.mend import mend
from book.places import Page, Places
from book.stage import stage

# ``jupyter-book``, which would spend a third of its time on looking for garbage among the pages that it holds.
JUPYTER_BOOK = [sys.executable, "-c", "import gc; gc.disable(); from jupyter_book.cli.main import main; main()"]


def publish(pages: list[Page], missing: dict[str, str], places: Places, student: bool = False) -> Path:
    """Build the book of `pages` into ``html/`` of the build folder; the path of its first page.

    A page that is not executed becomes a notice that says how to get it; `missing` maps slots to a reason.  The book of
    a `student` has cells to write in where the answers are.

    Raises
    ------
    AvlibError
        When Jupyter Book reports an error or a warning, or a reference of the built book is dead.
    """
    source = stage(pages, missing, places, student)
    command = ["build", str(source), "--path-output", str(source), "--all", "-W", "--keep-going", "-q"]
    command += ["--config", str(source / "_config.yml"), "--toc", str(source / "book" / "_toc.yml")]
    built = subprocess.run([*JUPYTER_BOOK, *command], capture_output=True, text=True)
    log = places.build / "jupyter-book.log"
    log.write_text(re.sub(r"\x1b\[[\d;]*m", "", built.stdout + built.stderr))  # colours
    if built.returncode:
        told = re.findall(r".*(?:WARNING|ERROR|error|Error): .*", log.read_text())
        raise AvlibError(f"Jupyter Book refused: {' | '.join(told[:5])}; all of it is in {log}")
    mend(source / "_build" / "html")
    if dead := problems(source / "_build" / "html"):
        raise AvlibError(f"the built book is broken in {len(dead)} places: {' | '.join(dead[:5])}")
    html = places.html  # replaced only now, so that a refused book leaves the last good one
    shutil.rmtree(html, ignore_errors=True)
    shutil.move(source / "_build" / "html", html)
    return html / "index.html"
