"""Sentences of chapter 8 that tell a result: the cells of the notebook, fed with results from every side."""

import math
from types import SimpleNamespace as Some

import pandas as pd
import pytest
import torch

from avlib.checking import verdict
from avlib.metrics import Positives, contrast
from tests.book.cells import ABOVE, ACROSS, SIDES, Run, between, cells, one_by_one

CELLS = cells("08_which_architecture")
FAIR = torch.tensor([[1.0, 0], [0, 1]] * 9)
NETWORKS = ["ResNet", "CRNN", "CSN"]
READINGS = ("what is left", "what is lost", "the share kept", "the loss beyond random")
NOTHING = between(math.nan, math.nan)


FEW = Positives.of(FAIR[:6])


def told(cell, **names):
    given = {"math": math, "pd": pd, "torch": torch, "run": Run(), "seeds": 1, "how": {}, "truth": FAIR, "norm": 2,
             "networks": NETWORKS, "carried": Positives.of(FAIR), "contrast": contrast, "verdict": verdict,
             "size": Some(replicates=3), "Positives": Positives, **names}  # fmt: skip
    exec(CELLS[cell], given)
    return given


@pytest.mark.parametrize("pictured", [True, False])
def test_the_candidates_are_counted(pictured):
    models = {"ResNet": [torch.nn.Linear(2, 3)]}
    data = Some(name="x", classes=["a", "b"], eval=Some(labels=FAIR))
    text = told("arch-06", models=models, data=data, pictured=pictured)["run"].text
    assert "ResNet 9." in text
    assert ("no model here sees" in text) == (not pictured)


def test_four_readings_have_four_winners_and_the_averages_may_win_all():
    rows = {
        "ResNet": (0.3, 0.10, 0.60, 0.09), "CRNN": (0.5, 0.30, 0.50, 0.08), "CSN": (0.4, 0.20, 0.70, 0.05),
        "averages": (0.6, 0.05, 0.65, 0.06),
    }  # fmt: skip
    columns = ["universal δ", "drop", "kept", "beyond random"]
    table = pd.DataFrame(
        {name: {c: between(v, v) for c, v in zip(columns, row, strict=True)} for name, row in rows.items()}
    )
    left = {state: {name: between(v, v) for name, v in zip(NETWORKS, values, strict=True)}
            for state, values in (("clean", (0.8, 0.8, 0.7)), ("attacked", (0.7, 0.5, 0.5)))}  # fmt: skip
    found = told("arch-13", table=table.T, left=left)
    assert found["winner"] == dict(zip(READINGS, ("CRNN", "ResNet", "CSN", "CSN"), strict=True))
    assert found["beaten"] == ["what is left", "what is lost"]
    assert found["least"].value == pytest.approx(0.1)  # CSN loses .2 and ResNet .1


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("same", [True, False])
@pytest.mark.parametrize("beaten", [[], ["what is lost"]])
def test_a_ranking_is_told_with_its_way_of_counting(side, same, beaten):
    winner = dict(zip(READINGS, ["ResNet"] * 3 + ["ResNet" if same else "CSN"], strict=True))
    text = told("arch-14", winner=winner, beaten=beaten, least=SIDES[side])["run"].text
    assert ("All four readings agree" in text) == same
    assert ("name 2 winners" in text) == (not same)
    assert {1: "less than every other", 0: "no less for sure", -1: "more than some other"}[side] in text
    assert ("ahead of the winner by what is lost" in text) == bool(beaten)
    assert ("ahead by none" in text) == (not beaten)
    assert "may be luck" not in text
    assert "may be luck" in told("arch-14", winner=winner, beaten=beaten, least=SIDES[side], carried=FEW)["run"].text


def test_where_nothing_has_a_value_nothing_is_ranked():
    text = told("arch-14", winner=dict.fromkeys(READINGS, "ResNet"), beaten=[], least=NOTHING)["run"].text
    assert text == "mAP has no value on these clips, so nothing can be ranked."


@pytest.mark.parametrize("side", SIDES)
def test_the_eye_beside_the_best_ear(side):
    left = {"attacked": {"ResNet": between(0.1, 0.2), "CRNN": between(0.5, 0.6), "CSN": ACROSS}}
    names = {"left": left, "attacked": {"CSN + eye": None, "CRNN": None}, "paired": lambda *a, **k: SIDES[side]}
    text = told("arch-15", pictured=True, **names)["run"].text
    assert {1: "above that of every", 0: "not told apart", -1: "below the best"}[side] in text
    assert "(CRNN)" in text
    assert ("This lead is a second sense" in text) == (side > 0)
    assert ("A lead would be a second sense" in text) == (side <= 0)
    assert told("arch-15", pictured=False)["run"].said == []


@pytest.mark.parametrize(
    ("orders", "words"), [((0, 0, 0), "in 1 different order:"), ((0, 1, 0), "in 2 different orders")]
)
def test_orders_over_radii_are_counted(orders, words):
    order = {
        eps: NETWORKS if not turned else NETWORKS[::-1] for eps, turned in zip((0.0, 1.0, 2.0), orders, strict=True)
    }
    assert words in told("arch-18", order=order, radii=(1.0, 2.0))["run"].text


@pytest.mark.parametrize("side", SIDES)
def test_whose_noise_hurts_whom(side):
    kept = pd.DataFrame(0.9, index=NETWORKS, columns=NETWORKS)
    for name in NETWORKS:
        kept.loc[name, name] = 0.5
    kept.loc["CSN", "ResNet"] = 0.4
    darkest = {"ResNet": "CSN", "CRNN": "CRNN", "CSN": "CSN"}
    crossed = {name: dict.fromkeys(NETWORKS, FAIR) for name in NETWORKS}
    names = {"kept": kept, "darkest": darkest, "crossed": crossed, "paired": lambda *a, **k: SIDES[side]}
    found = told("arch-21", **names)
    assert ("On ResNet another's δ does more harm" in found["run"].text) == (side == 1)
    assert ("No network is hurt more" in found["run"].text) == (side != 1)
    assert found["shared"] == pytest.approx((0.6 + 5 * 0.1) / 2 / 1.5)
    assert "about the model" in found["run"].text
    alike = told("arch-21", **names | {"kept": kept * 0 + 0.5, "darkest": {name: name for name in NETWORKS}})
    assert alike["shared"] == pytest.approx(1)
    assert "about sounds" in alike["run"].text
    few = told("arch-21", **names, carried=FEW)["run"].text
    assert "from so few positives that tells nothing" in few
    assert "about the model" not in few
    harmless = told("arch-21", **names | {"kept": kept * 0 + 1.0, "darkest": {name: name for name in NETWORKS}})
    assert "nothing that could be shared out" in harmless["run"].text


@pytest.mark.parametrize("flags", [0, 1, 3])
def test_masking_is_told_by_the_flags(flags):
    raised = {"ResNet": ["one", "two", "three"][:flags], "CRNN": [], "CSN": ["one"]}
    masking = pd.DataFrame({"no attack": dict.fromkeys(NETWORKS, ACROSS), "PGD": dict.fromkeys(NETWORKS, ABOVE)})
    text = told("arch-28", raised=raised, masking=masking)["run"].text
    assert "before any attack" not in text
    masking["no attack"] = [between(1.0, 1.0)] * len(NETWORKS)
    assert "All of them are broken before any attack" in told("arch-28", raised=raised, masking=masking)["run"].text
    assert ("**ResNet raises no flag**" in text) == (not flags)
    assert (f"raises {flags} flag" in text) == bool(flags)
    assert ("cannot be taken for robustness" in text) == bool(flags)
    assert "CRNN raises none. CSN raises 1." in text


@pytest.mark.parametrize("side", SIDES)
def test_a_committee_beside_its_best_member(side):
    left = {"attacked": {name: ABOVE if name == "CRNN" else between(0, 0.05) for name in NETWORKS}}
    gaps = iter([SIDES[side], ACROSS])
    names = {"left": left, "Mean": lambda _: None, "models": {name: [None] for name in NETWORKS}, "fit": lambda _: None,
             "predict": lambda *a: FAIR, "data": Some(eval=None), "attacked": {"CRNN": [FAIR]},
             "clean": {"CRNN": [FAIR]}, "paired": lambda *a, **k: next(gaps)}  # fmt: skip
    text = told("arch-32", **names)["run"].text
    assert {1: "the vote helps", 0: "told from luck", -1: "worse than its best"}[side] in text
    assert "more than CRNN" in text


def test_the_check_of_the_exercise_knows_right_from_wrong():
    names = told("arch-34") | {"rolls": lambda draw: torch.Generator().manual_seed(draw)}
    exec(CELLS["arch-35"], names)
    assert names["run"].said[-1] == "Not written yet."
    names["promised"] = lambda gradient, eps: eps * gradient.norm()
    exec(CELLS["arch-35"], names)
    assert names["run"].said[-1].startswith("Not yet")
    names["promised"] = lambda gradient, eps: eps * gradient.norm(dim=1).sum()
    exec(CELLS["arch-35"], names)
    assert names["run"].said[-1].startswith("**Right**: 3 of 3 cases.")


@pytest.mark.parametrize("gained", SIDES)
@pytest.mark.parametrize("placed", SIDES)
def test_a_dose_of_dropout_is_compared_with_the_best_other(gained, placed):
    heights = {0.75: 0.5, 0.1: 0.7, 0.4: 0.6}
    grid = {dose: {"no positions": value, "positions": value} for dose, value in heights.items()}
    found = told(
        "arch-28d", grid=grid, tried=tuple(grid), bootstrap=lambda z, *a, **k: between(z, z),
        paired=one_by_one(SIDES[gained], SIDES[placed]),
    )["run"]  # fmt: skip
    ends = {1: "gains", 0: "makes no difference", -1: "costs"}
    assert f"Against the best other dose, 0.1, the dose of .75 {ends[gained]}" in found.text
    assert f"adding positions {ends[placed]}" in found.text
    assert "varies nothing" in told("arch-28d", grid={}, tried=())["run"].text
