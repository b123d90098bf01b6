"""Execute pages with papermill, several at a time; a page whose ingredients have not changed is left alone."""

import json
import logging
import multiprocessing.connection
import os
import shutil
import sys
import threading
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import nbformat

from avlib.errors import AvlibError
from avlib.files import atomic, writing
from avlib.provenance import digest
from book.places import Page, Places

# One thread a worker is faster than several (1.6 to 1.8 times in training). The allocator settings keep large
# tensors from going back to the system after each use (a training step is 3 to 4 times faster).
ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "MALLOC_MMAP_THRESHOLD_": "4294967296",
    "MALLOC_TRIM_THRESHOLD_": "4294967296",
    "MALLOC_TOP_PAD_": "268435456",
    "TQDM_DISABLE": "1",
    "PYDEVD_DISABLE_FILE_VALIDATION": "1",
}


def key(page: Page, places: Places) -> str:
    """Digest of all that decides a page.

    That is its code and text, its parameters, the library, the pinned versions, the small tracked tables, and, where
    it uses recordings, their names, sizes and times.
    """
    cells = [(c.cell_type, c.source, c.metadata) for c in nbformat.read(places.source(page), as_version=4).cells]
    recordings = os.environ.get("AVLIB_DATA", "")
    stamps: list[tuple[str, int, int]] = []
    if recordings and page.parameters.get("dataset", "synthav") != "synthav":
        files = (p for p in Path(recordings).rglob("*") if p.is_file())
        stamps = sorted((str(p.relative_to(recordings)), p.stat().st_size, p.stat().st_mtime_ns) for p in files)
    library = sorted((places.root / "avlib").rglob("*.py"))
    tables = sorted(p for p in (places.root / "data").glob("*") if p.is_file())
    return digest(cells, page.parameters, page.variant, stamps, places.root / "constraints.txt", *library, *tables)


def fresh(page: Page, places: Places) -> bool:
    """True when the page has been executed with just these ingredients, and everything that it left is there."""
    if not (places.facts(page).exists() and places.executed(page).exists() and places.results(page).exists()):
        return False
    facts = json.loads(places.facts(page).read_text())
    return facts["key"] == key(page, places) and all((places.media(page) / name).exists() for name in facts["media"])


def execute_all(pages: list[Page], places: Places, jobs: int) -> None:
    """Execute what is not fresh, `jobs` pages at a time, a line each.

    Raises
    ------
    AvlibError
        When any page failed; the others are kept, and the failed one is left where it can be looked at.
    """
    if jobs < 1:
        raise AvlibError(f"JOBS={jobs} is refused: at least 1 page at a time")
    todo = []
    for page in pages:
        if fresh(page, places):
            _line(page, "unchanged", json.loads(places.facts(page).read_text())["seconds"])
        else:
            todo.append(page)
    if not todo:
        return
    import papermill  # noqa: F401 (a second: once, before the workers are forked, and not when nothing is to do)

    failures = []
    for folder in ("AVLIB_DATA", "AVLIB_CACHE"):  # a kernel starts in notebooks/, where a relative path means another
        if folder in os.environ:
            os.environ[folder] = os.path.abspath(os.environ[folder])
    os.environ.update({name: os.environ.get(name, value) for name, value in ENVIRONMENT.items()})
    pool = ProcessPoolExecutor(max_workers=jobs, initializer=_end_with_parent)
    running = {pool.submit(execute, page, places): page for page in todo}
    for page in todo[:jobs]:
        _line(page, "running")
    waiting = todo[jobs:]
    try:
        for done in as_completed(running):
            page = running[done]
            try:
                _line(page, "done", done.result())
            except AvlibError as error:
                failures.append(error)
                _line(page, "FAILED")
            if waiting:
                _line(waiting.pop(0), "running")
    except BrokenProcessPool:
        raise AvlibError("a worker was killed, mostly for want of memory; run again with JOBS=1") from None
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
    if failures:
        raise AvlibError("; ".join(str(error) for error in failures))


def _end_with_parent() -> None:
    """Let this worker end when, and only when, the process that started it does; its kernel then ends by itself."""
    os.setsid()  # Ctrl-C is for the process that started it

    def watch() -> None:
        multiprocessing.connection.wait([multiprocessing.parent_process().sentinel])  # type: ignore[union-attr]
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def execute(page: Page, places: Places) -> float:
    """Execute one page with papermill; seconds taken.

    Raises
    ------
    AvlibError
        When a cell raised or the kernel died; says where the partial page is.
    """
    import papermill

    logging.getLogger("papermill").setLevel(logging.ERROR)
    target, failed = places.executed(page), places.failed(page)
    # The old page goes first: whatever happens from here on, it is not taken for the new one.
    for old in (target, places.facts(page), places.results(page), failed):
        old.unlink(missing_ok=True)
    shutil.rmtree(places.media(page), ignore_errors=True)
    os.environ.update(AVLIB_OUT=str(places.build), AVLIB_VARIANT=page.variant)
    started, ingredients = time.perf_counter(), key(page, places)
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
                request_save_on_cell_execute=False,
            )
    except AvlibError:  # disk full
        raise
    except Exception as error:
        reason = (getattr(error, "evalue", "") or str(error).strip() or type(error).__name__).splitlines()[0]
        name = getattr(error, "ename", type(error).__name__)
        raise AvlibError(f"{page.name} failed: {name}: {reason}; its partial output is in {failed}") from None
    if not places.results(page).exists():
        raise AvlibError(f"{page.name} wrote no results: its last cell must call run.finish(); see {failed}")
    seconds = time.perf_counter() - started
    device = json.loads(places.results(page).read_text())["provenance"]["device"]
    facts = {
        "key": ingredients,
        "seconds": round(seconds, 1),
        "device": device,
        "media": sorted(path.name for path in places.media(page).glob("*")),
    }
    shutil.move(failed, target)
    with atomic(places.facts(page)) as part:  # last, because from here on the page counts as executed
        part.write_text(json.dumps(facts))
    return seconds


def _line(page: Page, state: str, seconds: float | None = None) -> None:
    took = "" if seconds is None else f"{seconds:7.1f} s"
    print(f"  {page.name:<44} {state:<10}{took}", file=sys.stderr, flush=True)
