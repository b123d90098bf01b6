"""Execute pages with papermill, several at a time; a page whose ingredients have not changed is left alone."""

import json
import logging
import multiprocessing.connection
import os
import shutil
import sys
import threading
import time
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import nbformat

from avlib.errors import AvlibError
from avlib.files import atomic, writing
from book.fresh import Facts, facts, ingredients, left, recorded, stale
from book.places import ROOT, Page, Places

ENVIRONMENT = dict(
    line.split("=") for line in (ROOT / "book" / "fast.env").read_text().splitlines() if line and line[0] != "#"
)


def execute_all(pages: list[Page], places: Places, jobs: int) -> None:
    """Execute what is not fresh, `jobs` pages at a time, a line each; a page waits for those whose results it reads.

    Raises
    ------
    AvlibError
        When any page failed; the others are kept, and the failed one is left where it can be looked at.
    """
    if jobs < 1:
        raise AvlibError(f"JOBS={jobs} is refused: at least 1 page at a time")
    os.environ.update({name: os.environ.get(name, value) for name, value in ENVIRONMENT.items()})
    waiting = list({page.name: page for page in pages}.values())  # two slots may show one page
    running: dict[Future[float], Page] = {}
    failures: dict[str, str] = {}
    pool = ProcessPoolExecutor(max_workers=jobs, initializer=_end_with_parent)
    try:
        while waiting or running:
            for page in [page for page in waiting if not _awaited(page, [*waiting, *running.values()])]:
                if len(running) == jobs:
                    break
                waiting.remove(page)
                if failed := [one.name for one in page.inputs if one.name in failures]:
                    failures[page.name] = f"{page.name} was not executed: it reads the results of {failed[0]}"
                    _line(page, "FAILED")
                elif reason := stale(page, places):
                    import papermill  # noqa: F401 (a second: once, before the workers are forked, if anything is to do)

                    running[pool.submit(_attempt, page, places)] = page
                    _line(page, "running", told=reason)
                else:
                    _line(page, "unchanged", facts(page, places).seconds)  # type: ignore[union-attr]
            for done in wait(running, return_when=FIRST_COMPLETED).done:
                page = running.pop(done)
                try:
                    _line(page, "done", done.result())
                except AvlibError as error:
                    failures[page.name] = str(error)
                    _line(page, "FAILED")
    except BrokenProcessPool:
        raise AvlibError("a worker was killed, mostly for want of memory; run again with JOBS=1") from None
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
    if failures:
        raise AvlibError("; ".join(failures.values()))


def _awaited(page: Page, others: list[Page]) -> bool:
    names = {other.name for other in others}
    return any(one.name in names for one in page.inputs)


def _end_with_parent() -> None:
    """Let this worker end when, and only when, the process that started it does; its kernel then ends by itself."""
    os.setsid()  # Ctrl-C is for the process that started it

    def watch() -> None:
        multiprocessing.connection.wait([multiprocessing.parent_process().sentinel])  # type: ignore[union-attr]
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _attempt(page: Page, places: Places) -> float:
    """`execute`, in a worker: whatever goes wrong reaches the other process as one line."""
    try:
        return execute(page, places)
    except AvlibError:
        raise
    except Exception as error:
        raise AvlibError(f"{page.name} failed: {_told(error)}") from None


def execute(page: Page, places: Places) -> float:
    """Execute one page with papermill; seconds taken.

    Raises
    ------
    AvlibError
        When a cell raised, a cell took too long, or the kernel died; says where the partial page is.
    """
    import papermill

    logging.getLogger("papermill").setLevel(logging.ERROR)
    target, failed = places.executed(page), places.failed(page)
    # The old page goes first: whatever happens from here on, it is not taken for the new one.
    for old in (target, places.facts(page), places.results(page), failed):
        old.unlink(missing_ok=True)
    shutil.rmtree(places.media(page), ignore_errors=True)
    inputs = {one.slot: str(places.results(one)) for one in page.inputs}
    os.environ.update(AVLIB_OUT=str(places.build), AVLIB_VARIANT=page.variant, AVLIB_INPUTS=json.dumps(inputs))
    started, state = time.perf_counter(), ingredients(page, places)
    with writing(target):
        failed.parent.mkdir(parents=True, exist_ok=True)
        target.parent.mkdir(parents=True, exist_ok=True)
    try:
        with writing(failed):
            papermill.execute_notebook(
                places.source(page),
                failed,  # becomes the page only when every cell has run
                page.parameters,
                kernel_name="python3",
                cwd=places.notebooks,
                progress_bar=False,
                execution_timeout=page.limit,
            )
    except AvlibError:  # disk full
        raise
    except Exception as error:
        told = _told(error)
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
    with atomic(places.facts(page)) as part:  # last, because from here on the page counts as executed
        part.write_text(kept.model_dump_json(indent=1))
    return seconds


def _told(error: Exception) -> str:
    """Kind of an error and the first line of what it says; for an error in a cell, that of the cell."""
    reason = (getattr(error, "evalue", "") or str(error).strip() or "no reason given").splitlines()[0]
    return f"{getattr(error, 'ename', type(error).__name__)}: {reason}"


def _last_cell(partial: Path) -> str:
    """The last cell that was begun, as one names it: its number among the code cells and its first line."""
    code = [cell for cell in nbformat.read(partial, as_version=4).cells if cell.cell_type == "code"]
    begun = [i for i, cell in enumerate(code) if cell.metadata.papermill.start_time]
    return f"code cell {begun[-1] + 1} ({code[begun[-1]].source.splitlines()[0]})"


def _line(page: Page, state: str, seconds: float | None = None, told: str = "") -> None:
    took = "" if seconds is None else f"{seconds:7.1f} s"
    print(f"  {page.name:<44} {state:<10}{took}{told}", file=sys.stderr, flush=True)
