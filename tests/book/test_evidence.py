"""Only what was found by the pages as they are now becomes evidence."""

import json

import pytest

from avlib.errors import AvlibError
from book import evidence
from book.places import Page, Places
from book.plan import plan

RESULTS = {
    "provenance": {"date": "2026-11-21", "used": {"file": {}}, "spent": {"training": 1.0}},
    "values": {"mAP": {"value": 0.5}},
    "figures": {"curve": [1, 2, 3]},
}


@pytest.fixture
def executed(tmp_path):
    page, places = Page("02_tag", "02_tag", "avdigits", "full", {}, 1.0), Places(tmp_path)
    places.results(page).parent.mkdir(parents=True)
    places.results(page).write_text(json.dumps(RESULTS))
    return page, places


def test_kept_are_numbers_and_where_they_come_from(executed, monkeypatch):
    monkeypatch.setattr(evidence, "stale", lambda page, places: None)
    evidence.keep(*executed)
    (kept,) = (executed[1].root / "data" / "reference" / "full").iterdir()
    assert kept.name == "02_tag@avdigits.json"
    assert json.loads(kept.read_text()) == {"provenance": {"date": "2026-11-21"}, "values": RESULTS["values"]}


def test_a_stale_page_is_no_evidence(executed):
    with pytest.raises(AvlibError, match="02_tag@avdigits: not executed yet; run `make book PROFILE=full ONLY=02_tag`"):
        evidence.keep(*executed)
    assert not (executed[1].root / "data").exists()


@pytest.mark.parametrize(
    "page", [page for page in plan("full") if page.slot == page.notebook], ids=lambda page: page.slot
)
def test_what_is_kept_lies_where_the_verdicts_look_for_it(page):
    assert page.variant == page.parameters["dataset"]
