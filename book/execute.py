"""Execute one page with papermill: all that decides how, and what is kept of it."""

import json
import logging
import os
import shutil
import time
from pathlib import Path

import nbformat

from avlib.errors import AvlibError
from avlib.files import writing
from book.fresh import Facts, ingredients, keep, left, recorded
from book.kernels import ENVIRONMENT
from book.places import Page, Places


def execute(page: Page, places: Places) -> float:
    """Execute one page with papermill; seconds taken.

    Raises
    ------
    AvlibError
        When a cell raised, a cell took too long, or the kernel died; says where the partial page is.
    """
    target, failed = places.executed(page), places.failed(page)
    # The old page goes first: whatever happens from here on, it is not taken for the new one.
    for old in (target, places.facts(page), places.results(page), failed):
        old.unlink(missing_ok=True)
    shutil.rmtree(places.media(page), ignore_errors=True)
    os.environ.update({name: os.environ.get(name, value) for name, value in ENVIRONMENT.items()})
    inputs = {one.slot: str(places.results(one)) for one in page.inputs}
    os.environ.update(AVLIB_OUT=str(places.build), AVLIB_VARIANT=page.variant, AVLIB_INPUTS=json.dumps(inputs))
    started, state = time.perf_counter(), ingredients(page, places)
    with writing(target):
        failed.parent.mkdir(parents=True, exist_ok=True)
        target.parent.mkdir(parents=True, exist_ok=True)
    try:
        with writing(failed):
            _run(page, places, failed)  # becomes the page only when every cell has run
    except AvlibError:  # disk full
        raise
    except Exception as error:
        told = one_line(error)
        if "Cell execution timed out" in str(error):
            told = f"{_last_cell(failed)} took longer than the {page.limit:g} s of book/profiles/{page.profile}.yml"
        raise AvlibError(f"{page.name} failed: {told}; its partial output is in {failed}") from None
    seconds = time.perf_counter() - started
    try:
        provenance = json.loads(places.results(page).read_text())["provenance"]
    except FileNotFoundError:
        raise AvlibError(f"{page.name} wrote no results: its last cell must call run.finish(); see {failed}") from None
    shutil.move(failed, target)
    media = sorted(path.name for path in places.media(page).glob("*"))
    kept = Facts(
        state=state | recorded(provenance["used"]) | left(page, places, media),
        used=provenance["used"],
        media=media,
        seconds=round(seconds, 1),
        spent=provenance["spent"],
        device=provenance["device"],
    )
    keep(kept, page, places)  # last, because from here on the page counts as executed
    return seconds


def _run(page: Page, places: Places, written: Path, tries: int = 2) -> None:
    """Papermill; again, where the kernel never came up: two that start at once may have taken the same port."""
    import papermill

    from book import engine  # registers itself

    logging.getLogger("papermill").setLevel(logging.ERROR)
    try:
        papermill.execute_notebook(
            places.source(page),
            written,
            page.parameters,
            engine_name=engine.NAME,
            kernel_name="python3",
            cwd=places.notebooks,
            progress_bar=False,
            execution_timeout=page.limit,
        )
    except RuntimeError as error:
        if tries == 1 or "died before replying" not in str(error):
            raise
        _run(page, places, written, tries - 1)


def one_line(error: Exception) -> str:
    """Kind of an error and the first line of what it says; for an error in a cell, that of the cell."""
    reason = (getattr(error, "evalue", "") or str(error).strip() or "no reason given").splitlines()[0]
    return f"{getattr(error, 'ename', type(error).__name__)}: {reason}"


def _last_cell(partial: Path) -> str:
    """The last cell that was begun, as one names it: its number among the code cells and its first line."""
    code = [cell for cell in nbformat.read(partial, as_version=4).cells if cell.cell_type == "code"]
    begun = [i for i, cell in enumerate(code) if cell.metadata.papermill.start_time]
    return f"code cell {begun[-1] + 1} ({code[begun[-1]].source.splitlines()[0]})"
