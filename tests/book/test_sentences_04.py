"""The sentences of chapter 4 that depend on a run, told from every side: the cells themselves, with results made up."""

import math
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch

from avlib.attacks import Threat, fit_universal
from avlib.attacks.readings import PROJECTED
from avlib.checking import verdict
from avlib.data.split import Split
from avlib.losses import bce
from avlib.metrics import Interval, apart, interval, paired, shift_share, tagging
from tests.attacks.toys import linear_tagger
from tests.book.cells import Run, cells

CELLS = cells("04_one_noise")


def told(cell: str, **names: object) -> str:
    """What the cell of that id says, given the `names` that those above it set."""
    run = Run()
    exec(CELLS[cell], names | {"run": run, "math": math, "pd": pd})
    return run.text


def around(value: float, reach: float = 0.02) -> Interval:
    return interval(value, value + np.linspace(-reach, reach, 41), clips=900)


NAN = around(math.nan)
UP, DOWN, LEVEL = around(0.2), around(-0.2), around(0.0)


@pytest.mark.parametrize(
    ("chance", "clips", "seen", "unseen"),
    [
        (0.1, 900, set(), {"cannot be told", "few", "no value"}),
        (0.6, 900, {"cannot be told from a random ranking"}, {"few", "no value"}),
        (0.1, 9, {"9 clips are few"}, {"cannot be told", "no value"}),
        (math.nan, 9, {"mAP has no value here"}, {"cannot be told from"}),
    ],
)
def test_a_tagger_without_anything_to_lose_is_named(chance, clips, seen, unseen):
    text = told(
        "cell-05",
        models=[None],
        predict=lambda *_: None,
        summary=lambda *_: {"mAP": NAN if math.isnan(chance) else around(0.5)},
        chance_map=lambda _: chance,
        data=SimpleNamespace(eval=Clips(clips), train=Clips(100), classes="ab"),
        fitting=Clips(100),
    )
    assert all(words in text for words in seen)
    assert not any(words in text for words in unseen)
    assert "all that there are to train on" in text


class Clips(list):
    """So many clips, and no more."""

    labels = None

    def __init__(self, count: int) -> None:
        super().__init__(range(count))

    def subset(self, rows: range) -> "Clips":
        return Clips(len(rows))


@pytest.mark.parametrize(
    ("losses", "course"),
    [([0.1, 0.4, 0.6], "still rises"), ([0.1, 0.6, 0.6], "stands still"), ([0.1, 0.6, 0.5], "falls")],
)
def test_whether_the_loss_still_rises(losses, course):
    fit = SimpleNamespace(history=pd.DataFrame({"loss": losses, "ratio_audio": [0.0, 1.0, 1.0]}))
    text = told("cell-10", noise_for_all=fit, longer=fit)
    others = {"still rises", "stands still", "falls"} - {course}
    assert f"the loss {course}" in text
    assert not any(word in text for word in others)


def headline(drop: Interval, whole: Interval, gain: Interval) -> str:
    rows = {name: {"mAP": around(0.5), "lwlrap": around(0.5), "broken": around(0.3)} for name in
            ("clean", "random δ", "universal δ")}  # fmt: skip
    names = {"drop": drop, "whole": whole, "gain": gain, "by_noise": around(0.1), "by_seed": [0.4, 0.5]}
    return told("cell-20a", harm=pd.DataFrame(rows).T, draws=range(3), seeds=1, passes=5, **names)


def test_what_the_fit_takes_beyond_random_noise():
    assert "that is more than luck" in headline(UP, UP, LEVEL)
    assert "a share of **0.50**" in headline(UP, UP, LEVEL)
    assert "cannot be told from luck" in headline(LEVEL, LEVEL, LEVEL)
    assert "no share of it can be told" in headline(LEVEL, LEVEL, LEVEL)
    assert "did worse than a random δ" in headline(DOWN, DOWN, LEVEL)
    assert "no drop to share out" in headline(DOWN, DOWN, LEVEL)
    assert "cannot be told" in headline(NAN, NAN, NAN)


def test_whether_more_passes_help():
    assert "5 passes are not the end" in headline(UP, UP, UP)
    assert "the longer fit is the weaker one" in headline(UP, UP, DOWN)
    assert "are not seen to help" in headline(UP, UP, LEVEL)


@pytest.mark.parametrize(
    ("gaps", "words"),
    [
        ({0.5: 0.1, 1.0: 0.4, 2.0: 0.2}, "which is this page's ε, and wider than the next, at ε = 2"),
        ({0.5: 0.1, 1.0: 0.4, 2.0: 0.39}, "which is this page's ε, but no wider for sure than at ε = 2"),
        ({0.5: 0.1, 1.0: 0.2, 2.0: 0.4}, "so the rule would choose that ε and not this page's"),
        ({0.5: 0.1, 1.0: 0.39, 2.0: 0.4}, "so the rule cannot tell the two apart"),
        ({0.5: math.nan, 1.0: math.nan, 2.0: math.nan}, "so the rule cannot choose"),
    ],
)
def test_which_epsilon_the_rule_would_choose(gaps, words):
    luck = np.random.default_rng(0).normal(0, 0.02, (3, 200))
    known = {eps: interval(gap, gap + row) for (eps, gap), row in zip(gaps.items(), luck, strict=True)}
    text = told("cell-24a", gaps=known, epsilon=1.0, apart=apart)
    assert words in text
    assert f"**{2 if gaps[2.0] > gaps[1.0] else 1 if gaps[1.0] > 0 else 0.5:g}**" in text


@pytest.mark.parametrize(
    ("mAP", "words"), [(0.8, "*above chance*"), (0.31, "*not told apart from chance*"), (0.05, "*below chance*")]
)
def test_where_one_for_all_and_one_for_each_lie(mAP, words):
    rows = {name: {"mAP": around(0.3), "broken": around(0.3)} for name in ("clean", "random δ", "universal δ")}
    rows["a δ for each clip"] = {"mAP": around(mAP), "broken": around(0.9)}
    names = {"same_clips": pd.DataFrame(rows).T, "few": Clips(64), "floor_map": lambda _: 0.04}
    text = told("cell-26a", chance_map=lambda _: 0.3, **names)
    assert words in text.partition("the sample-wise one")[2]
    assert ("reaches the floor" in text) == (mAP < 0.1)
    assert "mAP has no value" in told("cell-26a", chance_map=lambda _: math.nan, **names)


@pytest.mark.parametrize(
    ("gain", "words"), [(UP, "more than luck"), (LEVEL, "may be luck"), (DOWN, "less than nothing")]
)
def test_what_fitting_on_the_scored_clips_is_worth(gain, words):
    pairs = [("train", "clips of eval"), ("other clips of eval", "clips of eval"), ("clips of eval", "the same clips")]
    names = {"left": dict.fromkeys(pairs, (None, "same")), "same": Clips(80), "count": 80, "parts": {"others": 1}}
    more = {"size": SimpleNamespace(replicates=1), "data": SimpleNamespace(eval=Clips(160))}
    text = told("cell-30", paired=lambda *_, **__: gain, **names, **more)
    assert text.count(words) == 3
    assert "missing" not in text
    few = told("cell-30", paired=lambda *_, **__: NAN, **(names | {"parts": {}}), **more)
    assert "nothing can be told" in few
    assert "that row is missing" in few
    assert "nan" not in few


def split_of(shifted: float, rest: float, attacked: float) -> pd.DataFrame:
    """A table as `decompose` makes it, in which lwlrap and the clips that are not broken fall from .9."""
    whole = pd.Series({"clean": 0.9, "shift alone": shifted, "rest alone": rest, "attacked": attacked})
    still = pd.Series({"clean": 0.9, "shift alone": 0.9, "rest alone": attacked, "attacked": attacked})
    return pd.DataFrame({"mAP": still, "auc": still, "lwlrap": whole, "broken": 1 - whole})


@pytest.mark.parametrize(
    ("table", "words"),
    [
        (
            split_of(0.6, 0.7, 0.4),
            "**60%** when it is looked at first and **60%** after the rest: the two orders agree",
        ),
        (
            split_of(0.5, 0.4, 0.4),
            "**80%** when it is looked at first and **0%** after the rest: the two orders disagree",
        ),
        (split_of(0.9, 0.95, 0.9), "There is no"),
        (split_of(0.9, 0.95, 0.95), "There is no"),
    ],
)
def test_what_the_shift_explains_in_both_orders(table, words):
    names = dict.fromkeys(table)
    text = told("cell-40", split=table, shares=shift_share(table), names=names, shift_share=shift_share)
    assert text.count(words) == 2
    assert "nan" not in text


@pytest.mark.parametrize(
    ("shifted", "drowned", "words"),
    [(60, 20, "more are shifted"), (20, 60, "more are drowned"), (20, 22, "too close"), (0, 0, "none is broken")],
)
def test_where_the_clips_go(shifted, drowned, words):
    states = pd.MultiIndex.from_tuples([("right", "right"), ("right", "shifted"), ("right", "drowned")])
    went = {name: pd.Series([200, shifted, drowned], states) for name in ("random δ", "universal δ")}
    text = told("cell-40c", went=went)
    assert text.count(words) == 2
    assert f"shifts **{shifted}** and drowns **{drowned}**" in text


@pytest.mark.parametrize(
    ("gaps", "words"),
    [
        (
            {"ranking": DOWN, "margin": UP, "class ranking": LEVEL},
            "BCE is *not* the loss to climb here: margin takes more",
        ),
        ({"ranking": DOWN, "margin": DOWN, "class ranking": DOWN}, "BCE is the *strongest* of the four"),
        ({"ranking": DOWN, "margin": DOWN, "class ranking": LEVEL}, "*cannot be told*"),
        ({"ranking": NAN, "margin": NAN, "class ranking": NAN}, "*cannot be told*"),
    ],
)
@pytest.mark.parametrize("cell", ["cell-45", "cell-averages-losses"])
def test_which_loss_is_the_strongest(cell, gaps, words):
    order, space = iter(gaps.values()), {}
    exec(CELLS["cell-45"].partition("\nstrongest")[0], space)
    logits = dict.fromkeys(("bce", *gaps))
    scores = {"bce": 0.1, "ranking": 0.3, "margin": 0.2, "class ranking": 0.4}
    text = told(
        cell,
        against_bce=space["against_bce"],
        here={name: name for name in logits},
        there=logits,
        rivals=gaps,
        plain={"universal δ": [None]},
        averages=[None],
        epsilon=1,
        data=SimpleNamespace(eval=Clips(9)),
        fitting=Clips(9),
        size=SimpleNamespace(replicates=1),
        by_loss=SimpleNamespace(mAP=dict.fromkeys(logits, UP)),
        predict=lambda *_: None,
        universal=lambda *_, **__: None,
        paired=lambda *_, **__: next(order),
        tagging=lambda name, _: SimpleNamespace(mAP=scores[name]),
    )
    assert words in text
    others = {"*not* the loss", "the *strongest*", "*cannot be told*"}
    assert sum(other in text for other in others) == 1
    assert cell != "cell-45" or "the loss to quote is *bce*" in text


RELEASED = ["released, ℓ2", "released, ℓ2, frames not set to ε", "released, ℓ2, fitted on eval", "released, ℓ∞"]
EQUAL = "projected, given the radius of released ℓ2"


def evidence(projected: float, length: float, fitted: float, beyond: Interval = UP) -> pd.DataFrame:
    """What each reading keeps, fitted and at random; the milder print keeps .668."""
    kept = dict.fromkeys(PROJECTED, (projected, 1.0)) | dict.fromkeys([*RELEASED, EQUAL], (fitted, length))
    rows = {
        name: {"kept": around(a), "kept, random": around(b), "beyond random": beyond} for name, (a, b) in kept.items()
    }
    table = pd.DataFrame(rows).T
    table.loc["P1", "published"], table.loc["P2", "published"] = 0.668, 0.478
    return table


@pytest.mark.parametrize(
    ("length", "beyond", "words"),
    [
        (0.5, UP, ("length alone costs mAP", "takes more than the random δ")),
        (1.5, DOWN, ("length alone raises mAP", "takes *less* than the random δ")),
        (1.0, LEVEL, ("is not seen to cost any mAP", "cannot be told from the random δ")),
    ],
)
def test_what_growth_does_and_what_the_fit_does(length, beyond, words):
    shown = ("ℓ2 of each frame", "ℓ∞", "released, ℓ2", "released, ℓ∞")
    text = told("cell-55", evidence=evidence(1.0, length, 0.5, beyond), shown=shown, equal=EQUAL)
    line = next(line for line in text.splitlines() if "*released, ℓ2*" in line)
    assert all(word in line for word in words)


@pytest.mark.parametrize(
    ("kept", "words"),
    [
        ((0.5, 0.5, 0.5), "a projected δ of the nominal size is enough"),
        ((1.0, 0.5, 0.5), "length alone would explain it"),
        ((1.0, 0.9, 0.5), "as long as the released update makes it *and* fitted"),
        ((1.0, 1.0, 0.9), "does not explain the printed drop"),
        ((1.0, 0.9, 0.67), "cannot be told"),
        ((1.0, 0.67, 0.5), "cannot be told"),
    ],
)
@pytest.mark.parametrize(
    ("better", "word"),
    [(UP, "is not the best attack"), (DOWN, "is the better attack"), (LEVEL, "takes about as much")],
)
def test_whether_growth_explains_the_print(kept, words, better, word):
    names = {
        "meant": dict.fromkeys([*PROJECTED, *RELEASED, EQUAL]),
        "PROJECTED": PROJECTED,
        "evidence": evidence(*kept),
        "equal": EQUAL,
        "under": dict.fromkeys(["released, ℓ2", EQUAL]),
        "data": SimpleNamespace(eval=Clips(9)),
        "size": SimpleNamespace(replicates=1),
        "chance": 0.1,
        "paired": lambda *_, **__: better,
    }
    first, _, second = told("cell-57", clean={"mAP": around(0.8)}, **names).partition("\n")
    assert words in first
    assert word in second
    assert "nothing can be said of a drop" in told("cell-57", clean={"mAP": around(0.1)}, **names)


@pytest.mark.parametrize(
    ("won", "words"),
    [(UP, "What comes back was a shift"), (LEVEL, "is not seen to help"), (DOWN, "breaks more than it mends")],
)
def test_what_a_repair_without_labels_wins(won, words):
    row = {"mAP": UP, "lwlrap": UP, "broken": UP}
    names = {
        "predict": lambda *_: torch.zeros(9, 2),
        "logits": {"universal δ": torch.zeros(1, 9, 2)},
        "data": SimpleNamespace(eval=Clips(9), train=Clips(9)),
    }
    size = SimpleNamespace(replicates=1)
    text = told(
        "cell-61", model=None, summary=lambda *_: row, paired=lambda *_, **__: won, clean=row, size=size, **names
    )
    assert words in text


@pytest.mark.parametrize(
    ("over", "left", "words"),
    [
        (UP, UP, ("needs no timing", "part of the harm is tied to the moment")),
        (LEVEL, LEVEL, ("cannot be told from the random one", "no harm is seen to be tied to the moment")),
        (DOWN, DOWN, ("takes less than the random one", "the δ in place takes even less")),
    ],
)
def test_what_a_rolled_delta_still_does(over, left, words):
    gaps, zeros = iter([over, left]), torch.zeros(1, 4, 2)
    text = told(
        "cell-63",
        Perturbation=lambda delta: delta,
        noise_for_all=SimpleNamespace(delta={"audio": zeros}),
        first={"audio": zeros},
        predict=lambda *_: None,
        model=None,
        data=SimpleNamespace(eval=Clips(9)),
        size=SimpleNamespace(replicates=1),
        logits={"random δ": [None]},
        attacked=None,
        paired=lambda *_, **__: next(gaps),
        bootstrap=lambda *_, **__: UP,
    )
    assert all(word in text for word in words)


@pytest.fixture(scope="module")
def step():
    """What the cells of exercise 3 find around them: a linear tagger and some clips."""
    linear, clips = linear_tagger(mels=8)
    names = {"linear": linear, "fitting": clips, "bce": bce, "torch": torch, "Split": Split, "Threat": Threat}
    return names | {"fit_universal": fit_universal, "verdict": verdict}


def checked(step: dict, written: str) -> str:
    """What the check of exercise 3 says to a function that is `written` so."""
    return told("cell-step-check", **dict(_defined(written, step)))


def _defined(written: str, step: dict) -> dict:
    space = dict(step, run=Run())
    exec(CELLS["cell-step-check"].partition("\nrun.say")[0], space)  # what the answer finds
    exec(written, space)
    return {name: value for name, value in space.items() if name in step or name == "one_step"}


ANSWER = CELLS["cell-step-answer"].partition("\n\n")[0]
WRONG = {
    "downhill": ("delta + alpha", "delta - alpha"),
    "never projected": ("return moved * (eps / moved.norm(dim=2, keepdim=True)).clamp(max=1)", "return moved"),
    "frames set to the radius": (".clamp(max=1)", ""),
    "one clip": ('"audio": x + moving}), y)', '"audio": x[:1] + moving}), y[:1])'),
    "one length for the clip": ("gradient, dim=2", "gradient.flatten(1), dim=1).reshape(gradient.shape"),
    "forgets where it was": ("delta + alpha", "alpha"),
}


def test_the_step_of_the_answer_is_right_and_the_empty_one_is_not_written(step):
    assert checked(step, ANSWER) == "**Right**: 4 of 4 cases."
    assert checked(step, CELLS["cell-step-stub"]) == "Not written yet."


@pytest.mark.parametrize("fault", WRONG)
def test_a_wrong_step_is_not_right(step, fault):
    before, after = WRONG[fault]
    assert before in ANSWER
    assert checked(step, ANSWER.replace(before, after)).startswith("Not yet")


def test_the_rule_of_the_gap_takes_its_intervals_from_the_same_draws():
    """`interval` of a difference of replicates is that of pairs, because each draws the same clips."""
    generator = torch.Generator().manual_seed(0)
    labels = (torch.rand(80, 3, generator=generator) < 0.4).float()
    a, b = (labels + torch.randn(80, 3, generator=generator) for _ in range(2))
    zeros = torch.zeros_like(a)
    gaps = [paired(z, zeros, labels, replicates=60) for z in (a, b)]
    found = interval(gaps[0].plain - gaps[1].plain, gaps[0].replicates - gaps[1].replicates)
    assert str(found) == str(paired(a, b, labels, replicates=60))
    assert found.plain == pytest.approx(tagging(a, labels).mAP - tagging(b, labels).mAP)
