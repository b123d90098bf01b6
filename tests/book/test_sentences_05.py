"""Sentences of chapter 5 that tell a result: the cells of the notebook, fed with results from every side."""

from types import SimpleNamespace as Some

import pandas as pd
import pytest
import torch

from avlib.checking import verdict
from avlib.metrics import Positives, top_label_lost
from avlib.models.guards import rounded
from tests.book.cells import ABOVE, ACROSS, BELOW, SIDES, Run, between, cells, one_by_one

CELLS = cells("05_trust_the_attack")
LOST = between(1.0, 1.0)
FAIR = torch.tensor([[1.0, 0], [0, 1]] * 9)


def told(cell, **names):
    given = {"pd": pd, "torch": torch, "run": Run(), "size": Some(replicates=3), "seeds": 1, "steps": 20, "draws": {},
             "victims": Clips(FAIR), "carried": Positives.of(FAIR), "how": {},
             "Positives": Positives, "top_label_lost": top_label_lost, **names}  # fmt: skip
    exec(CELLS[cell], given)
    return given["run"].prose


class Clips:
    def __init__(self, labels):
        self.labels = labels

    def __len__(self):
        return len(self.labels)


@pytest.mark.parametrize(("clips", "few"), [(18, True), (36, False)])
def test_few_clips_are_named(clips, few):
    labels = FAIR.repeat(2, 1)[:clips]
    text = told("trust-07", bootstrap=lambda *a, **k: ACROSS, clean=None, victims=Clips(labels), data=Some(name="x"))
    assert ("clips are few" in text) == few
    assert f"Of {clips} victims of **x**" in text
    assert "left to be broken" not in text
    lost = told("trust-07", bootstrap=lambda *a, **k: LOST, clean=None, victims=Clips(labels), data=Some(name="x"))
    assert "No victim is left to be broken" in lost


@pytest.mark.parametrize("longer", SIDES)
@pytest.mark.parametrize("behind", SIDES)
def test_schedules_beside_the_falling_one(behind, longer):
    names = ["ε / steps", "2.5 ε / steps", "falling from ε", "Auto-PGD"]
    course = {(name, k): None for name in names for k in (5, 20, 40)}
    gaps = one_by_one(SIDES[behind], ACROSS, BELOW, ABOVE, SIDES[longer])
    text = told("trust-11", paired=gaps, bootstrap=lambda *a, **k: ACROSS, course=course, counts=[5, 20, 40],
                searches=dict.fromkeys(names))  # fmt: skip
    words = {1: "behind", 0: "not told apart", -1: "ahead"}
    assert f"ε / steps is {words[behind]}" in text
    assert "2.5 ε / steps is not told apart" in text
    assert "Auto-PGD is ahead" in text
    assert {1: "20 steps are not the end", 0: "no more for sure", -1: "only be luck"}[longer] in text


@pytest.mark.parametrize("same", [True, False])
@pytest.mark.parametrize("side", SIDES)
def test_the_loss_that_belongs_to_a_measure(same, side):
    losses = dict.fromkeys(["BCE", "margin", "DLR"])
    right = torch.where(FAIR > 0, 1.0, -1.0)
    by_loss = {"BCE": right[None], "margin": -right[None], "DLR": torch.cat([-right[:9], right[9:]])[None]}
    chosen = {"mAP": "margin" if same else "BCE", "broken": "margin"}
    gaps = {name: SIDES[side] for name in losses if name != chosen["mAP"]}
    fewer = {"BCE": ABOVE, "DLR": SIDES[side]}
    text = told("trust-15", losses=losses, by_loss=by_loss, chosen=chosen, gaps=gaps, fewer=fewer)
    assert ("one loss for both" in text) == same
    assert ("takes more mAP than no other" in text) == (side < 1)
    assert ("breaks more clips than BCE, DLR" in text) == (side == 1)
    assert "the worst of all four breaks 1.00, against 1.00" in text


@pytest.mark.parametrize("less", SIDES)
@pytest.mark.parametrize("square", SIDES)
def test_rivals_of_another_kind(square, less):
    gaps = {"no attack": ABOVE, "Square": SIDES[square], "targeted": SIDES[less], "PGD, 20 steps": ACROSS}
    table = pd.DataFrame({"PGD breaks more by": gaps})
    text = told("trust-21", table=table, reached=torch.tensor(0.25), less=SIDES[less])
    assert ("its number cannot stand" in text) == (-1 in (square, less))
    assert ("**Square" in text) == (square == -1)
    assert ("Not told apart" in text) == (0 in (square, less))
    assert "PGD, 20 steps" not in text
    assert {1: "as the papers hold", 0: "not told apart from the untargeted", -1: "more than the untargeted"}[
        less
    ] in text
    assert "on top of 0.25" in text


def flagged(*raised):
    return pd.DataFrame({"raised": [check in raised for check in ("one", "two")]}, index=["one", "two"])


def test_flags_are_counted_and_named():
    assert "**No flag is raised**" in told("trust-24", checked=flagged())
    text = told("trust-24", checked=flagged("two"))
    assert "1 of 2 flags are raised** (two)" in text
    assert "cannot be trusted" in text


@pytest.mark.parametrize("caught", [True, False])
def test_a_planted_defence_that_escapes_is_named(caught):
    table = pd.DataFrame({"broken": {"PGD, 20 steps": ABOVE}})
    shares = {"rounded": [0.1, 0.6], "rippled": [0.2, 0.7]}
    found = {"rounded": ["one"], "rippled": ["two"] if caught else []}
    text = told("trust-31", shares=shares, told=found, table=table)
    assert ("Every planted defence is caught" in text) == caught
    assert ("**Not caught: rippled.**" in text) == (not caught)
    assert "*rounded*: PGD through the guard 0.10, the same δs that broke the tagger 0.60" in text


@pytest.mark.parametrize("adam", SIDES)
@pytest.mark.parametrize("clips", SIDES)
def test_rivals_of_the_universal_fit(adam, clips):
    gaps = {"ours": ACROSS, "twice the passes": BELOW, "twice the clips": SIDES[clips], "momentum": BELOW,
            "Adam": SIDES[adam]}  # fmt: skip
    text = told("trust-38", universal=pd.DataFrame({"mAP beyond ours": gaps}), truth=FAIR)
    assert ("Adam beats ours" in text) == (adam == 1)
    assert ("no rival beats ours" in text) == (adam != 1)
    assert ("a richer attacker takes more" in text) == (clips == 1)
    few = torch.tensor([[1.0, 0], [0, 1]] * 2)
    assert "no rival beats ours" in told("trust-38", universal=pd.DataFrame({"mAP beyond ours": gaps}), truth=few)


@pytest.mark.parametrize(
    ("raised", "ahead", "better", "words"),
    [
        ([], [], [], "both attacks stand"),
        (["one"], [], [], "1 checks are not met"),
        ([], ["Square"], [], "Square breaks more"),
        ([], [], ["Adam"], "Adam fits better"),
    ],
)
def test_whether_the_attacks_stand(raised, ahead, better, words):
    text = told("trust-41", raised=raised, ahead=ahead, better=better, untouched=ACROSS)
    lost = told("trust-41", raised=raised, ahead=ahead, better=better, untouched=LOST)
    assert "neither attack can be judged" in lost
    assert "both attacks stand" not in lost
    assert words in text
    assert ("do not stand" in text) == bool(raised or ahead or better)


@pytest.mark.parametrize("side", SIDES)
def test_again_or_longer_and_with_or_without_labels(side):
    text = told("trust-45", paired=one_by_one(SIDES[side], ACROSS), under=lambda _: None, partial=lambda *a, **k: None,
                searches={"falling from ε": None}, ours=None)  # fmt: skip
    assert {1: "better longer", 0: "cannot be told apart", -1: "better again"}[side] in text
    right = torch.where(FAIR > 0, 1.0, -1.0)
    clean = torch.cat([right[:9], -right[9:]])[None]
    text = told("trust-52", paired=lambda *a, **k: SIDES[side], ours=None, blind=None, clean=clean)
    assert {1: "the truth helps", 0: "no more for sure, so the attacker may do without", -1: "better off without"}[
        side
    ] in text
    assert "a share of 0.50" in text


def test_the_check_of_the_exercise_knows_right_from_wrong():
    names = {"torch": torch, "run": Run(), "verdict": verdict, "rounded": rounded,
             "random": lambda: torch.Generator().manual_seed(0)}  # fmt: skip
    exec(CELLS["trust-47"], names)
    exec(CELLS["trust-48"], names)
    assert names["run"].said[-1] == "Not written yet."
    for wrong in (rounded, lambda x: x, lambda x: rounded(x) + 0 * x):
        names["through"] = wrong
        exec(CELLS["trust-48"], names)
        assert names["run"].said[-1].startswith("Not yet")
    names["through"] = lambda x: x + (rounded(x) - x).detach()
    exec(CELLS["trust-48"], names)
    assert names["run"].said[-1].startswith("**Right**: 3 of 3 cases.")
