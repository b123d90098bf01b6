"""Execute pages, several at a time; a page whose ingredients have not changed is left alone."""

import multiprocessing
import sys
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool

from avlib.errors import AvlibError
from book.ending import end_with_parent
from book.execute import execute, one_line
from book.fresh import fresh
from book.places import Page, Places


def execute_all(pages: list[Page], places: Places, jobs: int) -> None:
    """Execute what is not fresh, `jobs` pages at a time, a line each; a page waits for those whose results it reads.

    Raises
    ------
    AvlibError
        When any page failed; the others are kept, and the failed one is left where it can be looked at.
    """
    waiting = list({page.name: page for page in pages}.values())  # two slots may show one page
    running: dict[Future[float], Page] = {}
    failures: dict[str, str] = {}
    # Forked workers share the process that kernels are forked from, book/kernels.py; what is no Linux has none.
    context = multiprocessing.get_context("fork" if sys.platform == "linux" else None)
    pool = ProcessPoolExecutor(min(jobs, len(waiting)) or 1, context, initializer=end_with_parent)
    try:
        while waiting or running:
            for page in [page for page in waiting if not _awaited(page, [*waiting, *running.values()])]:
                if len(running) == jobs:
                    break
                waiting.remove(page)
                if failed := [one.name for one in page.inputs if one.name in failures]:
                    failures[page.name] = f"{page.name} was not executed: it reads the results of {failed[0]}"
                    _line(page, "FAILED")
                elif isinstance(found := fresh(page, places), str):
                    import papermill  # noqa: F401 (a second: once, before the workers are forked, if anything is to do)

                    running[pool.submit(_attempt, page, places)] = page
                    _line(page, "running", told=found)
                else:
                    _line(page, "unchanged", found.seconds)
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


def _attempt(page: Page, places: Places) -> float:
    """`execute`, in a worker: whatever goes wrong reaches the other process as one line."""
    try:
        return execute(page, places)
    except AvlibError:
        raise
    except Exception as error:
        raise AvlibError(f"{page.name} failed: {one_line(error)}") from None


def _line(page: Page, state: str, seconds: float | None = None, told: str = "") -> None:
    took = "" if seconds is None else f"{seconds:7.1f} s"
    print(f"  {page.name:<44} {state:<10}{took}{told}", file=sys.stderr, flush=True)
