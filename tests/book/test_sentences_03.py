"""Chapter 3 says what its numbers say: each computed sentence is given results from every side."""

import math
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch

from avlib.attacks import Threat
from avlib.metrics import Interval, floor_map, top_label_lost
from avlib.plots import breaking
from tests.book.cells import Run, cells

CELLS = cells("03_breaking_a_model")
LABELS = torch.tensor([[1.0, 0], [0, 1], [0, 1], [0, 1]])
RIGHT = LABELS * 8 - 4  # logits; times −1 they are wrong about every clip


class Victims:
    def __init__(self, labels: torch.Tensor) -> None:
        self.labels = labels

    def __len__(self) -> int:
        return len(self.labels)


def number(value: float, spread: float = 0.05) -> Interval:
    ends = {"value": value, "low": value - spread, "high": value + spread}
    return Interval(**ends, plain=value, level=0.95, replicates=np.zeros(0), seeds=1, clips=len(LABELS))


def said(cell: str, **names) -> str:
    """What the cell says where `names` are what the cells before it have left."""
    run = Run()
    common = {
        "run": run, "math": math, "torch": torch, "victims": Victims(LABELS), "steps": 20, "epsilon": 0.2,
        "chance": 0.3, "size": SimpleNamespace(replicates=10),
        "few": {"audio": torch.zeros(2, 3, 4)}, "few_labels": LABELS[:2],
    }  # fmt: skip
    exec(compile(CELLS[cell], cell, "exec"), {**common, **names})
    assert "nan" not in run.text.lower().replace("chance", "")
    return run.text


def climb(start: float, middle: float, end: float):
    """A search of 200 steps over two clips: its loss before, after 20 steps, and at the end."""
    history = torch.full((2, 201), float(start))
    history[:, 20:] = middle
    history[:, -1] = end
    return SimpleNamespace(history=history)


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        (LABELS, "over all 2 classes"),
        (torch.cat([LABELS, torch.zeros(4, 1)], dim=1), "over 2 of the 3 classes: the others are carried by none"),
    ],
)
def test_classes_that_do_not_count_are_named(labels, words):
    names = {
        "predict": lambda *_: None,
        "bootstrap": lambda *_, **__: number(0.8),
        "floor_map": floor_map,
        "model": None,
    }
    data = SimpleNamespace(classes=["a"] * labels.shape[1])
    assert words in said("cell-05", victims=Victims(labels), data=data, **names)
    assert "2 of these classes are carried, or not carried, by fewer" in said(
        "cell-05", victims=Victims(labels), data=data, **names
    )
    assert "Beware" not in said("cell-05", victims=Victims(labels.repeat(6, 1)), data=data, **names)


@pytest.mark.parametrize(
    ("flipped", "words"),
    [
        (0.5, "finds what the formula promises"),
        (0.25, "finds what the formula promises"),  # one clip of four, on the edge
        (0.0, "misses decisions that could be flipped"),
        (1.0, "no δ of this length can flip"),
    ],
)
def test_the_search_is_held_against_the_formula(flipped, words):
    radii = {p: torch.tensor([1.0, 2, 3, 4]) for p in (1.0, 2.0, math.inf)}
    found = pd.DataFrame({"norm": [2.0], "epsilon": [2.0], "flipped": [flipped]})
    assert words in said("cell-10", radii=radii, grid=[(2.0, 2.0)], found=found, breaking=breaking)


@pytest.mark.parametrize(
    ("hand", "words"), [(1.0, "end at the same height"), (0.5, "worth something here"), (1.5, "By hand ends higher")]
)
def test_the_loop_by_hand_is_held_against_the_library(hand, words):
    theirs = SimpleNamespace(loss=torch.ones(2), history=torch.zeros(2, 3))
    assert words in said("cell-17", by_hand=torch.full((2,), hand), theirs=theirs)


@pytest.mark.parametrize(
    ("search", "words"),
    [
        (climb(0, 1, 1), "lacks 0% of the rise: it has converged"),
        (climb(0, 1, 2), "lacks 50% of the rise: it has not converged"),
        (climb(0, 0.95, 1), "lacks 5% of the rise: whether it has converged cannot be told"),
        (climb(1, 0.5, 0), "cannot be judged, because nothing raised the loss"),
    ],
)
def test_whether_a_search_has_converged(search, words):
    assert f"search in ℓ2 {'still ' * words.startswith('lacks')}{words}" in said(
        "cell-21", searches={"ℓ2": search}, per_bin=0.1, long=200
    )


def strength(searched: float, attacked: float, clean: float = 0.8) -> str:
    mAP = {"noise": number(0.7), "PGD": number(attacked)}
    return said(
        "cell-strength-told",
        searched=number(searched),
        clean=number(clean),
        mAP=mAP,
        worst=SimpleNamespace(index=list(mAP)),
        under={(name, 0.2): RIGHT for name in mAP},
        floor_map=lambda _: 0.1,
        bce=lambda z, y: z.sum(dim=1),
    )


@pytest.mark.parametrize(
    ("searched", "attacked", "words"),
    [
        (0.6, 0.1, "most of what is lost is owed to the search"),
        (0.1, 0.2, "noise of that size alone takes more than half"),
        (0.0, 0.7, "cannot be told from noise"),
        (-0.2, 0.7, "noise does more than the search"),
    ],
)
def test_what_the_search_adds_to_noise(searched, attacked, words):
    assert words in strength(searched, attacked)


@pytest.mark.parametrize(
    ("attacked", "words"), [(0.7, "stays above chance"), (0.31, "cannot be told from chance"), (0.2, "*below* chance")]
)
def test_where_chance_lies(attacked, words):
    assert words in strength(0.5, attacked)
    assert ("upside down" in strength(0.5, attacked)) == (attacked == 0.2)


@pytest.mark.parametrize("attacked", [0.7, 0.31, 0.2])
def test_a_tagger_that_knows_nothing_cannot_be_turned_upside_down(attacked):
    told = strength(0.5, attacked, clean=0.3)
    assert "little was to be broken" in told
    assert "upside down" not in told


@pytest.mark.parametrize(
    ("attacked", "words"), [(0.12, "of PGD reaches the floor"), (0.5, "No interval reaches the floor")]
)
def test_whether_the_floor_is_reached(attacked, words):
    assert words in strength(0.5, attacked)


@pytest.mark.parametrize(
    ("gap", "words"),
    [(0.3, "they are ahead of it"), (-0.3, "they stay behind it"), (0.01, "they cannot be told from it")],
)
def test_averages_and_network_under_attack(gap, words):
    columns = [f"mAP, {who}" for who in ("CSN", "averages")]
    beside = pd.DataFrame({c: {"no attack": number(0.8), "PGD": number(0.4)} for c in columns})
    told = said(
        "cell-averages-told",
        beside=beside,
        left=number(0.4),
        alone={"PGD": 0},
        ours={"PGD": 0},
        paired=lambda *_, **__: number(gap),
    )
    assert words in told
    assert "0.50 of their mAP" in told


@pytest.mark.parametrize(
    ("clean", "attacked", "labels", "words"),
    [
        (RIGHT, (RIGHT, -RIGHT, -RIGHT), LABELS, "is wrong is **0.2**, and it is wrong at all larger ones"),
        (RIGHT, (-RIGHT, RIGHT, -RIGHT), LABELS, "is wrong is **0.1**, but not at all larger ones"),
        (RIGHT, (RIGHT, RIGHT, RIGHT), LABELS, "stays right"),
        (-RIGHT, (-RIGHT, -RIGHT, -RIGHT), LABELS, "wrong before anything is added"),
        (RIGHT, (RIGHT, RIGHT, RIGHT), 0 * LABELS, "carries no label"),
    ],
)
def test_where_the_slider_turns_the_answer(clean, attacked, labels, words):
    ladder = [0.1, 0.2, 0.4]
    under = {("PGD", eps): logits for eps, logits in zip(ladder, attacked, strict=True)}
    names = {"ladder": ladder, "under": under, "clean_logits": clean, "clip": 0, "top_label_lost": top_label_lost}
    assert words in said("cell-slider-told", victims=Victims(labels), **names)


@pytest.mark.parametrize(
    ("noisy", "attacked", "words"),
    [
        (0.21, 1.2, "next to nothing (1% of the rise)"),
        (0.7, 1.2, "noise has won 50% of the rise"),
        (1.3, 1.2, "noise gets as high as the search"),
        (0.3, 0.2, "no way up from this clip"),
    ],
)
def test_how_far_noise_gets_on_the_map(noisy, attacked, words):
    heights = {(0, 0): 0.2, (0, 1): noisy, (0, -1): 0.1, (1, 0): attacked}
    assert words in said("cell-map-told", seen=SimpleNamespace(at=lambda a, b: heights[a, b]))


@pytest.mark.parametrize(
    ("turned", "fooled", "words"),
    [
        ([0, 1], [1], "what you hear is what it answers"),
        ([0, 1], [], "none is answered wrongly once δ is made a sound"),
        ([], [], "nothing to choose from"),
    ],
)
def test_what_the_cover_shows(turned, fooled, words):
    names = {"tried": dict.fromkeys(turned or [0], None), "right": torch.ones(4), "left": SimpleNamespace(share=0.4)}
    assert words in said("cell-cover-told", turned=turned, fooled=fooled, **names)


@pytest.mark.parametrize(
    ("half", "full", "words"),
    [
        (0.95, 1.0, "of the rise: the upper one is hardly missed"),
        (0.55, 1.0, "it is neither kept nor lost"),
        (0.15, 1.0, "it nearly vanishes"),
        (0.1, 0.1, "nothing can be told"),
    ],
)
def test_what_half_of_the_bins_are_worth(half, full, words):
    def pgd(model, batch, labels, threats, **_):
        loss = torch.full((2,), full if threats["audio"].mask is None else half)
        return SimpleNamespace(loss=loss, history=torch.full((2, 3), 0.1), delta={"audio": torch.zeros(2, 3, 4)})

    assert words in said("cell-35", pgd=pgd, Threat=Threat, model=None)


@pytest.mark.parametrize(
    ("cold", "warm", "words"),
    [(0.5, 1.2, "ends below ℓ2"), (1.1, 1.5, "the warm one gets further"), (1.5, 1.5, "the warm one gets no further")],
)
def test_the_larger_ball_and_the_higher_curve(cold, warm, words):
    found = SimpleNamespace(loss=torch.full((2,), warm), delta={})
    names = {"pgd": lambda *_, **__: found, "equal": {"ℓ1": None, "ℓ2": None}, "ends": {"ℓ1": cold, "ℓ2": 1.0}}
    assert words in said("cell-37", model=None, **names)


@pytest.mark.parametrize(
    ("played", "drawn", "words"),
    [
        (0.2, 1.0, "nearer to the clean value: the way through the air takes 89%"),
        (0.9, 1.0, "nearer to the attacked value: 89% of the harm is kept"),
        (0.55, 1.0, "half way"),
        (0.1, 0.1, "nothing to lose on the way"),
    ],
)
def test_what_the_loudspeaker_leaves(played, drawn, words):
    values = iter((0.1, played, drawn))
    names = {
        "bce": lambda z, y: torch.tensor(next(values)),
        "model": lambda b: None,
        "y": None,
        "heard": SimpleNamespace(features=torch.zeros(1)),
    }
    assert words in said("cell-39", x=torch.zeros(1), delta=torch.zeros(1), **names)
