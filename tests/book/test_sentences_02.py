"""Sentences of chapter 2 and its eye that tell a result: the cells, fed with results from every side."""

import math
from dataclasses import replace
from types import SimpleNamespace as Some

import numpy as np
import pandas as pd
import pytest
import torch

from avlib.checking import verdict
from avlib.claims import GENERATED
from avlib.data.split import Event
from avlib.errors import AvlibError
from avlib.losses import bce
from avlib.metrics import Interval, Positives, apart, spread
from avlib.models import POOLINGS, pool
from tests.book.cells import Run, cells, one_by_one

CELLS = cells("02_models_that_tag", "02b_first_eye")
NAMES, MODELS = ["CSN", "CRNN", "ResNet"], ["CSN", "CRNN", "ResNet", "averages"]


GIVEN = {
    "F": torch.nn.functional, "POOLINGS": POOLINGS, "Positives": Positives, "apart": apart, "bce": bce,
    "carried": Positives((9, 9, 9), 30), "labels": torch.eye(3), "math": math, "names": NAMES, "np": np, "pd": pd,
    "pool": pool, "size": Some(replicates=3), "spread": spread, "torch": torch, "unscored": [], "verdict": verdict,
}  # fmt: skip


def executed(cell, **names):
    given = {**GIVEN, "run": Run(), **names}
    exec(CELLS[cell], given)
    return given


def told(cell, **names):
    return executed(cell, **names)["run"].prose


def between(low, high, plain=None):
    middle = (low + high) / 2 if plain is None else plain
    draws = np.linspace(low, high, 5)
    return Interval(value=middle, plain=middle, low=low, high=high, level=0.95, replicates=draws, seeds=1, clips=9)


ABOVE, BELOW, ACROSS = between(0.1, 0.2), between(-0.2, -0.1), between(-0.1, 0.1)
SIDES = (ABOVE, ACROSS, BELOW)


def sides(*words):
    """Cases of a test: what is said of an interval on each side of 0, or on both."""
    return list(zip(SIDES, words, strict=True))


def data(labels, events=None, name="folder", classes=("siren", "Mains hum", "frog")):
    split = Some(labels=torch.tensor(labels, dtype=torch.float32), events=events, ids=tuple("abcdef"))
    media = Some(waveform=torch.zeros(160), rate=16, fps=4.0)
    split.media = lambda i: media
    split.batch = lambda indices: ({"video": torch.zeros(1, 3, 2, 3, 4, 4)}, split.labels[indices])
    given = Some(
        name=name, classes=classes, train=range(6), valid=range(2), eval=split, front_end=Some(hop=400, rate=16000)
    )
    given.to = lambda device: given
    return given


FAIR = [[1, 0, 0]] * 6 + [[0, 1, 0]] * 6 + [[0, 0, 1]] * 6


def opening(labels):
    given = executed(
        "cell-04", profiles=Some(of=str), load=lambda *names, **options: data(labels), profile="smoke",
        dataset="folder", seed=0,
    )  # fmt: skip
    return told("cell-used", **{name: given[name] for name in ("data", "labels", "carried")})


def test_what_can_be_scored_is_said_and_from_too_few_positives_nothing_is_concluded():
    fair, few = opening(FAIR), opening([[1, 1, 1], [1, 0, 0]])
    assert "Not scored" not in fair
    assert "6 of the rarest class" in fair
    assert "concludes nothing" not in fair
    assert "Not scored, because all eval clips carry them or none: siren. Positive eval clips: 1 of" in few
    assert "concludes nothing" in few
    with pytest.raises(AvlibError, match="no class is in some of the clips that are scored and not in all"):
        opening([[1, 0, 1], [1, 0, 1]])


def histories(**losses):
    ends = {"epoch": [1, 2], "valid_mAP": [math.nan, math.nan]}
    return {
        name: pd.DataFrame({**ends, "train_loss": [1.0, 0.5], "valid_loss": [1.0, loss]})
        for name, loss in losses.items()
    }


def test_what_was_learnt_by_heart():
    def said(**losses):
        return told("cell-11", histories=histories(**losses), data=data(FAIR))

    assert "what each learnt by heart" in said(CSN=0.9, CRNN=0.8)
    assert "what CRNN learnt by heart" in said(CSN=0.4, CRNN=0.8)
    assert "No validation loss is above its training loss" in said(CSN=0.4, CRNN=0.3)
    curves = executed("cell-10", histories=histories(CSN=0.4), plots=Some(training_curves=lambda histories: None))
    assert "Training loss: 1.00 to 0.50 (CSN); validation mAP: unknown" in curves["run"].said[0]


def test_a_perfect_order_has_no_d_prime_and_own_clips_no_ceiling():
    def scores(values, labels, measure, **options):
        return between(math.nan, math.nan) if measure == "dprime" else between(1.0, 1.0)

    given = executed(
        "cell-13", models={}, predict=lambda *_: torch.zeros(3, 3), data=data(FAIR), seeds=1, quote=lambda *_: 0.5,
        fit_statistics=lambda split: None, bootstrap=scores, probes=Some(ceiling=None, heard=None),
    )  # fmt: skip
    assert "unbounded" in given["run"].said[0]
    assert "unknown, without true events" in given["run"].said[0]
    assert given["run"].kept.keys() == {"mAP_averages", "auc_averages"}


@pytest.mark.parametrize(
    ("gap", "csn", "averages"),
    [
        (ABOVE, "better than the", "above them"),
        (ACROSS, "not told apart from the", "not told apart from them"),
        (BELOW, "worse than the", "below them"),
    ],
)
def test_models_are_better_worse_or_not_told_apart(gap, csn, averages):
    common = {"logits": dict.fromkeys(MODELS), "paired": lambda *_, **options: gap, "quote": lambda *_: 0.3}
    assert f"the CSN is {csn} CRNN and {csn} ResNet" in told("cell-15", chance_map=lambda labels: 0.2, **common)
    assert told("cell-averages", **common).count(averages) == 3


def test_luck_of_trainings():
    assert "two sets of weights" in told("cell-luck", seeds=1)
    assert "trained 3 times, and the intervals hold both kinds of luck" in told("cell-luck", seeds=3)


def by_class(positives):
    gaps = {"class": ["a", "b"], "positives": positives, "value": [0.2, 0.0], "low": [0.1, -0.1], "high": [0.3, 0.1]}
    return {"by_class": pd.DataFrame(gaps), "printed": pd.Series({"Mains hum": 0.137})}


def test_bars_count_where_they_stand_on_positives():
    assert "**0.50** of the 2 bars" in told("cell-19", **by_class([9, 9]))
    assert "**1.00** of the 1 bars" in told("cell-19", **by_class([9, 2]))
    rare = executed("cell-19", **by_class([1, 2]))
    assert "No class has 5 positive eval clips" in rare["run"].said[0]
    assert not rare["run"].kept
    plots = Some(class_differences=lambda *_: None)
    assert "1 bars lie wholly right of zero, 0 wholly left" in told("cell-18", plots=plots, **by_class([9, 9]))


@pytest.mark.parametrize(
    ("gap", "finds"), sides("the CRNN finds it better", "not told apart", "the CSN finds it better")
)
def test_a_hum_that_was_made_is_no_hum_of_the_world(gap, finds):
    common = {
        "logits": dict.fromkeys(NAMES, torch.zeros(1, 3, 3)),
        "paired": lambda *_, **options: gap,
        "GENERATED": GENERATED,
    }
    made, found = (told("cell-20", data=data(FAIR, name=name), **common) for name in ("synthav", "folder"))
    assert finds in made
    assert finds in found
    assert made.index("the claim, about recordings, stays open") < made.index("CRNN − CSN")  # the scope comes first
    assert "counts for the claim" in found
    assert "not told apart" in told("cell-20", data=data(FAIR), carried=Positives((9, 2, 9), 30), **common)
    for absent in ({"data": data(FAIR, classes=("a", "b", "c"))}, {"data": data(FAIR), "unscored": ["Mains hum"]}):
        assert "not among the classes that are scored" in told("cell-20", **{**common, **absent})


def test_the_toy_is_held_against_the_events():
    def answers(loud):
        return dict.fromkeys(POOLINGS, loud / 100)

    assert "fills less than 20% of its clip, and half of them fill over 40%" in told(
        "cell-24", answers=answers, lasting=[0.2, 0.4, 0.9]
    )
    assert "nobody knows" in told("cell-24", answers=answers, lasting=[])


def pooled(before, after):
    """Scores of the poolings that lie between these ends, before and after self-attention."""
    ends = {"before self-attention": before, "after self-attention": after}
    scores = {
        (where, name): between(value - 0.01, value + 0.01, value)
        for where, (low, high) in ends.items()
        for name, value in zip(POOLINGS, np.linspace(low, high, 5), strict=True)
    }
    rows = [(*place, score.value, score.low, score.high) for place, score in scores.items()]
    return {"scores": scores, "pooled": pd.DataFrame(rows, columns=["encoding", "pooling", "value", "low", "high"])}


def test_which_scores_lie_closer_together():
    assert "scores after the blocks lie closer together" in told("cell-29", **pooled((0.2, 0.8), (0.5, 0.6)))
    assert "scores before the blocks lie closer together" in told("cell-29", **pooled((0.5, 0.6), (0.2, 0.8)))
    assert "these clips do not tell" in told("cell-29", **pooled((0.5, 0.6), (0.5, 0.6)))


@pytest.mark.parametrize(
    ("gaps", "ends"),
    [
        ((ABOVE, ACROSS, ACROSS, BELOW, BELOW), "With the right pooling the convolutions alone do better"),
        ((ACROSS, BELOW, BELOW, BELOW, BELOW), "some pooling cannot be told from the whole"),
        ((BELOW,) * 5, "No pooling makes up for the blocks"),
    ],
)
def test_what_the_blocks_are_worth(gaps, ends):
    wheres = ("before self-attention", "after self-attention")
    headed = {(wheres[0], name): None for name in POOLINGS}
    said = told("cell-29b", wheres=wheres, headed=headed, logits={"CSN": None}, paired=one_by_one(*gaps))
    assert ends in said
    assert ("*better* max" in said) == (gaps[0] is ABOVE)


def test_how_far_an_encoding_looks():
    def said(**near):
        return told("cell-33", near=near, hop=0.025, length=100, told="…")

    assert "Most local is the CRNN, and furthest looks the CSN. An encoding that looks" in said(CSN=0.17, CRNN=0.6)
    assert "None of them looks at all of the clip alike" in said(CSN=0.4, CRNN=0.6)


def test_the_clip_was_chosen_by_its_true_times_or_said_to_have_none():
    common = {"clip": 0, "label": 0, "data": data(FAIR), "hop": 0.025, "length": 100}
    assert "*siren*, is heard for the shortest time of all: 0.5 of its 2.5 s" in told(
        "cell-37b", spans=[(1.0, 1.5)], **common
    )
    assert "come without true times" in told("cell-37b", spans=[], **common)


def gains(csn, crnn, resnet, early):
    return dict(zip(("CSN", "CRNN", "ResNet", "CSN, early head"), (csn, crnn, resnet, early), strict=True))


KNOWN = {"data": data(FAIR, events=((Event(0, 0, 1),),))}
LOW, HIGH = between(0.1, 0.2), between(0.4, 0.5)


def test_what_attention_follows():
    all_above = told("cell-41", gains=gains(LOW, LOW, LOW, LOW), **KNOWN)
    assert "follows the class and not any sound: CSN, CRNN, ResNet, CSN, early head" in all_above
    assert "not any sound: CRNN." in told("cell-41", gains=gains(ACROSS, LOW, BELOW, BELOW), **KNOWN)
    assert "is not shown here" in told("cell-41", gains=gains(ACROSS, ACROSS, BELOW, BELOW), **KNOWN)
    unknown = executed("cell-41", gains={}, data=data(FAIR))
    assert "without the true times" in unknown["run"].said[0]
    assert not unknown["run"].kept
    assert told("cell-41b", gains={}, data=data(FAIR)) == ""


@pytest.mark.parametrize(
    ("found", "behind", "mixing"),
    [
        (gains(LOW, HIGH, HIGH, HIGH), "gains less than CRNN", "more before them, so mixing does take something away"),
        (
            gains(LOW, HIGH, LOW, LOW),
            "gains less than CRNN",
            "whether mixing takes anything away these clips do not tell",
        ),
        (gains(LOW, LOW, HIGH, BELOW), "gains less than ResNet", "Mixing is acquitted"),
        (gains(HIGH, LOW, LOW, LOW), "nothing to suspect mixing of", "Mixing is acquitted"),
    ],
)
def test_the_suspect_is_tried_by_the_difference(found, behind, mixing):
    said = told("cell-41b", gains=found, **KNOWN)
    assert behind in said
    assert mixing in said


@pytest.mark.parametrize(("gap", "word"), sides("does better without", "nothing is told", "loses"))
def test_attention_switched_off(gap, word):
    common = {"models": {"CSN": []}, "deepcopy": list, "scored": lambda each: None, "logits": {"CSN": None}}
    assert f"for CSN, which {word}" in told("cell-43", paired=lambda *_, **options: gap, **common).replace(
        "for which", "which"
    )


@pytest.mark.parametrize(
    ("gap", "ends"),
    sides("works here too", "for the better or the worse these clips do not tell", "does harm"),
)
@pytest.mark.parametrize(("loss", "by"), [(0.9, "higher by design"), (0.3, "and not higher")])
def test_a_dose_of_dropout(gap, ends, loss, by):
    def trained(factory, part, recipe, seed):
        return None, pd.DataFrame({"train_loss": [loss if factory else 0.5]})

    said = told(
        "cell-47", replace=lambda data, train: Some(train=train), data=Some(train=Some(subset=list), classes=()),
        len=lambda x: 6, sized=lambda *_, **given: bool(given), profile="smoke", trained=trained, recipe=None,
        trainings=[0], scored=lambda models: None, paired=lambda *_, **options: gap,
    )  # fmt: skip
    assert ends in said
    assert by in said


def built(source, cell, name, **names):
    """What the check of a *Build* says to a reader who has written `source`."""
    stub = executed("cell-build-1" if cell == "cell-build-2" else "eye-20")
    exec(source, stub)
    return told(cell, seed=0, bce=bce, **{name: stub[name]}, **names)


def test_a_pooling_that_a_reader_writes_is_tried_where_probabilities_round():
    stub = executed("cell-build-1")["linear_softmax"]
    assert told("cell-build-2", seed=0, linear_softmax=stub) == "Not written yet."
    head = "def linear_softmax(z):\n    "
    right = (
        "a = F.logsigmoid(z); w = a.log_softmax(1); return (w + a).logsumexp(1) - (w + F.logsigmoid(-z)).logsumexp(1)"
    )
    wrong = {
        "p = z.sigmoid(); return (p.square().sum(1) / p.sum(1)).logit()": 3,
        "return z.mean(1)": 1,
        "return z.amax(1)": 1,
    }
    assert built(head + right, "cell-build-2", "linear_softmax") == "**Right**: 4 of 4 cases."
    for source, case in wrong.items():
        assert built(head + source, "cell-build-2", "linear_softmax").startswith(f"Not yet: on case {case}"), source


# --- the eye ------------------------------------------------------------------------------------------------------


def test_what_there_is_to_see():
    def said(labels):
        film = data(labels)
        film.train = film.eval
        return told(
            "eye-05", film=film, truth=film.eval.labels, carried=Positives.of(film.eval.labels), len=lambda x: 5
        )

    assert "A clip has 3 windows of 2 frames, 0.5 s each." in said(FAIR)
    assert "concludes nothing" not in said(FAIR)
    assert "Not scored, because all eval clips carry them or none: siren." in said([[1, 1, 1], [1, 0, 0]])
    assert "concludes nothing" in said([[1, 1, 1], [1, 0, 0]])


@pytest.mark.parametrize(("chance", "word"), [(0.05, "above"), (0.15, "not told apart from"), (0.25, "below")])
def test_the_eye_beside_chance(chance, word):
    said = told(
        "eye-07", film=data(FAIR), truth=None,
        probes=Some(heard=0, seen=0, ceiling=lambda *_: math.nan, colours=0, probe=lambda *_: 0.3 - chance),
        sight=None, encoder=Some(width=192), bootstrap=lambda *_, **options: ABOVE, chance_map=lambda truth: chance,
        replace=replace,
    )  # fmt: skip
    assert f"{word} the {chance:.3f}" in said
    rival = {0.05: "below", 0.15: "not told apart from", 0.25: "above"}[chance]
    assert f"reaches {0.3 - chance:.3f}: the eye is {rival} it." in said
    assert "one who sees all" not in said


@pytest.mark.parametrize(
    ("aimed", "ends"),
    sides("the search has failed", "do not tell an aimed change", "it is the direction"),
)
def test_what_does_the_harm(aimed, ends):
    under = dict.fromkeys(("none", "noise", "PGD"))
    victims = Some(labels=torch.tensor(FAIR, dtype=torch.float32))
    said = told(
        "eye-12", under=under, victims=victims, bootstrap=lambda *_, **options: ABOVE, broken_share=lambda *_: 0.5,
        chance_map=lambda labels: 0.2, paired=one_by_one(ACROSS, BELOW, aimed), len=lambda x: 18,
    )  # fmt: skip
    assert ends in said


@pytest.mark.parametrize(
    ("ear", "eye", "ends"),
    [
        (ABOVE, ABOVE, "neither sense makes the other superfluous"),
        (ABOVE, ACROSS, "is not shown by these clips"),
        (BELOW, ABOVE, "the other sense does harm to the ear."),
        (ABOVE, BELOW, "the other sense does harm to the eye."),
    ],
)
def test_what_two_senses_have_together(ear, eye, ends):
    assert ends in told("eye-16", senses=dict.fromkeys(("ear", "eye", "mean")), truth=None, paired=one_by_one(ear, eye))


@pytest.mark.parametrize(
    ("gap", "ends"),
    sides("which a use of order would not", "is not shown", "uses the order of windows"),
)
def test_a_film_backwards(gap, ends):
    common = {
        "eyes": [0],
        "predict": lambda *_: torch.zeros(1),
        "seen": data(FAIR),
        "sight": None,
        "truth": None,
    }
    assert ends in told("eye-18", paired=lambda *_, **options: gap, **common)


@pytest.mark.parametrize(("gap", "ends"), sides("upwards", "which may be nothing", "downwards"))
@pytest.mark.parametrize(("loud", "gains"), [(2.0, "the eye gains"), (0.5, "the ear gains")])
def test_one_scale_for_both(gap, ends, loud, gains):
    sight = torch.randn(2, 3, 3, generator=torch.Generator().manual_seed(0))
    said = told(
        "eye-24", ears=loud * sight, sight=sight, senses={"mean": None}, truth=None, paired=lambda *_, **options: gap
    )
    assert ends in said
    assert gains in said
