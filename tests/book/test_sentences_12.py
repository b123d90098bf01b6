"""Sentences of chapter 12 that tell a result: the cells of the notebook, fed with results from every side."""

from itertools import product
from types import SimpleNamespace as Some

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.stats import wilcoxon

from avlib.checking import verdict
from avlib.errors import AvlibError
from avlib.metrics import Positives
from avlib.metrics.hulls import holds
from avlib.mixup import blend
from avlib.selection import chosen
from tests.book.cells import ABOVE, SIDES, Run, between, cells, one_by_one

CELLS = cells("12_mixing_as_defence")
FAIR = torch.tensor([[1.0, 0], [0, 1]] * 9)
STATES = ("clean", "universal δ", "sample-wise δ")
WORD = {1: "above", 0: "not told apart from", -1: "below"}


def executed(*asked, **names):
    given = {"np": np, "pd": pd, "torch": torch, "run": Run(), "seeds": 1, "seed": 0, "how": {}, "truth": FAIR,
             "carried": Positives.of(FAIR), "size": Some(replicates=3, umap=False), **names}  # fmt: skip
    for cell in asked:
        exec(CELLS[cell], given)
    return given


def told(*asked, **names):
    return executed(*asked, **names)["run"].prose


def choice(kappa, rho, recall, sure):
    columns = {"ρ": rho, "κ, all pairs": kappa, "recall": recall, "κ, recognised pairs": sure}
    train = Some(labels=torch.eye(4)[:, : len(rho)])
    return told("mix-09", "mix-10", measured=pd.DataFrame(columns), film=Some(classes=list("abcd")), classes=len(rho),
                seen=Some(train=train), guided=(0, 1), by_lot=(1, 2), rule=Some(share=0.5), chosen=chosen,
                AvlibError=AvlibError)  # fmt: skip


def test_the_printed_rule_chooses_or_does_not():
    text = choice([0.9, 0.95, 1.0], [1.0, 2.0, 3.0], [0.9, 0.95, 1.0], [1.0, 1.0, 1.0])
    assert "chooses no pair here: *T = 0.5 and D = 8 leave 0 of 3" in text
    assert "next to nothing is left" in text
    assert "some classes are not convex" in choice([0.8, 0.9, 1.0], [1.0, 2, 3], [0.9, 0.95, 1.0], [0.9, 1.0, 1.0])
    assert "it says which classes are recognised" in text
    assert "That chooses a, b: 50% of the training clips" in text
    assert "By lot: b, c, 50%" in text
    text = choice([0.1, 0.2, 1.0], [9.0, 10.0, 3.0], [0.9, 0.2, 0.3], [0.5, 0.6, 0.7])
    assert "chooses 2 of 3 classes" in text
    assert "some classes are not convex" in text
    assert "it is more than the recall" in text


@pytest.mark.parametrize(
    ("ten", "side", "words"),
    [
        (0.5, 0, "More steps take more"),
        (0.3, 1, "larger than it can defend"),
        (0.3, 0, "**catastrophic"),
        (0.3, -1, "**catastrophic"),
    ],
)
def test_whether_one_step_taught_more_than_one_step(ten, side, words):
    values = iter([between(0.6, 0.6), between(ten, ten)])
    dear = {"vanilla": 2, "guided mix-up": 2, "one-step adversary": 5, "universal adversary": 2}
    text = told("mix-17", chance_map=lambda _: 0.25, held=Some(labels=FAIR), one=None, many=None, nearby=None,
                near=None,
                bootstrap=lambda *a, **k: next(values), paired=lambda *a, **k: SIDES[side], dear=dear,
                on_valid=lambda *a: None, Positives=Positives)  # fmt: skip
    assert words in text
    assert "5 with the one-step adversary" in text


def versus(vanilla=(0, 0, 0), lot=0, plain=0, one=(0, 0), every=(0, 0)):
    """Guided mix-up against the others, from the sides of each state."""
    rows = {"vanilla": vanilla, "mix-up by lot": (0, lot, 0), "plain mix-up": (0, plain, 0),
            "one-step adversary": (0, *one), "universal adversary": (0, *every)}  # fmt: skip
    return {name: {state: SIDES[s] for state, s in zip(STATES, sides, strict=True)} for name, sides in rows.items()}


@pytest.mark.parametrize(("helps", "lot"), list(product(SIDES, SIDES)))
def test_whether_mixing_helps_and_whether_the_choice_does(helps, lot):
    states = dict.fromkeys(("random δ", "universal δ"))
    text = told(
        "mix-26", versus=versus((-1, helps, 0), lot, 1), found={"vanilla": states}, paired=lambda *a, **k: SIDES[lot]
    )
    assert ("there is something to defend against" in text) == (lot > 0)
    assert ("nothing to defend against" in text) == (lot <= 0)
    assert f"Untouched, guided mix-up is {WORD[-1]} the vanilla model" in text
    assert f"under the universal δ it is {WORD[helps]} it" in text
    assert f"it is {WORD[lot]} mix-up by lot" in text
    assert "above plain mix-up" in text
    ending = {
        1: "the choice adds to it" if lot > 0 else "that the choice does is not shown",
        0: "Nothing shows that the defence defends",
        -1: "does harm",
    }
    assert ending[helps] in text


@pytest.mark.parametrize(("one", "every"), list(product([(1, 0), (0, 0), (0, -1), (1, -1)], [(1, 1), (0, 0), (-1, 1)])))
def test_who_outperforms_whom_under_attack(one, every):
    dear = {"guided mix-up": 2, "one-step adversary": 5, "universal adversary": 2}
    given = versus(one=one, every=every)
    side = {other: {state: gap.sign for state, gap in states.items()} for other, states in given.items()}
    text = told("mix-27", versus=given, side=side, dear=dear)
    sides = {"one-step adversary": one, "universal adversary": every}
    wins = [name for name, (u, s) in sides.items() if u > 0 and s >= 0]
    loses = [name for name, s in sides.items() if min(s) < 0]
    assert ("It outperforms" in text) == bool(wins)
    assert ("It is beaten" in text) == bool(loses)
    assert ("Neither rival is told apart" in text) == (not wins and not loses)
    for part, names in (("outperforms", wins), ("beaten under attack by", loses)):
        assert not names or f"{part} {' and '.join(names)}" in text
    assert "0.40 of the passes of the one-step" in text


def test_other_rules_are_told_where_they_are_trained():
    attacked = {name: {"universal δ": None} for name in ("guided mix-up", "mix-up, κ alone")}
    names = {"rules": {"κ alone": {}}, "found": attacked,
             "paired": lambda *a, **k: ABOVE}  # fmt: skip
    assert "are trained at `full`" in told("mix-31", models={}, **names)
    assert "κ alone 0.150" in told("mix-31", models={"mix-up, κ alone": None}, **names)


@pytest.mark.parametrize("sides", [(1, 0, -1), (0, 0, 0), (-1, -1, -1), (1, 1, 1)])
@pytest.mark.parametrize("best", [ABOVE, between(-0.1, 0.1)])
def test_remedies_from_elsewhere_are_told_where_they_are_trained(sides, best):
    names = ("vertex mix-up", "slowed sense", "dissimilar senses")
    gain = {n: dict.fromkeys(STATES, SIDES[s]) for n, s in zip(names, sides, strict=True)}
    attacked = {n: {"universal δ": None} for n in (*names, "guided mix-up")}
    given = {"elsewhere": dict.fromkeys(names), "gain": gain, "found": attacked, "paired": lambda *a, **k: best}
    assert told("mix-elsewhere-said", models={}, **given).endswith("are trained at `full`.")
    text = told("mix-elsewhere-said", models=attacked, **given)
    helped, hurt = ([n for n, s in zip(names, sides, strict=True) if s == way] for way in (1, -1))
    assert ("One δ for all does less harm to" in text) == bool(helped)
    assert ("None of them is seen to help" in text) == (not helped)
    assert ("It does more harm to" in text) == bool(hurt)
    assert not helped or f"does less harm to {' and '.join(helped)}." in text
    assert not hurt or f"does more harm to {' and '.join(hurt)}." in text
    assert ("None is seen to do better" in text) == (best is not ABOVE)
    assert (f"Better than guided mix-up: {' and '.join(names)}." in text) == (best is ABOVE)


@pytest.mark.parametrize(
    ("tighter", "words"), [(0, "they agree here"), (2, "has chosen the answer"), (4, "they agree")]
)
def test_pictures_agree_or_not(tighter, words):
    names = {"three": ["x", "y"], "named": ["x", "y"], "tries": range(4), "tighter": tighter,
             "areas": {"guided mix-up": [0.1, 0.2], "vanilla": [0.3, 0.4]}}  # fmt: skip
    text = told("mix-37", **names)
    assert words in text
    assert f"are smaller in {tighter}:" in text
    assert "(the classes of the figure)" in text
    assert "UMAP takes longer" in text
    other = told("mix-37", **names | {"named": ["z"]}, size=Some(umap=True))
    assert "the three classes with most clips" in other
    assert "UMAP" not in other


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("more", [0.2, 0.95])
def test_neighbours_are_purer_or_not(side, more):
    rows = pd.DataFrame({"purity": [0.5, 0.7], "chance": [0.4, 0.4]})
    boxes = pd.DataFrame({"own inside": {"vanilla, PCA, 2": 0.9, "vanilla, PCA, 5": more}})
    text = told("mix-41", near_ones={"vanilla": rows, "guided mix-up": rows}, known=np.array([True, True]), boxes=boxes,
                paired=lambda *a, **k: SIDES[side])  # fmt: skip
    assert {1: "are purer", 0: "is not seen to make", -1: "*less* pure"}[side] in text
    assert ("the hull empties" in text) == (more < 0.9)
    assert "0.60 are of the same class" in text


@pytest.mark.parametrize("dense", SIDES)
@pytest.mark.parametrize("convex", SIDES)
def test_what_moved(dense, convex):
    shift = {"ρ": np.arange(1.0, 9), "κ, all pairs": np.zeros(8)}
    delta = {"ρ": SIDES[dense], "κ, all pairs": SIDES[convex]}
    rose = {1: "rises", 0: "does not move for sure", -1: "falls"}
    text = told("mix-44", guided=range(7), shift=shift, delta=delta, wilcoxon=wilcoxon)
    assert f"the density of the mixed classes {rose[dense]} (" in text
    assert f"their convexity {rose[convex]} (" in text
    assert "p = 0.02 for the density and 1.00 for the convexity." in text
    few = told("mix-44", guided=range(2), shift=shift, delta=delta, wilcoxon=wilcoxon)
    assert "the density of the mixed classes does not move for sure" in few
    assert "nothing is concluded" in few
    assert "cannot give less than 0.50" in few


def test_hulls_empty_with_dimension():
    given = executed("mix-48", holds=holds)
    assert given["run"].kept["in_hull_2"] > given["run"].kept["in_hull_5"] > given["run"].kept["in_hull_20"]
    assert "in 20 dimensions" in given["run"].prose


def test_the_check_of_the_exercise_knows_right_from_wrong():
    names = executed("mix-50", "mix-51", "mix-52", verdict=verdict, blend=blend)
    assert names["run"].said[0] == "Not written yet."
    assert names["run"].said[1].startswith("**Right**: 3 of 3 cases.")
    names["mixed"] = lambda x, weight, partner: x[partner]
    exec(CELLS["mix-51"], names)
    assert names["run"].said[-1].startswith("Not yet")


@pytest.mark.parametrize("sides", [(1, 0), (0, 0), (-1, 0), (1, 1)])
def test_a_borrowed_noise_flatters_or_does_not(sides):
    names = ("plain mix-up", "guided mix-up")
    text = told("mix-54", fitted={"vanilla": [None]}, predict=lambda *a: None, seen=Some(eval=None),
                models={"vanilla": [None], **{name: [None] for name in names}},
                found={name: {"universal δ": [None]} for name in names},
                paired=one_by_one(*(SIDES[side] for side in sides)))  # fmt: skip
    up = [name for name, side in zip(names, sides, strict=True) if side > 0]
    assert ("would look more robust" in text) == bool(up)
    assert not up or f"{' and '.join(up)} would look" in text
    assert ("no difference which one" in text) == (not up)
