"""Pages that have come lately, whose numbers at smoke have not been measured yet: `python -m book.reference PAGE`."""

import json

from book.places import Page, Places
from book.reference import path_of

PENDING = {
    *(f"{page}@avdigits" for page in ("06_which_frequencies", "07_where_senses_meet", "10_two_senses")),
    *("12_mixing_as_defence", "12_mixing_as_defence@avdigits"),
    *("13_when_the_eye_dominates", "13_when_the_eye_dominates@avdigits", "14_what_holds"),
}


def names_of(page: Page, places: Places) -> set[str] | None:
    """What `page` keeps, by its reference; of a pending one by its last run here, and None when there is none."""
    path = path_of(page, places)
    if page.slot in PENDING and not path.exists():
        path = places.results(page)
        return set(json.loads(path.read_text())["values"]) if path.exists() else None
    kept = json.loads(path.read_text())
    return {name.partition(".")[0] for name in {**kept["numbers"], **kept["unstable"]}}
