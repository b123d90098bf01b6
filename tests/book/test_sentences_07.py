"""Sentences of chapter 7 that tell a result: the cells of the notebook, fed with results from every side."""

import itertools
import re
from itertools import permutations
from types import SimpleNamespace as Some

import pandas as pd
import pytest
import torch
from scipy.stats import page_trend_test

from avlib.checking import verdict
from avlib.metrics import Positives, contrast, tagging
from avlib.training.objective import GradientBlending
from tests.book.cells import ABOVE, ACROSS, BELOW, SIDES, Run, between, cells, one_by_one

CELLS = cells("07_where_senses_meet")
TAPS = ["early", "mid1", "mid2", "late_sum", "late"]
FAIR = torch.tensor([[1.0, 0], [0, 1]] * 9)


def executed(cell, **names):
    given = {"pd": pd, "torch": torch, "run": Run(), "size": Some(replicates=3, tuning=2), "TAPS": dict.fromkeys(TAPS),
             "truth": FAIR, "carried": Positives.of(FAIR), "seeds": 1, "tagging": tagging, **names}  # fmt: skip
    exec(CELLS[cell], given)
    return given


def told(cell, **names):
    return executed(cell, **names)["run"].prose


def opening(labels=FAIR, **names):
    film = Some(name="folder", train=range(40), classes=["a", "b"])
    return told("meet-08", film=film, truth=labels, classes=2, carried=Positives.of(labels), **names)


def test_how_it_was_trained_and_what_can_be_scored():
    assert "beginning as ear and eye, tuned for 2 passes, 1 of each" in opening()
    assert "tuned for 1 pass, 1 of each" in opening(size=Some(tuning=1))
    assert "trained from scratch, 3 of each" in opening(size=Some(tuning=None), seeds=3)
    assert "Not scored" not in opening()
    few = opening(torch.tensor([[1.0, 1], [1, 0], [1, 0]]))
    assert "Not scored, because all eval clips carry them or none: a." in few
    assert "concludes nothing" in few


@pytest.mark.parametrize("ear", SIDES)
@pytest.mark.parametrize("eye", SIDES)
def test_whether_two_senses_know_more_than_one(ear, eye):
    scores = dict.fromkeys([*TAPS, "ear", "eye"], ACROSS) | {"mid1": ABOVE}
    text = told("meet-10", score=scores, clean=dict.fromkeys(scores), at_paper=dict.fromkeys(TAPS, 1),
                paired=one_by_one(SIDES[ear], SIDES[eye], ABOVE))  # fmt: skip
    assert text.startswith("The best of the taps, mid1, is")
    words = {1: "above the", 0: "not told apart from the", -1: "below the"}
    assert f"{words[ear]} ear" in text
    assert f"{words[eye]} eye" in text
    assert ("know more than either" in text) == (ear == eye == 1)
    assert ("does harm" in text) == (-1 in (ear, eye))


@pytest.mark.parametrize(
    ("weights", "count"),
    [((1, 2, 3, 4, 5), 0), ((3, 2, 4, 5, 6), 1), ((3, 1, 2, 9, 4), 3), ((1, 1, 1, 1, 1), 0)],
)
def test_how_many_taps_are_out_of_the_order_of_their_weights(weights, count):
    given = executed("meet-10", score=dict.fromkeys(TAPS, ABOVE), clean=dict.fromkeys([*TAPS, "ear", "eye"]),
                     at_paper=dict(zip(TAPS, weights, strict=True)), paired=lambda *a, **k: ABOVE)  # fmt: skip
    assert given["run"].kept["taps_out_of_order"] == count


def trend(clean, attacked, lead, seeds=1):
    logits = {
        tap: {"universal δ": torch.stack([FAIR * (i + 1) + torch.rand(FAIR.shape) * (9 - i) for _ in range(seeds)])}
        for i, tap in enumerate(TAPS)
    }
    slope = {"clean": SIDES[clean], "universal δ": SIDES[attacked]}
    return told("meet-19", attacked=logits, slope=slope, lead=SIDES[lead], rival="mid2", seeds=seeds,
                page_trend_test=page_trend_test)  # fmt: skip


@pytest.mark.parametrize("side", SIDES)
def test_a_trend_rises_falls_or_cannot_be_told(side):
    words = {1: "rises with depth", 0: "cannot be told to rise or fall with depth", -1: "falls with depth"}
    assert f"Untouched, the mAP {words[side]}: **" in trend(side, 0, 0)
    assert f"Attacked it {words[side]}: **" in trend(0, side, 0)
    first = {1: "ahead of all others", 0: "not told apart from mid2", -1: "behind mid2"}
    assert first[side] in trend(0, 0, side)


def test_page_s_test_wants_several_trainings():
    assert "Page's test needs several trainings, and this run has 2" in trend(1, 1, 1, seeds=2)
    assert re.search(r"Page's test over 3 trainings gives p = 0\.\d{3}", trend(1, 1, 1, seeds=3))


def test_the_slope_is_that_of_a_line_through_the_taps():
    drawn = {name: {tap: between(0.3 + 0.05 * i, 0.3 + 0.05 * i) for i, tap in enumerate(TAPS)}
             for name in ("clean", "random δ", "universal δ")}  # fmt: skip
    gaps = iter([ABOVE, ACROSS, BELOW, ABOVE])
    given = executed("meet-18", drawn=drawn, contrast=contrast, attacked={tap: {"universal δ": None} for tap in TAPS},
                     paired=lambda *a, **k: next(gaps))  # fmt: skip
    assert given["slope"]["clean"].value == pytest.approx(0.05)
    assert given["run"].kept.keys() == {"slope_clean", "slope_universal", "late_minus_next_attacked"}
    assert given["rival"] == "mid2"
    assert given["lead"] is BELOW  # the nearest rival is the one that is ahead


def left_over(*sides):
    harm = pd.DataFrame({
        "clean": dict.fromkeys(["ear", *TAPS], ABOVE), "universal δ": dict.fromkeys(["ear", *TAPS], ABOVE),
        "attacked − eye": {"ear": ABOVE, **{tap: SIDES[side] for tap, side in zip(TAPS, sides, strict=True)}},
    })  # fmt: skip
    return told("meet-20", harm=harm, score={"eye": ABOVE, "ear": ABOVE}, chance_map=lambda _: 0.25)


def test_what_is_left_beyond_the_eye():
    assert "no tap is shown to keep anything" in left_over(0, 0, 0, 0, 0)
    assert "late keeps something of the sound" in left_over(0, 0, 0, 0, 1)
    assert "mid1, late keep something of the sound" in left_over(0, 1, 0, 0, 1)
    assert "worse" not in left_over(0, 1, 0, 0, 1)
    assert "; early is *worse* than the eye alone" in left_over(-1, 0, 0, 0, 0)
    assert "; early, mid2 are *worse*" in left_over(-1, 0, -1, 0, 1)


@pytest.mark.parametrize(("moved", "words"), [(0.0, "by nothing, as it must be"), (1e-3, "something is wrong")])
@pytest.mark.parametrize(
    ("order", "told_so"),
    [((1, 2, 3, 4, 5), "orders are the same"), ((2, 1, 3, 4, 5), "same tap leads both"), ((5, 2, 3, 4, 1), "Another")],
)
def test_what_the_deaf_see(moved, words, order, told_so):
    kept = {tap: between(i, i + 0.1) for i, tap in enumerate(TAPS)}
    seen = {tap: between(i, i + 0.1) for i, tap in zip(order, TAPS, strict=True)}
    text = told("meet-23", remains=seen, harm=pd.DataFrame({"universal δ": kept}), moved=moved, score={"eye": ABOVE})
    assert words in text
    assert told_so in text


@pytest.mark.parametrize("clean", SIDES)
@pytest.mark.parametrize("attacked", SIDES)
def test_late_fusion_beside_two_ears(clean, attacked):
    text = told(
        "meet-26", paired=one_by_one(SIDES[clean], SIDES[attacked]), clean={"late": [0]}, both=None, two_ears=None,
        attacked={"late": {"universal δ": None}}, pair=[torch.nn.Linear(2, 3)], cost={"late": (12, 1.0)},
    )  # fmt: skip
    words = {1: "ahead of", 0: "not told apart from", -1: "behind"}
    assert f"late is {words[clean]} two ears" in text
    assert f"it is {words[attacked]} them" in text
    assert ("it is the second sense" in text) == (attacked == 1)
    assert "Two ears have 9 weights" in text


@pytest.mark.parametrize("side", SIDES)
def test_cures_help_harm_or_cannot_be_told(side):
    names = [(tap, cure) for tap in ("mid1", "late_sum") for cure in ("equal gradients", "blending")]
    rows = {name: {"clean, change": ACROSS, "attacked, change": ACROSS} for name in names}
    rows["mid1", "equal gradients"] = {"clean, change": SIDES[side], "attacked, change": SIDES[-side]}
    cured = pd.DataFrame.from_dict({f"{tap}, {cure}": row for (tap, cure), row in rows.items()}, orient="index")
    text = told(
        "meet-30", rows=rows, cured=cured, cures={"blending": GradientBlending((("audio", 0.25), ("joint", 0.75)))}
    )
    assert "weighs audio 0.25, joint 0.75" in text
    assert "weighs" not in told("meet-30", rows=rows, cured=cured, cures={})
    untouched, attacked = text.split("Attacked")
    one = "mid1, equal gradients"
    for part, way in ((untouched, side), (attacked, -side)):
        better, worse = (
            re.search(rf"{word}(?: than without a cure)?: (.*?)[;.] ", part)[1] for word in ("better", "worse")
        )
        assert (better == one, worse == one) == (way == 1, way == -1)
        assert "none" in (better, worse)
    assert ("is borne out" in text) == (side == 1)


@pytest.mark.parametrize("sides", [*permutations([1, 0, -1]), (1, 1, 1), (0, 0, 0), (1, 1, 0), (1, -1, 1)])
def test_where_deeper_is_safer(sides):
    worlds = ("as it is", "pictures exchanged", "sounds exchanged")
    lines = {world: {"universal δ": SIDES[side]} for world, side in zip(worlds, sides, strict=True)}
    rises = {1: "rises", 0: "cannot be told", -1: "falls"}
    text = told("meet-34", trend=lines, winner=dict.fromkeys(worlds, "mid1"), rises=rises)
    for world, side in zip(worlds, sides, strict=True):
        assert f"*{world}*: attacked, the score {rises[side]} (" in text
    if sides == (1, 1, 1):
        assert "does not depend on which sense speaks" in text
    elif sides[0] == 1:
        missing = [world for world, side in zip(worlds, sides, strict=True) if side != 1]
        assert f"and not with {' or '.join(missing)}." in text
    else:
        assert "is not seen on the clips as they are" in text


@pytest.mark.parametrize(("by_sound", "words"), [("late", "the same one"), ("early", "not the same")])
def test_who_loses_by_the_wrong_film(by_sound, words):
    gaps = itertools.cycle([ABOVE, ACROSS, BELOW, ACROSS, between(0.4, 0.6)])
    given = {"worlds": {"pictures exchanged": Some(eval=None)}, "predict": lambda *_: FAIR,
             "taps": {tap: [None] for tap in TAPS}, "clean": dict.fromkeys(TAPS),
             "paired": lambda *a, **k: next(gaps), "fell": dict.fromkeys(TAPS, 0.1) | {by_sound: 0.5}}  # fmt: skip
    text = told("meet-38", **given)
    assert "Most is lost by late" in text
    assert words in text
    few = told("meet-38", **given, carried=Positives.of(FAIR[:6]))
    assert "from so few positives that tells nothing" in few
    assert words not in few


@pytest.mark.parametrize(
    ("side", "words"), [(1, "still above"), (0, "nothing is seen to be left"), (-1, "worse than none")]
)
def test_below_the_eye(side, words):
    text = told("meet-44", Threat=lambda *a, **k: None, norm=2, epsilon=1.0, seed=0, passes=1, fitting=None,
                size=Some(replicates=1, fitting_batch=1), taps={"late": [None]}, predict=lambda *_: None,
                fit_universal=lambda *a, **k: None, silent={"late": [None]}, seen=Some(eval=None),
                paired=lambda *a, **k: SIDES[side])  # fmt: skip
    assert words in text
    assert text.startswith("At 4 z-units")


def test_the_check_of_the_exercise_knows_right_from_wrong():
    names = executed("meet-40") | {"seed": 0, "verdict": verdict}
    exec(CELLS["meet-41"], names)
    exec(CELLS["meet-42"], names)
    assert names["run"].said[0] == "Not written yet."
    assert names["run"].said[1].startswith("**Right**: 3 of 3 cases.")
    names["equal"] = lambda gradients: [g / g.norm() for g in gradients]
    exec(CELLS["meet-41"], names)
    assert names["run"].said[-1].startswith("Not yet")


@pytest.mark.parametrize("clean", SIDES)
@pytest.mark.parametrize("attacked", SIDES)
def test_two_layouts_are_compared_where_both_are_trained_from_scratch(clean, attacked):
    layout = {"clean": SIDES[clean], "attacked": SIDES[attacked]}
    words = {1: "above", 0: "not told apart from", -1: "below"}
    text = told("meet-26c", size=Some(tuning=None), layout=layout)
    assert f"early fusion is {words[clean]} the released layout" in text
    assert f"and {words[attacked]} it under attack" in text
    assert "compared at `full` alone" in told("meet-26c")
