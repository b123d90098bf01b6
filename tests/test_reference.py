"""The numbers and the drawn data of the run of nbval, against the reference; and what the comparison can see."""

import copy
import json
import math

import numpy as np
import pytest

from avlib.data import SETS
from avlib.provenance import cells, digest, notebook_digest, sources
from book.places import Page, Places
from book.plan import plan
from book.reference import ABSOLUTE, SETTINGS, compare, flat, path_of, reference_of, tolerance_of, vacuous

PLACES = Places()
PAGES = [page for page in plan("smoke") if page.variant == "synthav"]  # those that nbval executes: the defaults
RECORDED = [page for page in plan("smoke") if page.variant in SETS[1:]]  # those that only make book executes


def _results(page: Page) -> dict:
    """Results of `page`, which must be of the notebook and the library as they are now."""
    path = PLACES.results(page)
    again = f"run the notebooks first, as make test does: pytest --nbval notebooks/{page.notebook}.ipynb"
    assert path.exists(), f"{path} is missing; {again}"
    record = json.loads(path.read_text())
    library = digest(sources(code="\n".join(cells(PLACES.source(page)))))
    assert record["provenance"]["avlib"].endswith(library), f"{path} is of another version of avlib; {again}"
    code = notebook_digest(PLACES.source(page))
    assert record["provenance"].get("code") == code, f"{path} is of another version of the notebook; {again}"
    return record


def _reference(page: Page) -> dict:
    path = path_of(page, PLACES)
    assert path.exists(), f"{path} is missing; measure it: python -m book.reference {page.slot}"
    return json.loads(path.read_text())


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.slot)
def test_the_book_has_the_numbers_that_it_had(page):
    differences = compare(_results(page), _reference(page))
    assert not differences, "\n" + "\n".join(map(str, differences))


@pytest.mark.parametrize("page", RECORDED, ids=lambda page: page.slot)
def test_the_pages_on_recordings_have_the_numbers_that_they_had(page):
    try:
        record = _results(page)
    except AssertionError:
        pytest.skip("nothing of this state to compare: AVLIB_DATA=… make book PROFILE=smoke executes this page")
    differences = compare(record, _reference(page))
    assert not differences, "\n" + "\n".join(map(str, differences))


@pytest.mark.parametrize("page", [*PAGES, *RECORDED], ids=lambda page: page.slot)
def test_no_tolerance_of_the_reference_lets_zero_pass(page):
    reference = _reference(page)
    assert reference["settings"] == list(SETTINGS)
    for key, entry in reference["numbers"].items():
        value = np.atleast_1d(np.asarray(entry["value"], dtype=float))
        size = float(np.abs(value[np.isfinite(value)]).max(initial=0.0))
        assert not vacuous(entry["tolerance"], size), f"{key} = {size:.3g} ± {entry['tolerance']:.3g}"


@pytest.mark.parametrize("page", [*PAGES, *RECORDED], ids=lambda page: page.slot)
def test_most_numbers_of_the_reference_are_compared(page):
    reference = _reference(page)
    assert len(reference["unstable"]) <= 0.25 * (len(reference["numbers"]) + len(reference["unstable"]))


def test_every_reference_belongs_to_a_page():
    kept = {path.name for path in (PLACES.root / "data" / "reference" / "smoke").glob("*.json")}
    assert kept <= {path_of(page, PLACES).name for page in plan("smoke")}


def _record(mean: float = 0.5, curve: tuple = (1.0, 2.0, 3.0), name: str = "pgd", gap: float = 0.0) -> dict:
    return {
        "values": {"mAP": {"value": mean, "low": mean - 0.1, "unit": "share"}, "gap": {"value": gap}},
        "figures": {
            "loss": {
                "loss": {"shape": [len(curve)], "numbers": list(curve)},
                "attack": {"shape": [1], "text": [name]},
            }
        },
    }


def _told(record: dict, reference: dict) -> list[str]:
    return [difference.key for difference in compare(record, reference)]


REFERENCE = reference_of([_record(0.5), _record(0.51), _record(0.49, (1.0, 2.1, 3.0))])


def test_the_tolerance_is_three_times_the_spread_and_a_floor():
    assert REFERENCE["numbers"]["mAP"]["tolerance"] == pytest.approx(3 * 0.02, abs=1e-3)
    assert REFERENCE["numbers"]["figure loss.loss"]["tolerance"] == pytest.approx(3 * 0.1, abs=1e-2)
    assert REFERENCE["numbers"]["gap"]["tolerance"] == ABSOLUTE
    assert REFERENCE["texts"]["figure loss.attack"] == ["pgd"]
    assert not REFERENCE["unstable"]


@pytest.mark.parametrize(
    ("record", "told"),
    [
        (_record(0.55, (1.05, 2.0, 3.2)), []),
        (_record(0.57), ["mAP", "mAP.low"]),
        (_record(0.43), ["mAP", "mAP.low"]),
        (_record(0.0), ["mAP", "mAP.low"]),
        (_record(math.nan), ["mAP", "mAP.low"]),
        (_record(math.inf), ["mAP", "mAP.low"]),
        (_record(curve=(1.0, 2.0, 3.4)), ["figure loss.loss[2]"]),
        (_record(curve=(1.0, 2.0)), ["figure loss.loss", "figure loss.loss.shape"]),
        (_record(name="fgsm"), ["figure loss.attack"]),
        (_record(gap=0.001), ["gap"]),
    ],
)
def test_a_change_beyond_the_tolerance_is_seen(record, told):
    assert sorted(_told(record, REFERENCE)) == sorted(told)


def test_a_number_that_is_lost_or_new_is_seen():
    record = _record()
    del record["values"]["gap"]
    record["values"]["drop"] = {"value": 0.1}
    assert _told(record, REFERENCE) == ["gap", "drop"]


def test_a_difference_names_key_value_reference_and_tolerance():
    [difference, _] = compare(_record(0.57), REFERENCE)
    assert str(difference) == "mAP = 0.57, was 0.5 ± 0.061"


def test_what_varies_too_much_is_listed_and_not_compared():
    wild = reference_of([_record(0.5), _record(0.9, name="pgd"), _record(0.6, name="fgsm")])
    assert set(wild["unstable"]) == {"mAP", "mAP.low", "figure loss.attack"}
    assert _told(_record(0.0, name="other"), wild) == []
    lengths = reference_of([_record(), _record(curve=(1.0, 2.0))])
    assert set(lengths["unstable"]) == {"figure loss.loss", "figure loss.loss.shape"}
    lost = copy.deepcopy(_record())
    del lost["values"]["gap"]
    assert set(reference_of([_record(), lost])["unstable"]) == {"gap"}
    assert set(reference_of([lost, _record()])["unstable"]) == {"gap"}


def test_not_a_number_and_infinity_are_values_of_their_own():
    reference = reference_of([_record(curve=(math.nan, math.inf, 1.0))] * 2)
    assert _told(_record(curve=(math.nan, math.inf, 1.0)), reference) == []
    assert _told(_record(curve=(math.nan, 1.0, 1.0)), reference) == ["figure loss.loss[1]"]
    assert _told(_record(curve=(1.0, math.inf, 1.0)), reference) == ["figure loss.loss[0]"]


@pytest.mark.parametrize("spread", [0.0, 0.01, 0.1, 0.166, 0.2, 1.0])
@pytest.mark.parametrize("size", [0.0, 1e-5, 0.3, 1.0])
def test_zero_never_passes_for_what_is_not_zero(spread, size):
    tolerance, measured = tolerance_of(spread, np.array([size]))
    if not vacuous(tolerance, measured):
        assert tolerance < size / 2 or (size <= 2 * ABSOLUTE and tolerance <= 8 * ABSOLUTE)


def test_everything_in_a_results_file_has_a_name():
    assert set(flat(_record())) == {
        "mAP",
        "mAP.low",
        "mAP.unit",
        "gap",
        "figure loss.loss",
        "figure loss.loss.shape",
        "figure loss.attack",
        "figure loss.attack.shape",
    }
