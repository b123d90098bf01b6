"""Pages whose numbers at smoke have not been measured as they are now: `python -m book.reference PAGE`."""

import json

from book.places import Page, Places
from book.reference import path_of

PENDING = {"13_when_the_eye_dominates", "14_what_holds"}


def names_of(page: Page, places: Places) -> set[str] | None:
    """What `page` keeps, by its reference; of a pending one by its last run here, and None when there is none."""
    path = path_of(page, places)
    if page.slot in PENDING and not path.exists():
        path = places.results(page)
        return set(json.loads(path.read_text())["values"]) if path.exists() else None
    kept = json.loads(path.read_text())
    return {name.partition(".")[0] for name in {**kept["numbers"], **kept["unstable"]}}
