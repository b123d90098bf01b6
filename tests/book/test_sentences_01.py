"""Sentences of chapter 1 that tell a result: the cells of the notebook, fed with results from every side."""

import itertools
import re
from dataclasses import replace
from types import SimpleNamespace as Some

import numpy as np
import pandas as pd
import pytest
import torch

from avlib.checking import verdict
from avlib.data import probes
from avlib.data.palette import Example
from avlib.data.split import Event, Media, Split
from avlib.errors import AvlibError
from avlib.features import LogMel
from avlib.metrics import Interval, broken_share, tagging
from avlib.plots.pictures import thumbnail
from avlib.training import Recipe
from tests.book.cells import Run, cells

CELLS = cells("01_listening_and_looking")


def executed(cell, **names):
    names = {"np": np, "pd": pd, "torch": torch, "run": Run(), "size": Some(replicates=3), **names}
    exec(CELLS[cell], names)
    return names


def told(cell, **names):
    said = executed(cell, **names)["run"].text
    assert not re.search(r"\bnan\b", said), said
    return said


def between(low, high, clips=100):
    return Interval(value=(low + high) / 2, plain=low, low=low, high=high, level=0.95, replicates=np.zeros(1), seeds=1,
                    clips=clips)  # fmt: skip


ABOVE, BELOW, ACROSS = between(0.1, 0.2), between(-0.2, -0.1), between(-0.1, 0.1)
FEW = between(0.1, 0.2, clips=5)


def split(labels, events=None, frames=0):
    labels = torch.tensor(labels, dtype=torch.float32)
    media = Media(torch.rand(1600), 16000, torch.rand(frames, 3, 8, 8), 10.0)
    return Split(
        {"audio": torch.zeros(len(labels), 4, 8)}, labels, tuple(map(str, range(len(labels)))), events, lambda i: media
    )


def data(evaluation, train=None, events=None, frames=0, **facts):
    classes = ("siren", "bell", "frog")[: len(evaluation[0])]
    given = Some(train=split(train or evaluation), valid=split(evaluation), eval=split(evaluation, events, frames),
                 classes=classes, front_end=LogMel(n_fft=256, window=256, hop=160, mels=8),
                 **{"name": "folder", "implications": (), "ledger": (), **facts})  # fmt: skip
    given.to = lambda device: given
    return given


BOTH = [[1, 0], [0, 1]]
HEARD = ((Event(0, 0, 1),), (Event(1, 0, 1, seen=False),))
SIDE = executed(
    "cell-macro", data=data(BOTH), result=Some(auc=0.5, dprime=0.0, counted=2), scores=None,
    chance_map=lambda labels: 0.5, floor_map=lambda labels: 0.1, bootstrap=lambda *_, **options: ABOVE,
)["side"]  # fmt: skip


def test_an_interval_takes_sides_where_clips_are_many():
    assert [SIDE(one) for one in (ABOVE, BELOW, ACROSS, FEW)] == [1, -1, 0, 0]
    assert [SIDE(ABOVE, of) for of in (0.05, 0.15, 0.25)] == [1, 0, -1]


def the_set(**facts):
    def load(*names, **options):
        return data(BOTH, **facts)

    return told("cell-04", load=load, profiles=Some(of=str), probes=Some(enough=str), profile="smoke", dataset="folder",
                seed=0, clip=0)  # fmt: skip


def test_what_the_set_has_is_told():
    assert "sound alone" in the_set()
    assert "sound and pictures" in the_set(frames=4)
    assert "is not known, beyond its labels." in the_set()
    assert "is known." in the_set(events=HEARD)
    assert "no implications" in the_set()
    assert "1 implication between" in the_set(implications=(("bell", "siren"),))
    assert "1 clips could not be read" in the_set(ledger=(("a", "cut"), ("a", "no picture")))
    assert "could not be read" not in the_set()


def counts(train, evaluation, implications=()):
    return told("cell-counts", data=Some(classes=("siren", "bell", "frog"), implications=implications), probes=probes,
                train=torch.tensor(train), evaluation=torch.tensor(evaluation))  # fmt: skip


def test_the_longer_tail_is_named_whichever_it_is():
    assert "the longer tail is that of training." in counts([90, 9, 1], [3, 3, 3])
    assert "the longer tail is that of eval." in counts([3, 3, 3], [90, 9, 1])
    assert "the two are about equally uneven." in counts([3, 3, 3], [5, 5, 5])
    assert "in training from 1 (frog) to 90 (siren)" in counts([90, 9, 1], [3, 3, 3])
    assert "no clip in eval" in counts([3, 3, 3], [3, 3, 0])
    assert "no clip in eval" not in counts([3, 3, 3], [3, 3, 1])
    assert "none in training: they are scored, and cannot be learnt" in counts([3, 3, 0], [3, 3, 1])
    assert "none in training" not in counts([3, 3, 1], [3, 3, 0])
    implied = counts([3, 3, 3], [9, 4, 3], implications=(("bell", "siren"),))
    assert "Without the classes that others imply, eval runs from 3 to 4." in implied
    assert "imply" not in counts([3, 3, 3], [9, 4, 3])


def examples(name, shown):
    def palette(data, seed):
        return [Example(c, data.eval.media(0), "words") for c in data.classes[:shown]]

    return told("cell-palette", data=data(BOTH, name=name), palette=palette, seed=0, thumbnail=thumbnail)


def test_where_the_examples_come_from_is_told():
    assert "was rendered for this page" in examples("synthav", 2)
    assert "the fewest others beside it" in examples("folder", 2)
    assert "not shown" not in examples("folder", 2)
    assert "1 classes are not shown" in examples("folder", 1)


def answers(labels, events):
    return told("cell-10", data=data(BOTH, events=events), picks=[0, 1], labels=torch.tensor(labels))


def test_the_answers_of_the_riddle_say_what_is_known():
    known = answers([[1, 1], [0, 0]], HEARD)
    assert "Clip 0 is labelled siren, bell. What happens: siren (heard and seen)." in known
    assert "Clip 1 is labelled nothing. What happens: bell (only heard)." in known
    assert "What happens" not in answers([[1, 1], [0, 0]], None)


@pytest.mark.parametrize(("shift", "way"), [(0.1, "too high."), (-0.1, "too low."), (0.001, "cannot tell.")])
def test_the_bias_of_an_ap_is_told_either_way(shift, way):
    few = np.linspace(-0.1, 0.1, 400) + 0.4 + shift
    assert told("cell-24", by_positives={5: few, 60: few}, true_ap=0.4).endswith(way)


def macro(interval, chance=0.0, auc=0.8, dprime=1.0, counted=2):
    return told("cell-macro", data=data(BOTH), result=Some(auc=auc, dprime=dprime, counted=counted), scores=None,
                chance_map=lambda labels: chance, floor_map=lambda labels: 0.1,
                bootstrap=lambda *_, **options: interval)  # fmt: skip


def test_the_tagger_beside_chance():
    assert "has learnt something" in macro(ABOVE)
    assert "worse than guessing" in macro(BELOW)
    assert "is not shown" in macro(ACROSS)
    assert "From 5 clips no interval can be leant on" in macro(FEW)
    assert "learnt something" not in macro(FEW)


def test_classes_that_do_not_count_and_a_d_prime_without_end():
    assert "none: 1 of 2" in macro(ABOVE, counted=1)
    assert "do not count" not in macro(ABOVE)
    for end in (np.inf, -np.inf):
        assert "it has no end" in macro(ABOVE, dprime=end)
    assert "it has no end" not in macro(ABOVE)


def test_the_perfect_listener_is_known_where_the_events_are():
    perfect = Some(ceiling=lambda data, counts: 0.9, heard=None, seen=None)
    assert "would have **0.900**" in told("cell-listener", data=data(BOTH, events=HEARD), probes=perfect)
    unknown = executed("cell-listener", data=data(BOTH), probes=Some(ceiling=lambda *_: np.nan, heard=None, seen=None))
    assert "nobody can say here" in unknown["run"].said[0]
    assert not unknown["run"].kept


def baselines(films=None, ceiling=0.9, shortcut=0.3):
    def load(*names, **options):
        if films is None:
            raise AvlibError("there are no films")
        return films

    cheats = pd.DataFrame({"mAP": {"loudness": shortcut}, "chance": 0.2})
    fake = Some(shortcuts=lambda data: cheats, probe=lambda *_: 0.5, colours=None)
    return executed(
        "cell-26", data=data(BOTH), load=load, probes=fake, predict=lambda *_: torch.tensor([[1.0, 0], [0, 1]]),
        fit_statistics=str, result=Some(mAP=0.7), ceiling={"sound": ceiling}, chance=0.2, AvlibError=AvlibError,
        tagging=tagging, dataset="folder", profile="smoke", seed=0,
    )  # fmt: skip


def test_a_row_that_is_missing_has_a_reason():
    whole = baselines(films=data(BOTH))
    assert whole["run"].said == []
    assert list(whole["table"].index) == ["loudness", "colours", "averages", "CSN", "perfect listener"]
    assert baselines()["run"].said == ["No row *colours*: there are no films."]
    other = baselines(films=data([*BOTH, [1, 1]]))
    assert other["run"].said == ["No row *colours*: 3 clips of eval have pictures, and 2 sound."]
    poor = baselines(films=data(BOTH), ceiling=np.nan, shortcut=np.nan)
    assert "*loudness*: no class has clips with it and without it" in poor["run"].said[0]
    assert "*perfect listener*: the true events are not known." in poor["run"].said[1]
    assert list(poor["table"].index) == ["colours", "averages", "CSN"]


def shortcut(best, interval=ABOVE, mAP=0.7):
    cheats = pd.DataFrame({"mAP": {"loudness": best - 0.1, "clip length": best}})
    return told("cell-28", cheats=cheats, table=cheats.dropna(), chance=0.05, interval=interval, side=SIDE,
                result=Some(mAP=mAP))  # fmt: skip


def test_the_strongest_shortcut_is_weighed():
    assert "The strongest shortcut, clip length, goes a share of 0.77" in shortcut(0.55)
    assert "more than half" in shortcut(0.55)
    assert "less than half" in shortcut(0.25)
    for interval in (BELOW, ACROSS, FEW):
        assert "not shown to be above chance" in shortcut(0.55, interval)
    assert "no shortcut could be tried" in shortcut(np.nan)


def of_three(cell, **names):
    """What is said of an interval above 0, below, across, and from too few clips."""
    return [told(cell, paired=lambda *_, found=found, **options: found, side=SIDE, **names)
            for found in (ABOVE, BELOW, ACROSS, FEW)]  # fmt: skip


def test_the_network_beside_the_averages():
    above, below, across, few = of_three("cell-beyond", scores=None, averages=None, data=data(BOTH))
    assert "network hears more" in above
    assert "averages tell more" in below
    assert "is not shown" in across
    assert "is not shown" in few


def learnt(clips_more=ACROSS, steps_more=ACROSS, ceiling=0.9, last=240):
    gains = {("a", "h"): clips_more, ("w", "a"): steps_more}
    return told("cell-32", paired=lambda a, b, *_, **options: gains[a, b], even=["q", "h", "a"], whole="w", side=SIDE,
                data=data(BOTH), points=[Some(value=0.8)], ceiling={"sound": ceiling}, steps=120,
                curve=Some(steps=pd.Series([120, last])))  # fmt: skip


def test_clips_and_steps_may_help_or_harm():
    for which, helps, harms in (("clips_more", "more clips still help", "more clips do harm"),
                                ("steps_more", "more steps help", "more steps do harm")):  # fmt: skip
        for found, words in ((ABOVE, helps), (BELOW, harms), (ACROSS, "not shown"), (FEW, "not shown")):
            said = learnt(**{which: found})
            assert words in said
            assert (helps in said, harms in said) == (words == helps, words == harms)
    assert "takes as many" in learnt(last=120)
    assert "takes as many" not in learnt()


@pytest.mark.parametrize("clips", [480, 479, 24, 6])
@pytest.mark.parametrize("recipe", [Recipe(epochs=7, batch_size=16), Recipe(batch_size=16, steps=25)])
def test_the_learning_curve_takes_equal_steps(clips, recipe):
    asked = []

    def trained(factory, part, recipe, seed):
        asked.append((len(part.train), recipe))
        return None, None

    given = data(BOTH, train=[[1, 0]] * clips)
    names = executed(
        "cell-30", data=given, recipe=recipe, seed=0, seeds=1, trained=trained, factory=None,
        replace=lambda one, **new: replace(one, **new) if isinstance(one, Recipe) else Some(**{**vars(one), **new}),
        predict=lambda *_: torch.zeros(2, 2), bootstrap=lambda *_, **options: ABOVE, chance=0.2,
    )  # fmt: skip
    steps = [recipe.lengths(amount)[2] for amount, recipe in asked]
    assert [amount for amount, _ in asked] == [clips // 4, clips // 2, clips, clips]
    assert steps[0] == steps[1] == steps[2]
    assert asked[1][1] == asked[3][1] == recipe  # which other chapters train as well
    assert names["curve"]["steps"].tolist() == steps


def test_what_is_missing_to_a_perfect_listener():
    assert "0.100 are missing" in learnt()
    assert "0.100 above a perfect listener" in learnt(ceiling=0.7)
    assert "listener" not in learnt(ceiling=np.nan)


def dials(change):
    names = ["agreement", "label_noise"]
    return told("cell-36", measured=pd.DataFrame([[0.0, 0.0], *change], columns=names, index=["as it is", *names]))


def test_dials_that_are_not_clean_are_named():
    assert "at least twice as much" in dials([[0.5, 0.1], [0.2, 0.4]])
    assert dials([[0.5, 0.3], [0.2, 0.4]]).endswith("or it could not be measured: label noise.")
    assert dials([[0.5, 0.3], [-0.6, 0.4]]).endswith("measured: agreement, label noise.")
    assert dials([[0.5, np.nan], [0.2, np.nan]]).endswith("measured: label noise.")


def constant(scores, labels):
    scores = torch.tensor(scores)
    given = data(labels)
    return told("cell-38", scores=scores, data=given, shown=0, tagging=tagging, broken_share=broken_share,
                result=tagging(scores, given.eval.labels))  # fmt: skip


def test_a_constant_moves_what_compares_classes():
    assert "0.00 → 0.50. That compares classes" in constant([[1.0, 0.0], [0.0, 1.0]], BOTH)
    assert "here the share stays" in constant([[1.0, 0.0], [0.5, 0.0]], BOTH)
    assert "not at all" in constant([[1.0, 0.0], [0.0, 1.0]], BOTH)
    assert "rounding has made unequal scores equal" in constant([[2e-8, 0.0], [1e-8, 1.0]], BOTH)


def test_the_swapped_row_may_be_possible_or_not():
    rows = pd.DataFrame({"AUC": [0.6], "mAP": [0.7], "mAP_max": [0.65]})
    assert "the row possible" in told("cell-40", above=rows, max_ap_given_auc=lambda *_: 0.61)
    assert "still not possible" in told("cell-40", above=rows, max_ap_given_auc=lambda *_: 0.59)


def halves(change, positives=4):
    luck = itertools.cycle([0.01, -0.01])

    def measured(*_):
        off = next(luck)
        return Some(per_class=pd.DataFrame([{name: 0.5 + moved + off for name, moved in change.items()}]))

    result = Some(per_class=pd.DataFrame([{"AUC": 0.5, "AP": 0.5}]))
    labels = [[1]] * positives + [[0]] * 4
    return told("cell-42", data=data(labels), scores=torch.zeros(len(labels), 1), shown=0, result=result,
                tagging=measured, draw=np.random.default_rng(0))  # fmt: skip


def test_a_halved_class_may_rise_fall_or_stay():
    said = halves({"AUC": 0.1, "AP": -0.1})
    assert "AUC 0.500 → 0.600 in the mean of 400 halves: it rises." in said
    assert "AP 0.500 → 0.400 in the mean of 400 halves: it falls." in said
    assert halves({"AUC": 0.0, "AP": 0.0}).count("as far as so many halves can tell, it stays") == 2
    assert "there is no half to remove" in halves({"AUC": 0.0, "AP": 0.0}, positives=1)


def test_the_stub_says_that_it_is_empty_and_the_answer_that_it_is_right():
    scores, given = torch.tensor([[0.3], [0.2], [0.9], [0.2]]), data([[1], [0], [1], [1]])
    names = executed("cell-build-stub", scores=scores, data=given, shown=0, tagging=tagging, verdict=verdict)
    exec(CELLS["cell-build-check"], names)
    exec(CELLS["cell-build-answer"], names)
    assert names["run"].said == ["Not written yet.", "**Right**: 5 of 5 cases."]
    names["average_precision"] = lambda scores, truth: (
        truth[np.argsort(-scores)].cumsum() / np.arange(1, len(truth) + 1)
    )[truth[np.argsort(-scores)] == 1].mean()  # which breaks ties by their order
    exec(CELLS["cell-build-check"], names)
    assert names["run"].said[-1].startswith("Not yet: on case 3 it is off by")
