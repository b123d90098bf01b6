"""Sentences of chapter 10 that tell a result: the cells of the notebook, fed with results from every side."""

import math
from itertools import product
from types import SimpleNamespace as Some

import numpy as np
import pandas as pd
import pytest
import torch

from avlib.checking import verdict
from avlib.metrics import Positives
from avlib.metrics.margins import margin_radii
from avlib.metrics.share import share
from tests.book.cells import ABOVE, ACROSS, BELOW, SIDES, Run, between, cells, one_by_one

CELLS = cells("10_two_senses")
THREE = ("mid1", "late_sum", "late")
WAYS = ("A", "both, split", "both, joint", "both, separate")
FAIR = torch.tensor([[1.0, 0], [0, 1]] * 9)
NONE = pd.DataFrame([[ABOVE, ACROSS]] * 5, index=["ear", "eye", *THREE], columns=["A", "V"])


def executed(*ids, **names):
    given = {"math": math, "pd": pd, "torch": torch, "run": Run(), "size": Some(replicates=30), "how": {}, "seeds": 1,
             "three": THREE, "truth": FAIR, "carried": Positives.of(FAIR), "share": share, **names}  # fmt: skip
    for cell in ids:
        exec(CELLS[cell], given)
    return given


def told(*ids, **names):
    return executed(*ids, **names)["run"].prose


def opening(labels=FAIR):
    film = Some(name="folder", train=range(40), classes=["a", "b"])
    return told("two-07", film=film, truth=labels, classes=2, carried=Positives.of(labels))


def test_what_the_data_are_and_what_cannot_be_scored():
    assert "**folder**: 40 clips to train on, 18 to score on, 2 classes; 1 of each model" in opening()
    assert "Not scored" not in opening()
    few = opening(torch.tensor([[1.0, 1], [1, 0], [1, 0]]))
    assert "Not scored, because all eval clips carry them or none: a." in few
    assert "concludes nothing" in few


@pytest.mark.parametrize(
    ("nominal", "words"), [(26.0, "8.7 dB more"), (10.0, "7.3 dB less"), (17.5, "come to the same")]
)
def test_what_the_same_number_means_for_the_picture(nominal, words):
    text = told("two-11", snr={"sound": 17.3, "picture, nominal": nominal})
    assert words in text
    assert ("the smaller of the two" in text) == (nominal == 26.0)
    assert ("the larger of the two" in text) == (nominal == 10.0)


def leads(**sides):
    """Every lead the same in all ways, but for those of a tap that are named, in the order of `WAYS`."""
    return {tap: dict(zip(WAYS, (SIDES[side] for side in sides.get(tap, (1,) * 4)), strict=True)) for tap in THREE}


@pytest.mark.parametrize("side", SIDES)
def test_each_question_has_its_own_answer(side):
    lead = leads(mid1=(side, 1, 1, -side), late_sum=(1, side, 1, 1))
    seen = {"mid1": SIDES[side], "late_sum": ACROSS, "late": BELOW}
    text = told("two-21", lead=lead, seen_lead=seen, ways=dict(zip("1234", WAYS, strict=True)))
    words = {1: "more robust than", 0: "not told apart from", -1: "less robust than"}
    sound, picture, both, split = (text.split(f"*{q}:*")[1].split("*")[0] for q in (
        "The sound attacked", "The picture attacked", "Both, each with its ε", "Both, with half of it"))  # fmt: skip

    def said(part, tap, side):
        return any(tap in clause.replace("late_sum", "sum") and words[side] in clause for clause in part.split(";"))

    assert said(sound, "mid1", side)
    assert said(both, "mid1", -side)
    assert said(split, "sum", side)
    assert said(picture, "mid1", side)
    assert said(picture, "late", -1)


def test_an_answer_turns_fades_or_stays():
    text = told("two-22", lead=leads(mid1=(1, 1, 0, -1), late_sum=(1, 1, 1, 0), late=(-1,) * 4))
    assert "For mid1 it turns round" in text
    assert "For late_sum one way of counting tells the two apart and another does not" in text
    assert "For late it is the same by all of them" in text
    assert "turns round" not in told("two-22", lead=leads())


@pytest.mark.parametrize("sides", [*product(SIDES, repeat=3)])
def test_what_an_attacked_fusion_has_beyond_its_eye(sides):
    given = executed("two-23", paired=one_by_one(*(SIDES[side] for side in sides)), bootstrap=lambda *a, **k: ABOVE,
                     attacked={tap: {"A": None} for tap in THREE}, clean={"eye": None})  # fmt: skip
    text = given["run"].prose
    assert ("something of the sound" in text) == (1 in sides)
    assert ("it cannot be told" in text) == (0 in sides)
    assert ("would do better deaf" in text) == (-1 in sides)
    assert set(given["run"].kept) == {f"{tap}_beyond_eye" for tap in THREE}


@pytest.mark.parametrize("separate", SIDES)
@pytest.mark.parametrize("split", SIDES)
def test_whether_two_senses_or_two_radii_are_stronger(separate, split):
    more = {"separate": SIDES[separate], "split": SIDES[split]}
    text = told("two-26", more=more, broke=ABOVE, single="V")
    words = {1: "takes more than", 0: "is not told apart from", -1: "takes less than"}
    assert "the attack on the picture takes" in text
    assert f"An attack on both {words[separate]} that single one when each sense has its ε" in text
    assert f"and {words[split]} it when ε is divided" in text
    assert ("of a second ε, and not that of a second sense" in text) == (separate == 1 and split == -1)
    assert ("is not the score" in text) == (separate != 1)


@pytest.mark.parametrize("first", SIDES)
def test_whether_the_unit_matters(first):
    names = ("eye", "late_sum")
    text = told("two-27", paired=one_by_one(SIDES[first], ACROSS), fit=None, nominal=None, scored=lambda *a: None,
                everyone={name: [] for name in names}, attacked={name: {"V": None} for name in names})  # fmt: skip
    assert ("decides how dangerous" in text) == bool(first)


@pytest.mark.parametrize(("lead", "words"), [(0.01, "have done their work"), (-0.01, "something is wrong")])
def test_the_attack_on_both_is_held_to_its_promise(lead, words):
    loss = {
        "A": torch.tensor([1.0, 2.0]),
        "V": torch.tensor([1.5, 0.0]),
        "A+V, separate": torch.tensor([1.5 + lead, 3.0]),
    }
    made = {
        row: {"a δ each, ε / 10": between(v, v), "one δ for all, ε": between(0.5, 0.5)}
        for row, v in (("x", 0.2), ("y", 0.7))
    }
    text = told("two-31", own={"late_sum": {name: Some(loss=value) for name, value in loss.items()}}, made=made)
    assert "In 1 of 2 rows" in text
    assert words in text


@pytest.mark.parametrize(
    ("heard", "seen", "halves", "words"),
    [(0.5, 0.7, 0.6, "*all on the sound*. The surface falls more steeply along the sound"),
     (0.7, 0.5, 0.6, "*all on the picture*. The surface falls more steeply along the picture"),
     (0.7, 0.6, 0.5, "*half on each*. To divide it pays")],
)  # fmt: skip
def test_the_best_way_to_spend_one_radius(heard, seen, halves, words):
    assert words in told("two-35", left={(0, 0): 0.8, (1, 0): heard, (0, 1): seen, (0.5, 0.5): halves})


@pytest.mark.parametrize("side", SIDES)
def test_whether_features_can_do_what_pixels_cannot(side):
    tried = dict.fromkeys(("pixels", "random pixels", "features, moved as far"))
    text = told("two-40", by_pixels={"eye": (tried, 1.5)}, paired=one_by_one(ABOVE, SIDES[side]), few=range(8),
                victims=Some(labels=None))  # fmt: skip
    assert {1: "overstates", 0: "is not shown", -1: "has not converged"}[side] in text
    assert "moves the features of the eye by 1.50 ε" in text


def linear(alone, fused, picture):
    said = {"video": torch.tensor([picture])}
    tags = torch.tensor([[0, k] for k in range(len(picture))])
    searched = {"audio alone": torch.tensor(alone), "audio": torch.tensor(fused)}
    return executed("two-47", "two-48", searched=searched, said=said, tags=tags, off={"audio": 2e-4, "video": math.nan},
                    far=4, finest={"halvings": 12})  # fmt: skip


def test_radii_that_go_as_foretold_and_some_that_do_not():
    given = linear([1.0, 1.0, math.inf], [2.0, 0.5, 3.0], [1.0, -1.0, 1.0])
    assert given["run"].kept == {"linear_violations": 0, "linear_easier": 2}  # of an infinite one, too
    assert "the theorem has its examples" in given["run"].prose
    assert "in all 2 cases" in given["run"].prose
    wrong = linear([1.0, 1.0], [0.9, 1.5], [1.0, 1.0])
    assert wrong["run"].kept["linear_violations"] == 1
    assert "In 1 of 2 cases it goes another way" in wrong["run"].prose
    assert "no example of the theorem" in linear([1.0], [2.0], [1.0])["run"].prose


@pytest.mark.parametrize(("last", "words"), [(3.0, "have gone that way"), (0.5, "something is wrong")])
def test_several_classes(last, words):
    text = told("two-51", by_ear=torch.tensor([1.0, 1.0, 1.0, 0.0]), by_both=torch.tensor([last, 0.5, 1.0, 2.0]),
                sign=torch.tensor([1, -1, 0, 1]))  # fmt: skip
    assert "Of 3 clips, 1 must have become safer and 1 less safe; of 1 nothing is foretold" in text
    assert words in text


def trained(alone, joined, picture, heard=None):
    said = {"audio": torch.tensor([heard or [3.0] * len(picture)]), "video": torch.tensor([picture])}
    names = {"alone": torch.tensor(alone), "joined": torch.tensor(joined), "late_said": said,
             "picked": torch.tensor([[0, k] for k in range(len(picture))])}  # fmt: skip
    return executed("two-47", "two-55", "two-56", searched={"audio alone": torch.ones(1), "audio": torch.ones(1)},
                    said={"video": torch.ones(1, 1)}, tags=torch.zeros(1, 2, dtype=torch.long), **names)  # fmt: skip


def test_radii_of_a_trained_network():
    given = trained([1.0, 1.0, 1.0, 1.0], [2.0, 3.0, 0.5, math.inf], [1.0, 1.0, -1.0, 1.0])
    text = given["run"].prose
    assert "Of 3 tags whose radii were both found, a share of 1.000" in text
    assert "Where the picture agrees, the radius becomes 2.00 times" in text
    assert "Where the picture disagrees, the radius becomes 0.50 times" in text
    assert "On 25% of all tags" in text
    assert given["run"].kept["late_opposed"] == 0.25
    assert "disagrees, the radius" not in trained([1.0], [2.0], [1.0])["run"].prose


def test_a_network_of_which_nothing_can_be_said():
    nothing = trained([math.inf], [math.inf], [1.0], heard=[-3.0])["run"]
    assert "No tag had two finite radii." in nothing.text
    assert "No tag is right by both" in nothing.text


@pytest.mark.parametrize(("as_is", "blind", "deaf"), [*product(SIDES, repeat=3)])
def test_what_the_dial_says(as_is, blind, deaf):
    dial = {
        "as it is": {"minus the ear, attacked": SIDES[as_is]},
        "pictures exchanged": {"minus the ear, attacked": SIDES[blind]},
        "sounds exchanged": {"minus the eye": SIDES[deaf]},
    }
    text = told("two-60", dial=dial)
    words = {1: "safer than", 0: "not told apart from", -1: "less safe than"}
    assert f"late fusion is {words[as_is]} its ear where both" in text
    assert f"and {words[blind]} it where pictures say nothing" in text
    assert f"Where sounds say nothing it is {words[deaf]} its untouched eye" in text
    assert ("as far as it has something to say" in text) == (as_is == 1 and blind < 1)
    assert ("a door left open" in text) == (deaf == -1)


@pytest.mark.parametrize(("constant", "words"), [(0.0, "all but agree"), (2.0, "a matter of convention")])
def test_another_convention(constant, words):
    said = {"audio": torch.full((18, 2), 3.0), "video": torch.full((18, 2), 1.0)}
    half = {"audio": Some(constant=torch.full((2,), -constant)), "video": Some(constant=torch.full((2,), constant))}
    names = executed("two-55", foreseen=lambda *a: torch.ones(1), alone=None, joined=None, late_said=said,
                     picked=torch.zeros(1, 2, dtype=torch.long))  # fmt: skip
    exec(CELLS["two-64"], names | {"late_half": half})
    assert words in names["run"].prose


def test_the_check_of_the_exercise_knows_right_from_wrong():
    names = executed("two-66") | {"seed": 0, "verdict": verdict, "margin_radii": margin_radii}
    exec(CELLS["two-67"], names)
    exec(CELLS["two-68"], names)
    assert names["run"].said[0] == "Not written yet."
    assert names["run"].said[1].startswith("**Right**: 3 of 3 cases.")
    names["joint_radius"] = lambda heard, seen, ear, eye, p: ((heard + seen) / (ear + eye)).clamp_min(0)
    exec(CELLS["two-67"], names)
    assert names["run"].said[-1].startswith("Not yet")


def counted(values, positives=9):
    """Classes whose fused model is ahead by `values` with an interval of ±.05, and what is said of them."""
    rows = {"positives": positives, "value": values, "low": np.array(values) - 0.05, "high": np.array(values) + 0.05}
    by_class = pd.DataFrame(rows, index=[f"c{i}" for i in range(len(values))])
    attacked = {"late_sum": {"A+V, separate": None}, "ear": {"A": None}}
    stand_in = Some(set_index=lambda column: by_class)
    return executed("two-classes-count", "two-classes-said", attacked=attacked, film=Some(classes=[]),
                    paired_by_class=lambda *a, **k: stand_in)["run"]  # fmt: skip


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ([0.1] * 20, "the number is not limited"),
        ([-0.1] * 18 + [0.1] * 2, "Fewer than half are: the number is limited"),
        ([-0.1, 0.1, 0.02], "more or fewer than half cannot be told"),
    ],
)
def test_for_how_many_classes_two_senses_are_safer(values, words):
    run = counted(values)
    assert words in run.prose
    assert f"Of {len(values)} classes a share" in run.prose
    assert run.kept["classes_safer"].value == pytest.approx(np.mean(np.array(values) > 0))
    sure = [f"c{i}" for i, value in enumerate(values) if value > 0.05]
    assert f"By itself, {len(sure)} (" in run.prose
    assert ", ".join(sure[:6]) in run.prose
    assert ("…" in run.prose) == (len(sure) > 6 or sum(value < -0.05 for value in values) > 6)


def test_classes_with_few_clips_do_not_count():
    run = counted([0.1, 0.2], positives=4)
    assert "nothing can be counted" in run.prose
    assert math.isnan(run.kept["classes_safer"].value)


@pytest.mark.parametrize(
    ("halves", "words"), [([0.5, 0.9, 0.9], "halves are best here"), ([2.0, 2.0, 0.5], "could be best")]
)
def test_half_and_half(halves, words):
    exact = {
        "audio": torch.tensor([0.4, 1.5, 3.0]),
        "video": torch.tensor([3.0, 0.8, 3.0]),
        "split": torch.tensor(halves),
    }
    text = told("two-70", exact=exact, tags=range(3))
    assert words in text
    assert "0.33 of them through the sound" in text
