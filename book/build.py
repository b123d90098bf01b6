"""``make book``: execute the pages of a profile, then publish them.

PROFILE=smoke|laptop|full|paper   ONLY="03 04"   PARAMS="epsilon=8/255 norm=inf"   DATASET=avdigits   JOBS=2
"""

import argparse
import os
import sys
import time

from avlib.data import missing
from avlib.errors import AvlibError
from book.execute import Places, execute_all
from book.plan import ROOT, plan, words
from book.publish import publish


def main(arguments: list[str] | None = None) -> int:
    """Build the book; 0 when it is whole, 1 with one line on what to do when it is not."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--profile", default="laptop")
    parser.add_argument("--only", default="")
    parser.add_argument("--params", default="")
    parser.add_argument("--dataset", default="")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    asked = parser.parse_args(arguments)
    places, started = Places(ROOT / "_build"), time.perf_counter()
    try:
        overrides = words(asked.params)
        chosen = plan(asked.profile, asked.only, asked.dataset, overrides)
        lacking = {page.slot: reason for page in chosen if (reason := missing(str(page.parameters["dataset"])))}
        if asked.dataset and lacking:
            raise AvlibError(next(iter(lacking.values())))
        for slot, reason in lacking.items():
            print(f"  {slot:<44} left out: {reason}", file=sys.stderr)
        print(f"Executing profile {asked.profile}, {asked.jobs} pages at a time", file=sys.stderr)
        execute_all([page for page in chosen if page.slot not in lacking], places, asked.jobs)
        here = {page.slot: page for page in plan(asked.profile)} | {page.slot: page for page in chosen}
        print("Publishing", file=sys.stderr, flush=True)
        index = publish(list(here.values()), lacking, places)
    except AvlibError as error:
        print(f"make book: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("make book: stopped; run it again and it goes on from here", file=sys.stderr)
        return 130
    print(f"The book is at {index} ({time.perf_counter() - started:.0f} s)", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
