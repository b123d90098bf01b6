"""``make book``: execute the pages of a profile, then publish them.

PROFILE=smoke|laptop|full|paper   ONLY="03 04"   PARAMS="epsilon=8/255 norm=inf"   DATASET=avdigits   STUDENT=1   JOBS=2
"""

import argparse
import contextlib
import functools
import os
import sys
import time
from collections.abc import Callable, Collection, Iterator
from dataclasses import replace
from pathlib import Path

from filelock import FileLock, Timeout

from avlib.data import missing
from avlib.errors import AvlibError
from avlib.files import writing
from book.fresh import data_state
from book.places import Page, Places
from book.plan import plan, words
from book.publish import publish
from book.workers import execute_all

PATIENCE = 5.0  # s: the workers of a killed run end within a moment


@contextlib.contextmanager
def alone(build: Path) -> Iterator[None]:
    """Keep a second ``make book`` out of the folder `build`: the two would overwrite each other's pages."""
    with writing(build):
        build.mkdir(parents=True, exist_ok=True)
    try:
        lock = FileLock(build / "book.lock", timeout=PATIENCE).acquire()
    except Timeout:
        raise AvlibError(f"another make book is at work in {build}; wait until it is done, or stop it") from None
    with lock, writing(build):
        yield


def _lacking(page: Page, why: Callable[..., str | None]) -> str | None:
    """Why there are no data for `page`, or for a page that it reads; `why` knows it of a data set."""
    own = why(str(page.parameters.get("dataset", "synthav")), page.needs)
    reasons = [] if page.partial else [_lacking(one, why) for one in page.inputs]
    return next(filter(None, [*reasons, own]), None)


def _without(page: Page, lacking: Collection[str]) -> Page:
    """`page`, which does without those of its inputs that are `lacking` their data."""
    return replace(page, inputs=tuple(one for one in page.inputs if one.slot not in lacking)) if page.partial else page


def _jobs(text: str) -> int:
    """How many pages are executed at a time."""
    with contextlib.suppress(ValueError):
        if (jobs := int(text)) >= 1:
            return jobs
    raise AvlibError(f"JOBS={text:.40} is refused: a whole number, at least 1 page at a time")


def _student(text: str) -> bool:
    if text not in ("", "1"):
        raise AvlibError(f"STUDENT={text} is refused: 1 for a book without answers, or nothing")
    return text == "1"


def main(arguments: list[str] | None = None, places: Places = Places()) -> int:  # noqa: B008 (frozen)
    """Build the book; 0 when it is whole, 1 with one line on what to do when it is not."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--profile", default="laptop")
    parser.add_argument("--only", default="")
    parser.add_argument("--params", default="")
    parser.add_argument("--dataset", default="")
    parser.add_argument("--student", default="")
    parser.add_argument("--jobs", default=str(os.cpu_count() or 1))
    asked = parser.parse_args(arguments)
    started = time.perf_counter()
    for folder in ("AVLIB_DATA", "AVLIB_CACHE"):  # a kernel starts in notebooks/, where a relative path means another
        if os.environ.get(folder):
            os.environ[folder] = os.path.abspath(os.environ[folder])
    try:
        jobs, student, overrides = _jobs(asked.jobs), _student(asked.student), words(asked.params)
        chosen = plan(asked.profile, asked.only, asked.dataset, overrides, places)
        everything = {page.slot: page for page in plan(asked.profile, places=places)} | {
            page.slot: page for page in chosen
        }
        why = functools.cache(missing)  # a data set may be millions of files: they are looked at once
        lacking = {slot: reason for slot, page in everything.items() if (reason := _lacking(page, why))}
        data_state.cache_clear()
        if asked.dataset and all(page.slot in lacking for page in chosen):
            raise AvlibError(lacking[chosen[0].slot])
        chosen = [_without(page, lacking) for page in chosen]
        everything = {slot: _without(page, lacking) for slot, page in everything.items()}
        for page in chosen:
            if page.slot in lacking:
                print(f"  {page.slot:<44} left out: {lacking[page.slot]}", file=sys.stderr)
        print(f"Executing profile {asked.profile}, {jobs} pages at a time", file=sys.stderr, flush=True)
        with alone(places.build):
            execute_all([page for page in chosen if page.slot not in lacking], places, jobs)
            print("Publishing", file=sys.stderr, flush=True)
            index = publish(list(everything.values()), lacking, places, student)
    except (AvlibError, OSError) as error:
        print(f"make book: {error}", file=sys.stderr)
        return 1
    print(f"The book is at {index} ({time.perf_counter() - started:.0f} s)", file=sys.stderr)
    return 0
