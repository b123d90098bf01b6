"""Sentences of chapter 6 that tell a result: the cells of the notebook, fed with results from every side."""

import math
from types import SimpleNamespace as Some

import pandas as pd
import pytest
import torch

from avlib.metrics import Positives
from tests.book.cells import ABOVE, ACROSS, BELOW, SIDES, Run, between, cells, one_by_one

CELLS = cells("06_which_frequencies")
FAIR = torch.tensor([[1.0, 0], [0, 1]] * 9)
LOW, MIDDLE, HIGH = BANDS = "bins 0–20", "bins 20–40", "bins 40–64"


def told(cell, **names):
    given = {"math": math, "pd": pd, "torch": torch, "run": Run(), "seeds": 1, "how": {}, "truth": FAIR,
             "carried": Positives.of(FAIR), "parts": dict.fromkeys(BANDS), "low": LOW, "middle": MIDDLE, "high": HIGH,
             "bootstrap": lambda *a, **k: ACROSS, **names}  # fmt: skip
    exec(CELLS[cell], given)
    return given["run"].text


def test_few_positives_and_classes_without_a_score_are_named():
    few = torch.tensor([[1.0, 0, 1], [0, 1, 1], [0, 0, 1]])
    names = {"data": Some(name="x", classes=["a", "b", "c"]), "untouched": ACROSS, "chance_map": lambda _: 0.25,
             "mels": 64, "frames": 100}  # fmt: skip
    text = told("band-06", truth=few, carried=Positives.of(few), **names)
    assert "both" not in text
    assert "carry them or none: c." in text
    assert "concludes nothing" in text
    fair = told("band-06", **(names | {"data": Some(name="x", classes=["a", "b"])}))
    assert "Not scored" not in fair
    assert "concludes nothing" not in fair


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("held", [0.1, 0.0, -0.1])
def test_which_band_does_most_harm_and_whether_the_search_has_failed(side, held):
    table = pd.DataFrame({"universal δ": dict(zip(BANDS, (between(0.4, 0.5), between(0.2, 0.3), ACROSS), strict=True))})
    table.loc[HIGH, "universal δ"] = between(0.6, 0.7)
    text = told("band-16", table=table, gap=SIDES[side], held=held)
    assert {1: "more harm than in bins 40–64, as printed", 0: "cannot be told apart", -1: "the reverse"}[side] in text
    assert "bins 20–40 leaves the lowest" in text
    assert ("the search has failed" in text) == (held < 0)


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("same", [True, False])
def test_bands_under_two_norms(side, same):
    worst = {"ℓ2 a frame": LOW, "ℓ2 a bin": LOW, "ℓ∞": LOW if same else HIGH, "four equal bands": "bins 0–16"}
    text = told("band-23", scores={name: {} for name in worst}, spread=lambda _: ACROSS, apart=lambda *_: SIDES[side],
                extremes={name: (band, MIDDLE) for name, band in worst.items()})  # fmt: skip
    assert {1: "differ less under ℓ∞", 0: "cannot be told", -1: "differ *more*"}[side] in text
    assert ("under all three" in text) == same
    assert ("40–64 (ℓ∞)" in text) == (not same)
    assert "0–16" not in text


@pytest.mark.parametrize("side", SIDES)
def test_the_halves_of_a_clip(side):
    halves = {"frames 0–50": None, "frames 50–100": None}
    moments = pd.DataFrame({"universal δ": {name: between(0.5, 0.6) for name in ("all frames", *halves)}})
    text = told("band-30", halves=halves, in_time=halves, moments=moments, paired=lambda *a, **k: SIDES[side])
    assert {1: "the second half is", 0: "not told apart", -1: "the first half is"}[side] in text
    assert "0.55 and 0.55" in text


@pytest.mark.parametrize("informs", SIDES)
@pytest.mark.parametrize("breaks", SIDES)
def test_the_conclusion_of_the_paper_needs_both(informs, breaks):
    gaps = one_by_one(SIDES[informs], ABOVE, SIDES[breaks], ABOVE)
    none = dict.fromkeys(BANDS)
    text = told("band-37", paired=gaps, averages=none, noisy=none,
                agree={("a", "b"): 0.5, ("a", "c"): math.nan})  # fmt: skip
    assert ("the lowest band informs most" in text.lower()) == (informs == 1)
    assert ("is not seen to inform most" in text) == (informs != 1)
    assert ("is the most harmful" in text) == (breaks == 1)
    assert ("is not seen to be the most harmful" in text) == (breaks != 1)
    assert ("both halves" in text) == (informs == breaks == 1)
    assert "a with b 0.50; a with c –" in text


@pytest.mark.parametrize(
    ("low", "high", "words"), [(ABOVE, BELOW, "the same one"), (BELOW, ABOVE, "not seen"), (ACROSS, BELOW, "not seen")]
)
def test_the_conjecture_about_hidden_bands(low, high, words):
    rows = {"untouched": BELOW, "all bins": ABOVE, LOW: low, MIDDLE: between(-0.6, -0.5), HIGH: high}
    without = {"untouched": 0.8, "all bins": 0.4, LOW: 0.5, MIDDLE: 0.6, HIGH: 0.7}
    compared = pd.DataFrame({"without": {name: between(v, v + 0.1) for name, v in without.items()}, "gain": rows})
    text = told("band-41", compared=compared)
    assert "has less mAP untouched" in text
    assert "keeps more under a δ in all bins" in text
    assert "the weakest band is bins 0–20" in text
    assert words in text


@pytest.mark.parametrize("behind", SIDES)
@pytest.mark.parametrize("above", SIDES)
def test_a_noise_in_another_place(behind, above):
    table = pd.DataFrame({"universal δ": dict.fromkeys(BANDS, ABOVE)})
    text = told("band-46", paired=one_by_one(SIDES[behind], SIDES[above]), shifted=None, table=table,
                logits=dict.fromkeys(BANDS), random=dict.fromkeys(BANDS))  # fmt: skip
    assert {1: "tied to its pitch", 0: "not told apart", -1: "even stronger"}[behind] in text
    assert ("still worse than random" in text) == (above == 1)


@pytest.mark.parametrize("side", SIDES)
def test_cut_late(side):
    table = pd.DataFrame({"universal δ": dict.fromkeys(BANDS, ABOVE)})
    text = told("band-53", paired=one_by_one(ACROSS, SIDES[side]), short=None, long=None, table=table,
                logits=dict.fromkeys(BANDS))  # fmt: skip
    assert ("the fence changes" in text) == (side == 1)
