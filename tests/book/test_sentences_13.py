"""Sentences of chapter 13 that tell a result: the cells of the notebook, fed with results from every side."""

from types import SimpleNamespace as Some

import numpy as np
import pandas as pd
import pytest
import torch

from avlib.checking import verdict
from avlib.metrics import Positives, recalibrated, tagging
from avlib.published import KINETICS_CLASSES, KINETICS_CLIPS, audit, published
from tests.book.cells import ABOVE, ACROSS, SIDES, Run, between, cells, one_by_one

CELLS = cells("13_when_the_eye_dominates")
FAIR = torch.tensor([[1.0, 0], [0, 1]] * 9)
ATTACKS = {"A": ["audio"], "V": ["video"], "A+V": ["audio", "video"]}
TWO = published("P2", 2)[lambda rows: rows.row == "Mid Fusion"].pivot(index="attack", columns="metric", values="value")


def executed(cell, **names):
    given = {"pd": pd, "torch": torch, "np": np, "run": Run(), "truth": FAIR, "carried": Positives.of(FAIR), "seeds": 1,
             "seed": 0, "how": {}, "attacks": ATTACKS, "classes": 2, "chance": 0.5, "table_two": TWO,
             "KINETICS_CLASSES": KINETICS_CLASSES, "KINETICS_CLIPS": KINETICS_CLIPS, **names}  # fmt: skip
    exec(CELLS[cell], given)
    return given


def told(cell, **names):
    return executed(cell, **names)["run"].prose


def opening(labels):
    film = Some(name="folder", train=range(40), classes=["a", "b"])
    return told("dom-06", film=film, truth=labels, carried=Positives.of(labels))


def test_what_an_accuracy_is_on_these_clips_and_what_is_not_scored():
    assert "Each scored clip carries one label. Guessing has an accuracy of 0.500." in opening(FAIR)
    assert "Not scored" not in opening(FAIR)
    several = opening(torch.tensor([[1.0, 1], [1, 0], [1, 0], [1, 0]]))
    assert "carry 1.2 labels in the mean, and an answer is right when it is one of them" in several
    assert "Not scored, because all eval clips carry them or none: a." in several
    assert "concludes nothing" in several


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("fused", SIDES)
def test_which_sense_knows_more_and_whether_the_other_adds_to_it(side, fused):
    text = told("dom-08", clean=dict.fromkeys(("ear", "eye", "late_sum")), paired=one_by_one(SIDES[side], SIDES[fused]))
    assert {1: "picture knows more", 0: "neither sense is shown", -1: "sound knows more"}[side] in text
    better = "ear" if side == -1 else "eye"
    word = {1: "ahead of", 0: "not told apart from", -1: "behind"}[fused]
    assert f"`late_sum` is {word} the {better} alone" in text
    assert {1: "adds to it", 0: "is not shown", -1: "does harm"}[fused] in text


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("beyond", SIDES)
def test_through_which_sense_more_is_taken_and_whether_chance_takes_as_much(side, beyond):
    gaps = [ABOVE, ABOVE, ABOVE, SIDES[side], ABOVE, SIDES[beyond], ABOVE]
    names = {"eval": None, "random": None}
    text = told("dom-17", before=names, attacked=dict.fromkeys(ATTACKS, names), paired=one_by_one(*gaps))
    assert {1: "More through the picture", 0: "Through neither more", -1: "More through the sound"}[side] in text
    assert ("Each of them takes more than a random δ" in text) == (beyond == 1)
    assert ("Not shown to do more than a random δ of its norm: V." in text) == (beyond != 1)
    assert "P2 prints 0.009 and 0.799" in text


@pytest.mark.parametrize(
    ("left", "words"), [((0.6, 0.7), "above guessing"), ((0.4, 0.7), "not told"), ((0.1, 0.2), "below guessing")]
)
def test_how_near_guessing_the_attacked_accuracy_is(left, words):
    fair = pd.DataFrame({"accuracy": {"A+V": between(*left)}})
    text = told("dom-18", fair=fair)
    assert words in text
    assert "The 5.0% of P2 are near the 2.9% of guessing, and yet 4.7 standard errors above it, on 1,504 clips" in text


@pytest.mark.parametrize("further", SIDES)
@pytest.mark.parametrize("back", SIDES)
@pytest.mark.parametrize("gone", SIDES)
def test_how_far_accuracy_falls_and_how_much_a_constant_gives_back(further, back, gone):
    names = {"further": SIDES[further], "given_back": SIDES[back], "still_gone": SIDES[gone]}
    text = told("dom-21", same=0.0, **names)
    assert {1: "falls further than mAP", 0: "falls no further than mAP", -1: "falls less far than mAP"}[further] in text
    assert {1: "back gives back 0.15", 0: "is not shown to give back", -1: "takes even more: -0.15"}[back] in text
    assert {1: "no constant explains", 0: "no more is shown to be gone", -1: "above the untouched"}[gone] in text
    assert "0.475 in P2" in text
    assert "by nothing, as it must be" in text
    assert "something is wrong" in told("dom-21", same=0.01, **names)


def test_what_is_measured_there_is_what_the_sentence_says():
    logits = torch.randn(2, 18, 2, generator=torch.Generator().manual_seed(0))
    under = {"eval": logits + torch.tensor([0.0, 9.0])}
    fair = pd.DataFrame({name: dict.fromkeys(("none", "A+V"), ABOVE) for name in ("accuracy", "mAP")})
    asked = []
    given = executed("dom-20", moved_back={"A+V": logits}, attacked={"A+V": under}, before={"eval": logits}, fair=fair,
                     tagging=tagging, paired=lambda a, b, *more, **options: asked.append((a, b)) or ABOVE,
                     contrast=lambda scores, weights: asked.append(weights) or ABOVE)  # fmt: skip
    assert given["same"] == 0
    assert torch.equal(asked[0][0], logits)  # given back: moved back minus attacked
    assert torch.equal(asked[0][1], under["eval"])
    assert torch.equal(asked[1][0], logits)  # still gone: clean minus moved back
    assert asked[2] == [1, -1, -1, 1]  # fall of the accuracy minus fall of the mAP


@pytest.mark.parametrize(
    ("first", "last", "whole", "words"),
    [
        (0.9, 0.8, 0.5, "they are the larger part"),
        (0.1, 0.2, 0.5, "they are the smaller part"),
        (0.9, 0.2, 0.5, "depends on what is counted first"),
        (0.9, 0.2, 0.0, "nothing to share out"),
    ],
)
def test_the_constants_share_of_the_fall(first, last, whole, words):
    share = pd.DataFrame({"top1": {"shift first": first, "rest first": last}})
    parts = pd.DataFrame({"top1": {"clean": 0.8, "attacked": 0.8 - whole}})
    text = told("dom-24", parts=parts, shift_share=lambda _: share)
    assert words in text
    if whole:
        assert f"take {first:.0%}; after all else they still take {last:.0%}" in text


@pytest.mark.parametrize(("after", "words"), [(1, "crowd into fewer"), (3, "spread as before"), (4, "no more than")])
def test_whether_the_answers_crowd(after, words):
    half = {"without δ": 3, "under A+V": after, "under A+V, recalibrated": 3}
    assert words in told("dom-27", half=half, classes=8)


def test_half_of_the_answers_are_counted_in_the_largest_classes():
    z = torch.eye(4)[[0, 0, 1, 2, 3, 3]]
    crowd = torch.eye(4)[[1, 1, 1, 1, 1, 0]]
    given = executed("dom-26", before={"eval": [z]}, attacked={"A+V": {"eval": [crowd]}}, moved_back={"A+V": [z]},
                     classes=4, truth=torch.ones(6, 4), film=Some(classes=list("abcd")),
                     plots=Some(landing=lambda *a: None))  # fmt: skip
    assert list(given["half"].values()) == [2, 1, 2]


def rows(*feasible):
    return pd.DataFrame({"row": "Mid Fusion mixup", "attack": ["A+V", "none"][: len(feasible)], "feasible": feasible})


def test_the_row_that_cannot_be_could_be_if_two_columns_were_exchanged():
    names = {"audit": audit, "published": published}
    text = told("dom-30", bounds=audit(published("P2", 2)), **names)
    assert text.startswith("1 of 6 rows cannot be those of one model; with mAP and AUC exchanged, it could be.")
    assert told("dom-30", bounds=rows(True, True), **names) == "0 of 2 rows cannot be those of one model."
    assert "exchanged, 1 of them could be" in told("dom-30", bounds=rows(False, False), **names)


@pytest.mark.parametrize("here", SIDES)
@pytest.mark.parametrize("there", SIDES)
def test_whether_both_fusions_are_attacked_through_the_same_sense(here, there):
    others = {("late", attack): {"eval": None} for attack in ATTACKS}
    text = told("dom-33", others=others, harder=SIDES[here], paired=one_by_one(SIDES[there]))
    name = {1: "the picture", 0: "neither sense for sure", -1: "the sound"}
    assert f"through {name[here]} in `late_sum`" in text
    assert f"through {name[there]} in `late`" in text
    assert ("Both fusions agree" in text) == (here == there != 0)
    assert ("They disagree" in text) == (here * there == -1)
    assert ("not shown that both" in text) == (here * there == 0)


WORLDS = ("as it is", "pictures dealt out", "sounds dealt out")


@pytest.mark.parametrize("turned", SIDES)
@pytest.mark.parametrize("knows", SIDES)
@pytest.mark.parametrize("harmed", SIDES)
def test_who_knows_more_and_who_is_attacked_with_effect(turned, knows, harmed):
    points = dict.fromkeys(WORLDS, (ABOVE, ABOVE)) | {"as it is": (SIDES[knows], SIDES[harmed])}
    text = told("dom-38", points=points, turned=SIDES[turned])
    assert {1: "*as it is*: the eye knows more", 0: "*as it is*: neither sense", -1: "*as it is*: the ear"}[
        knows
    ] in text
    takes = {
        1: "attack through the picture takes more",
        0: "neither attack is shown",
        -1: "through the sound takes more",
    }
    assert takes[harmed] in text
    assert f"in {2 + (knows == harmed != 0)} of 3 worlds" in text
    assert ("with less in: as it is" in text) == (knows * harmed == -1)
    assert {1: "it follows the data", 0: "cannot be told", -1: "moves against the data"}[turned] in text


@pytest.mark.parametrize("leans", SIDES)
@pytest.mark.parametrize("attack", SIDES)
def test_the_wrong_film_beside_the_attack(leans, attack):
    text = told("dom-42", exchanged=lambda *a: Some(eval=None), predict=lambda *a: FAIR, taps={"late_sum": [None]},
                seen=None, clean={"late_sum": None}, harder=SIDES[attack],
                paired=one_by_one(ABOVE, ACROSS, SIDES[leans]))  # fmt: skip
    which = {1: "the wrong film costs more", 0: "neither is shown to cost more", -1: "the wrong sound costs more"}
    assert which[leans] in text
    assert ("tells the same tale" in text) == (leans == attack != 0)
    assert ("tells the opposite" in text) == (leans * attack == -1)
    assert ("at least one is undecided" in text) == (leans * attack == 0)


def test_the_check_of_the_exercise_knows_right_from_wrong():
    names = executed("dom-44") | {"verdict": verdict, "recalibrated": recalibrated}
    exec(CELLS["dom-45"], names)
    exec(CELLS["dom-46"], names)
    assert names["run"].said[0] == "Not written yet."
    assert names["run"].said[1].startswith("**Right**: 3 of 3 cases.")
    names["move_back"] = lambda attacked, clean, moved: attacked - (moved - clean).mean(dim=1, keepdim=True).mean()
    exec(CELLS["dom-45"], names)
    assert names["run"].said[-1].startswith("Not yet")


@pytest.mark.parametrize(
    ("side", "words"),
    [(1, "who knows of the remedy takes more"), (0, "is not shown"), (-1, "plain loss is the stronger")],
)
def test_an_attacker_who_knows_of_the_remedy(side, words):
    text = told("dom-48", taps={"late_sum": [None]}, universal_of=lambda *a: None, class_ranking=None,
                seen=Some(train=None, eval=None, valid=None), predict=lambda *a: FAIR, before={"valid": [FAIR]},
                moved_back={"A+V": [FAIR]}, recalibrated=recalibrated, bootstrap=lambda *a, **k: ABOVE,
                paired=one_by_one(SIDES[side]))  # fmt: skip
    assert words in text
