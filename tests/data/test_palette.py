"""Each class has one clear example, and the clips that are shown hold something."""

import dataclasses

import pytest
import torch

from avlib.data import load, palette
from avlib.data.split import AVData, Event, Media, Split
from avlib.data.synthav.named import NAMED
from avlib.data.synthav.words import HUES, PATHS, SOURCES, described
from avlib.data.synthav.worlds import drawn
from avlib.features import LogMel, Normalizer

NORMALIZER = Normalizer(torch.zeros(8), torch.ones(8))


def given(**labels):
    """A data set of these labels, whose clips are told apart by the first sample of their sound."""

    def split(name):
        rows = torch.tensor(labels[name], dtype=torch.float32)
        sound = {"audio": torch.zeros(len(rows), 10, 8)}
        return Split(sound, rows, tuple(f"{name}-{i}" for i in range(len(rows))), None, lambda i: media(name, i))

    names = tuple("abcdefgh"[: len(labels["eval"][0])])
    return AVData("folder", split("train"), split("valid"), split("eval"), names, LogMel(mels=8), NORMALIZER, {})


def media(name, i):
    return Media(torch.full((4,), 10.0 * ("train", "valid", "eval").index(name) + i), 16000, torch.zeros(0), 10.0)


def test_an_example_has_its_class_and_the_fewest_others():
    data = given(
        train=[[1, 1, 1, 1, 0], [0, 0, 1, 0, 0]],
        valid=[[0, 0, 0, 0, 0]],
        eval=[[1, 1, 0, 0, 0], [1, 0, 0, 0, 0], [1, 0, 0, 0, 0], [0, 1, 0, 0, 0]],
    )
    found = palette.palette(data)
    assert [example.name for example in found] == ["a", "b", "c", "d"]  # no clip has e
    assert [int(example.media.waveform[0]) for example in found] == [21, 23, 1, 0]
    assert [example.told for example in found] == [
        "1 of 2 clips to train on, 3 of 4 to score on",
        "1 of 2 clips to train on, 2 of 4 to score on",
        "2 of 2 clips to train on, 0 of 4 to score on",
        "1 of 2 clips to train on, 0 of 4 to score on; here with a, b, c",
    ]


def test_of_many_classes_the_most_frequent_are_shown(monkeypatch):
    monkeypatch.setattr(palette, "MOST", 2)
    data = given(train=[[1, 0, 1], [1, 0, 0], [0, 1, 1]], valid=[[1, 1, 1]], eval=[[1, 1, 1]])
    assert [example.name for example in palette.palette(data)] == ["a", "c"]


@pytest.fixture(scope="module")
def generated():
    return load("synthav", classes=4, clips=(2, 1, 3), seconds=2.5)


@pytest.mark.parametrize("seed", range(4))
def test_a_generated_class_is_alone_heard_and_seen(generated, monkeypatch, seed):
    rendered = []

    def render(scenery, split, i):
        plans, _ = palette.plan(scenery, split, i)
        rendered.append(plans)
        return real(scenery, split, i)

    real = palette.render
    monkeypatch.setattr(palette, "render", render)
    found = palette.palette(generated, seed)
    assert [example.name for example in found] == list(generated.classes)
    for c, [plan] in enumerate(rendered):
        assert plan.label == c
        assert plan.heard
        assert plan.seen
        assert plan.points >= 0.6 * 2.5 * 400
    assert all(len(example.media.waveform) == 40_000 and len(example.media.frames) == 25 for example in found)
    assert found[3].told.endswith("; also tagged Siren")  # an emergency vehicle is not among these four
    assert "tagged" not in found[0].told


def test_a_drawn_world_has_no_records_to_tell_of(generated):
    other = dataclasses.replace(generated, classes=drawn(1, 4).classes)
    assert all("clips to train on" in example.told for example in palette.palette(other))


def test_each_record_has_words_of_its_own():
    told = [described(record) for record in NAMED]
    assert len(set(told)) == len(told)
    assert {record.sound.timbre.kind for record in NAMED} <= SOURCES.keys()
    assert {record.sound.movement.path for record in NAMED} <= PATHS.keys()


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("Heart sounds, heartbeat", "hiss round 200 Hz, 10 strokes a clip; seen as red diamond, swelling"),
        (
            "Whale vocalization",
            "down and back, 3 strokes a clip, with a long echo; seen as large blue diamond, circling",
        ),
        ("Engine", "rough buzz of 35–90 Hz, wandering, sustained, trembling; seen as blue square, bobbing"),
        ("Mosquito", "seen as small turquoise cross, circling"),
    ],
)
def test_words_follow_from_the_attributes(name, words):
    [record] = [record for record in NAMED if record.name == name]
    assert described(record).endswith(words)


def test_a_hue_near_the_end_of_the_circle_is_red_again():
    record = dataclasses.replace(NAMED[0], look=dataclasses.replace(NAMED[0].look, hue=0.99))
    assert "red disc" in described(record)
    assert max(HUES.values()) < 0.99


def clips(*events):
    return Split({}, torch.zeros(len(events), 1), tuple(map(str, range(len(events)))), events)


def lasting(seconds, **how):
    return (Event(0, 0.0, seconds, **how),)


def test_clear_clips_hold_a_long_event_that_is_heard_and_seen():
    split = clips(lasting(1), lasting(3), lasting(9, heard=False), (), lasting(2), lasting(9, seen=False), lasting(4))
    assert palette.clear(split) == [1, 6]
    assert palette.clear(split, start=2) == [6, 1]
    assert palette.clear(split, count=1) == [1]


def test_without_events_a_clip_with_a_label_is_clear_and_without_any_each_is():
    split = clips((), (), ())
    assert palette.clear(split, start=1) == [1, 2, 0]
    labelled = dataclasses.replace(split, events=None, labels=torch.tensor([[0.0], [1.0], [1.0]]))
    assert palette.clear(labelled) == [1, 2]
    assert palette.clear(dataclasses.replace(labelled, labels=torch.zeros(3, 1))) == [0, 1, 2]
