"""Sentences of chapter 11 that tell a result: the cells of the notebook, fed with results from every side."""

import math

import numpy as np
import pandas as pd
import pytest
import torch

from avlib.metrics import Positives
from tests.book.cells import ACROSS, SIDES, Run, between, cells

CELLS = cells("11_dense_and_convex")
NOTHING = between(math.nan, math.nan)
SEQUENCE, MEAN, INPUT = "the head's sequence", "the mean, linear", "the input"


def told(*asked, **names):
    given = {
        "math": math,
        "np": np,
        "pd": pd,
        "torch": torch,
        "run": Run(),
        "seeds": 1,
        "seed": 0,
        "epsilon": 1.0,
        **names,
    }
    for cell in asked:
        exec(CELLS[cell], given)
    return given["run"].prose


def answers(*found):
    left = iter(found)
    return lambda *asked: next(left)


def densities(**columns):
    return pd.DataFrame({"n": [50, 60, 70], **columns})


@pytest.mark.parametrize("side", SIDES)
def test_density_follows_size_or_not(side):
    dense = densities(printed=[9.0, 10, 11], corrected=[0.1, 0.2, 0.3])
    cells_ = {"dense": dense, "dimensions": 128, "size": None, "grown": SIDES[side]}
    chosen = {"chosen": {"printed": 3, "corrected": 0}, "measured": 3, "gap": 1.0}
    text = told("dense-12", **cells_, **chosen)
    assert {1: "larger the class, the denser", 0: "cannot be told from so few", -1: "larger the class, the less dense"}[
        side
    ] in text
    assert "64 times as much" in text
    assert "D = 8 chooses 3 as printed and 0" in text


@pytest.mark.parametrize(
    ("gap", "words"),
    [
        (1.0, "nothing but the exponent"),
        (0.4, "which classes are dense depends"),
        (0.0, "does not depend on the exponent"),
    ],
)
def test_a_threshold_may_hang_on_the_exponent(gap, words):
    chosen = {"printed": 5, "corrected": 5 - round(5 * gap)}
    assert words in told("dense-12", dimensions=64, grown=ACROSS, chosen=chosen, measured=5, gap=gap)


def test_who_is_chosen_is_counted(monkeypatch):
    dense = densities(printed=[9.0, 7, math.nan], corrected=[0.1, 0.2, math.nan])
    run = Run()
    given = {"dense": dense, "run": run, "np": np, "seed": 0, "seeds": 1, "labels": range(9),
             "rank_correlation": lambda *a, **k: ACROSS, "size": type("S", (), {"replicates": 3})}  # fmt: skip
    exec(CELLS["dense-11"], given)
    assert given["chosen"] == {"printed": 1, "corrected": 0}
    assert run.kept["chosen_by_the_exponent"] == 0.5


@pytest.mark.parametrize("side", SIDES)
def test_at_equal_size_classes_rank_as_before_or_not(side):
    names = {"alike": {"rho": 0, "neighbours": 0}, "dense": {"n": 0, "corrected": 0}, "fewest": 12}
    text = told("dense-15", rho=answers(ACROSS, SIDES[side], ACROSS), **names)
    assert {1: "still ranks classes as before", 0: "cannot be seen to rank", -1: "the other way round"}[side] in text
    assert "With 12 clips of each class" in text


def convexities(recognised=(0.99, 1.0), control=(1.0, 1.0), deep=(0.8, 0.9)):
    inside = {
        SEQUENCE: {"kappa": pd.Series(recognised)},
        MEAN: {"kappa": pd.Series(control)},
        INPUT: {"kappa": pd.Series(deep)},
    }
    return {
        "bent": pd.DataFrame({"all": [0.4, 0.9], "recall": [0.3, 0.8], "recognised": recognised}),
        "inside": inside,
        "labels": range(9),
    }


@pytest.mark.parametrize("side", SIDES)
def test_convexity_follows_recall_or_not(side):
    text = told("dense-21", rho=answers(SIDES[side]), **convexities())
    assert {1: "the better a class is recognised", 0: "not shown here", -1: "the worse a class is recognised"}[
        side
    ] in text
    assert "exactly 1 in every class" in text
    assert "at least 0.990: attention bends the boundary by next to nothing" in text
    assert "goes down to 0.80" in text
    assert "T = .5 in 1 of 2 classes" in text


def test_convexity_that_tells_classes_apart_and_none_at_all():
    assert "at least 0.300: attention bends boundaries" in told(
        "dense-21", rho=answers(ACROSS), **convexities((0.3, 1.0))
    )
    assert "0.900 in one class, which cannot be" in told(
        "dense-21", rho=answers(ACROSS), **convexities(control=(0.9, 1.0))
    )
    none = (math.nan, math.nan)
    text = told("dense-21", rho=answers(ACROSS), **convexities(none, none, none))
    assert "not 1: no class is recognised often enough" in text
    assert "at least –." in text
    assert "In the space of the input" not in text


@pytest.mark.parametrize(
    ("spreads", "words"),
    [((0.1, 0.3, 0.2), "their drops have a spread of 0.30."), ((0.3, 0.04, 0.2), "spread of 0.04, too little to say"),
     ((math.nan,) * 3, "No class has a drop")],
)  # fmt: skip
def test_the_radius_is_told_by_how_far_classes_lie_apart(spreads, words):
    harm = pd.DataFrame({"spread of the drops": spreads}, index=[0.5, 1.0, 2.0])
    truth = torch.tensor([[1.0, 0], [0, 1]] * 9)
    text = told("dense-27", harm=harm, truth=truth, carried=Positives.of(truth))
    assert words in text
    assert "18 eval clips; the class in the middle has 9" in text
    if spreads[0] == 0.3:
        assert "furthest apart at ε = 0.5" in text


STRONG, WEAK = between(-0.9, -0.8), between(-0.3, -0.1)


def row(plain, at_ap, at_size):
    return {"with the drop": plain, "at equal clean AP": at_ap, "at equal size": at_size}


def test_a_measure_foretells_only_what_its_rivals_do_not():
    rows = {
        "κ": row(STRONG, STRONG, STRONG),
        "ρ": row(STRONG, STRONG, ACROSS),
        "σ": row(STRONG, ACROSS, ACROSS),
        "τ": row(ACROSS, ACROSS, ACROSS),
    }
    found = pd.DataFrame(rows).T
    text = told("dense-32", found=found, usable=16, MEASURES=list(rows))
    assert "below about 0.50" in text
    assert "classes of larger κ lose less" in text
    assert "larger ρ" not in text
    assert "What σ tells of the drop is not seen any more" in text
    other = pd.DataFrame({"κ": row(STRONG, between(0.8, 0.9), between(0.8, 0.9))}).T
    assert "larger κ lose more" in told("dense-32", found=other, usable=16, MEASURES=["κ"])
    turned = pd.DataFrame({"κ": row(STRONG, STRONG, between(0.8, 0.9))}).T
    assert "No measure is seen" in told("dense-32", found=turned, usable=16, MEASURES=["κ"])
    weak = pd.DataFrame({"κ": row(WEAK, WEAK, WEAK)}).T
    assert told("dense-32", found=weak, usable=16, MEASURES=["κ"]).endswith("beyond its rivals.")
    nothing = pd.DataFrame({"κ": row(NOTHING, NOTHING, NOTHING)}).T
    assert "No measure is seen" in told("dense-32", found=nothing, usable=3, MEASURES=["κ"])


def test_worlds_are_told_where_there_are_any():
    names = {"found": pd.DataFrame({"κ": row(ACROSS, ACROSS, ACROSS)}).T, "usable": 9, "MEASURES": ["κ"]}
    effects = pd.DataFrame({"κ": row(STRONG, STRONG, STRONG)}).T
    causes = pd.DataFrame({"drop": [0.1] * 99 + [math.nan]})
    text = told("dense-32", "dense-38", worlds=2, effects=effects, causes=causes, **names)
    assert "With 99 classes" in text
    assert "larger κ lose less" in text
    assert "draws no world" in told("dense-32", "dense-38", worlds=0, **names)


@pytest.mark.parametrize("ahead", SIDES)
@pytest.mark.parametrize("side", SIDES)
def test_a_surrogate_agrees_or_not_beats_its_rival_or_not_and_costs_less_or_not(side, ahead):
    agreed = {"κ": SIDES[side], "ρ": ACROSS, "the clean AP": between(0.5, 0.7)}
    names = {"surrogate": SIDES[side], "ahead": SIDES[ahead], "usable": 9}
    text = told("dense-41", agreed=agreed, dear=20.0, cheap=2.0, **names)
    assert "the attack costs 5.0 times as much" in text
    assert {1: "as the attack does, more than luck", 0: "is not seen here", -1: "the wrong way round"}[side] in text
    assert {1: "a better guess than the clean AP", 0: "not told apart", -1: "the clean AP is the better"}[ahead] in text
    few = told("dense-41", agreed=dict.fromkeys(agreed, NOTHING), dear=1.0, cheap=0.0, **names | {"usable": 2})
    assert "too few classes" in few


@pytest.mark.parametrize("side", SIDES)
def test_wide_classes_have_weak_clips_or_not(side):
    radii = np.array([0.1, 0.2, math.inf])
    text = told("dense-45", together=SIDES[side], radii=radii, index=range(3), beyond=1)
    assert {1: "spread out are harder", 0: "nothing is seen to go together", -1: "spread out are easier"}[side] in text
    assert "3 recognised clips" in text
    assert "1 of them stood at ε = 2" in text
    assert "Too few classes" in told("dense-45", together=NOTHING, radii=radii[:0], index=[], beyond=0)


def test_the_farthest_clip_goes_further_or_not():
    further = told("dense-50", ratios={"R": 1.2, "R_tau": 1.0, "rho": 1.6})
    assert "R grows by a factor of 1.20" in further
    assert "the quantile moves less" in further
    assert "no more than the quantile" in told("dense-50", ratios={"R": 1.0, "R_tau": 1.1, "rho": 2.0})
    assert "No class here" in told("dense-50", ratios=dict.fromkeys(("R", "R_tau", "rho"), math.nan))
