"""Keep what the pages of the profile `full` have found, for the tables of verdicts, in data/reference/full/.

    make book PROFILE=full ONLY="02 04"; python -m book.evidence 02 04

Kept are the numbers and where they come from, and neither figures nor what was opened on the way: that is in the page.
"""

import json
import sys

from avlib.errors import AvlibError
from avlib.files import atomic
from book.fresh import stale
from book.places import Page, Places
from book.plan import plan
from book.reference import path_of

PROFILE = "full"


def keep(page: Page, places: Places) -> None:
    """Commit the numbers of an executed `page` to data/reference/full/.

    Raises
    ------
    AvlibError
        When it has not been executed as it is now.
    """
    if reason := stale(page, places):
        raise AvlibError(f"{page.name}: {reason}; run `make book PROFILE={PROFILE} ONLY={page.slot}` first")
    results = json.loads(places.results(page).read_text())
    behind = {name: value for name, value in results["provenance"].items() if name not in ("used", "spent")}
    target = path_of(page, places)
    target.parent.mkdir(parents=True, exist_ok=True)
    with atomic(target) as part:
        part.write_text(json.dumps({"provenance": behind, "values": results["values"]}, indent=1) + "\n")


if __name__ == "__main__":
    try:
        for one in plan(PROFILE, " ".join(sys.argv[1:])):
            keep(one, Places())
            print(f"{one.name} kept")
    except AvlibError as error:
        raise SystemExit(str(error)) from None
