"""Execute pages with papermill, several at a time; a page whose ingredients have not changed is left alone."""

import json
import logging
import os
import shutil
import sys
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

import nbformat

import avlib
from avlib.errors import AvlibError
from avlib.files import atomic, digest, writing
from book.plan import NOTEBOOKS, ROOT, Page

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


@dataclass(frozen=True)
class Places:
    """Where executed pages, failed ones, results and media are, under one build folder."""

    build: Path

    def executed(self, page: Page) -> Path:
        return self.build / "executed" / page.profile / f"{page.name}.ipynb"

    def facts(self, page: Page) -> Path:
        return self.executed(page).with_suffix(".json")

    def failed(self, page: Page) -> Path:
        return self.build / "failed" / page.profile / f"{page.name}.ipynb"

    def results(self, page: Page) -> Path:
        return self.build / "results" / page.profile / f"{page.notebook}@{page.variant}.json"


def key(page: Page) -> str:
    """Digest of all that decides a page: its code and text, parameters, the library, the pins, and the recordings."""
    cells = [(c.cell_type, c.source, c.metadata) for c in nbformat.read(page.source, as_version=4).cells]
    recordings = os.environ.get("AVLIB_DATA", "")
    stamps: list[tuple[str, int, int]] = []
    if recordings and page.parameters.get("dataset", "synthav") != "synthav":
        files = (p for p in Path(recordings).rglob("*") if p.is_file())
        stamps = sorted((str(p.relative_to(recordings)), p.stat().st_size, p.stat().st_mtime_ns) for p in files)
    library = sorted(Path(avlib.__file__).parent.rglob("*.py"))
    return digest(cells, page.parameters, page.variant, stamps, ROOT / "constraints.txt", *library)


def fresh(page: Page, places: Places) -> bool:
    """True when the page has been executed with just these ingredients, and everything that it left is there."""
    facts = places.facts(page)
    if not (facts.exists() and places.executed(page).exists() and places.results(page).exists()):
        return False
    return json.loads(facts.read_text())["key"] == key(page)


def execute_all(pages: list[Page], places: Places, jobs: int) -> None:
    """Execute what is not fresh, `jobs` pages at a time, a line each.

    Raises
    ------
    AvlibError
        When any page failed; the others are kept, and the failed one is left where it can be looked at.
    """
    todo = []
    for page in pages:
        if fresh(page, places):
            _line(page, "unchanged", json.loads(places.facts(page).read_text())["seconds"])
        else:
            todo.append(page)
    failures = []
    os.environ.update({name: os.environ.get(name, value) for name, value in ENVIRONMENT.items()})
    with ProcessPoolExecutor(max_workers=jobs) as pool:
        running = {pool.submit(execute, page, places): page for page in todo}
        for page in todo[:jobs]:
            _line(page, "running")
        waiting = todo[jobs:]
        for done in as_completed(running):
            page = running[done]
            try:
                _line(page, "done", done.result())
            except AvlibError as error:
                failures.append(error)
                _line(page, "FAILED")
            if waiting:
                _line(waiting.pop(0), "running")
    if failures:
        raise AvlibError("; ".join(str(error) for error in failures))


def execute(page: Page, places: Places) -> float:
    """Execute one page with papermill; seconds taken.

    Raises
    ------
    AvlibError
        When a cell raised or the kernel died; says where the partial page is.
    """
    import papermill  # seconds to import, and only the workers need it

    logging.getLogger("papermill").setLevel(logging.ERROR)
    target, failed = places.executed(page), places.failed(page)
    # The old page goes first: whatever happens from here on, it is not taken for the new one.
    for old in (target, places.facts(page), places.results(page), failed):
        old.unlink(missing_ok=True)
    os.environ.update(AVLIB_OUT=str(places.build), AVLIB_VARIANT=page.variant)
    started, ingredients = time.perf_counter(), key(page)
    with writing(target):
        failed.parent.mkdir(parents=True, exist_ok=True)
        target.parent.mkdir(parents=True, exist_ok=True)
    try:
        papermill.execute_notebook(
            page.source,
            failed,  # becomes the page only when every cell has run
            page.parameters,
            kernel_name="python3",
            cwd=NOTEBOOKS,
            progress_bar=False,
            request_save_on_cell_execute=False,
        )
    except Exception as error:
        reason = (getattr(error, "evalue", "") or str(error).strip() or type(error).__name__).splitlines()[0]
        name = getattr(error, "ename", type(error).__name__)
        raise AvlibError(f"{page.name} failed: {name}: {reason}; its partial output is in {failed}") from None
    if not places.results(page).exists():
        raise AvlibError(f"{page.name} wrote no results: its last cell must call run.finish(); see {failed}")
    seconds = time.perf_counter() - started
    device = json.loads(places.results(page).read_text())["provenance"]["device"]
    shutil.move(failed, target)
    with atomic(places.facts(page)) as part:
        part.write_text(json.dumps({"key": ingredients, "seconds": round(seconds, 1), "device": device}))
    return seconds


def _line(page: Page, state: str, seconds: float | None = None) -> None:
    took = "" if seconds is None else f"{seconds:7.1f} s"
    print(f"  {page.name:<44} {state:<10}{took}", file=sys.stderr, flush=True)
