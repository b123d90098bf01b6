"""Sentences of chapter 9 that tell a result: the cells of the notebook, fed with results from every side."""

import math
from types import SimpleNamespace as Some

import numpy as np
import pandas as pd
import pytest
import torch

from avlib.metrics import Positives
from avlib.metrics.deactivation import agreement
from tests.book.cells import ACROSS, SIDES, Run, between, cells

CELLS = cells("09_class_by_class")
FAIR = torch.tensor([[1.0, 0], [0, 1]] * 9)
NOTHING = between(math.nan, math.nan)


def told(*asked, **names):
    given = {"math": math, "np": np, "pd": pd, "torch": torch, "run": Run(), "seeds": 1, "seed": 0, "how": {},
             "truth": FAIR, "carried": Positives.of(FAIR), "size": Some(replicates=3), **names}  # fmt: skip
    for cell in asked:
        exec(CELLS[cell], given)
    return given["run"].prose


def listed(names):
    return ", ".join(names) or "none"


@pytest.mark.parametrize("side", SIDES)
def test_the_two_taggers_are_compared_class_by_class_and_in_the_mean(side):
    printed = pd.Series([0.2, -0.1, 0.0, 0.3])
    text = told("class-09", enough=["a", "b"] * 10, fewest=5, wide=pd.Series([0.1, 0.2, 0.3]), margin=printed,
                sure={1: ["a", "b"], -1: []}, mean_gap=SIDES[side], listed=listed)  # fmt: skip
    assert f"the CSN is {({1: 'ahead', 0: 'not told apart', -1: 'behind'})[side]} (" in text
    assert "surely ahead on 2 (a, b), the CRNN on 0 (none)" in text
    assert "about 1.0 would look sure" in text  # 5 % of twenty
    assert "ahead on 2 of 4 classes, behind on 1 and even on 1" in text


@pytest.mark.parametrize("side", SIDES)
def test_lists_are_compared_with_those_of_luck(side):
    best = {"clean": ["a", "b"], "attacked": ["b", "c"]}
    tops = {"clean": pd.DataFrame({"row": ["x", "y", "z"]}), "attacked": pd.DataFrame({"row": ["z"]})}
    given = {"best": best, "tops": tops, "listed": listed, "frame": {"clean": None, "attacked": None},
             "kept_on_top": lambda *a: SIDES[side]}  # fmt: skip
    text = told("class-12b", k=2, enough=list("abcde"), **given)
    assert "best-recognised classes 1 are still" in text
    assert "(b)" in text
    assert "would share 0.8" in text  # 2² / 5
    assert {1: "more than luck explains", 0: "no more than luck may", -1: "fewer stay than luck"}[side] in text
    assert "finds 1 of its 3 printed ones" in text
    few = told("class-12b", k=1, enough=list("abcde"), **given)
    assert few.strip() == (
        "Classes with enough clips: 5. From fewer than six no list of the best can be told from luck. "
        "P1 finds 1 of its 3 printed ones again."
    )


def explained(**found):
    return pd.DataFrame({"at equal clean AP": found})


def test_a_property_is_named_only_when_it_is_beyond_what_so_few_classes_can_tell():
    strong, weak = between(0.7, 0.8), between(0.1, 0.2)
    found = explained(count=strong, tonality=between(-0.8, -0.7), centroid=weak, depth=between(-0.9, 0.9))
    text = told("class-17", found=found, usable=16)
    assert "below about 0.50" in text
    assert "larger count lose more" in text
    assert "larger tonality lose less" in text
    assert "centroid" not in text
    assert "depth" not in text
    assert "no property is seen" in told("class-17", found=explained(count=weak, depth=NOTHING), usable=9)
    assert "no property is seen" in told("class-17", found=explained(count=weak), usable=4)
    for usable in (0, 3):
        few = told("class-17", found=explained(count=strong), usable=usable)
        assert f"measured: {usable}. Fewer than four cannot be ranked" in few
        assert "lose more" not in few


def test_worlds_are_told_where_there_are_any():
    names = {"found": explained(count=ACROSS), "usable": 9}
    effects = explained(tonality=between(-0.8, -0.7))
    causes = pd.DataFrame({"drop": [0.1] * 99 + [math.nan]})
    text = told("class-17", "class-18d", worlds=2, effects=effects, causes=causes, **names)
    assert "With 99 classes" in text
    assert "larger tonality lose less" in text
    assert "draws no world" in told("class-17", "class-18d", worlds=0, **names)


def radius(value, moved=0.0):
    """A radius that luck moves little, of draws that all share."""
    return between(value - moved, value + moved)


def test_the_norms_agree_or_not():
    order = {"CSN": radius(1.0), "CRNN": radius(2.0), "ResNet": radius(3.0)}
    turned = {"CSN": radius(3.0), "CRNN": radius(2.0), "ResNet": radius(1.0)}
    unsure = {"CSN": radius(1.0, 0.9), "CRNN": radius(1.1), "ResNet": radius(1.2)}

    def text(*rows, **names):
        half_gone = dict(zip(("ℓ2", "ℓ∞", "ℓ1"), rows, strict=True))
        tell = lambda found, form="{}": "no radius tried" if math.isnan(found.value) else form.format(found)  # noqa: E731
        return told("class-21", half_gone=half_gone, agreement=agreement, tell=tell, **names)

    assert "all norms tell the same tale" in text(order, order, order)
    assert "depends on the norm." in text(order, order, turned)
    assert "cannot be told" in text(order, order, unsure)
    beyond = text(order | {"CSN": NOTHING}, order, order)
    assert "in ℓ2 CSN (no radius tried), in ℓ∞ ResNet" in beyond
    both = text(order | {"CSN": NOTHING, "CRNN": NOTHING}, order, order)
    assert "in ℓ2 CSN and CRNN (no radius tried), in ℓ∞ ResNet (3.000" in both
    few = Positives.of(FAIR[:6])
    for rows in ((order, order, order), (order, order, turned)):
        assert "cannot be told" in text(*rows, carried=few)


def test_an_advantage_by_choice_shrinks_when_it_is_measured_again():
    lucky = pd.DataFrame({"drop": [0.0, 0.4, 0.4, 0.4], "drop elsewhere": [0.4, 0.4, 0.4, 0.4], "AP": 0.9})
    assert "0.30 less than the average class, on the other 0.00 less. The advantage shrinks" in told(
        "class-25", "class-26", measured=lucky
    )
    real = lucky.assign(**{"drop elsewhere": [-0.4, 0.4, 0.4, 0.4]})
    assert "does not shrink" in told("class-25", "class-26", measured=real)
    for few in (lucky.assign(drop=math.nan), lucky.head(3)):
        assert "Fewer than four classes here" in told("class-25", "class-26", measured=few)


@pytest.mark.parametrize("side", SIDES)
def test_shifts_and_losses_go_together_or_not(side):
    scores = {"CSN": {"clean": torch.zeros(1, 4, 2), "attacked": torch.ones(1, 4, 2)}}
    names = {"scores": scores, "class_shift": lambda a, b: (b - a).mean(0).numpy(), "counted": {"drop": None},
             "rank_correlation": lambda *a, **k: SIDES[side]}  # fmt: skip
    text = told("class-32", usable=9, **names)
    assert {1: "also loses most", 0: "cannot be seen", -1: "loses least"}[side] in text
    assert "Too few classes" in told("class-32", usable=3, **names)
