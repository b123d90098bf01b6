"""`avkinetics`: one label a clip, made alike in any order, and better seen than heard."""

import joblib
import numpy as np
import pytest
import torch

from avlib import profiles
from avlib.data import avkinetics, load, probes
from avlib.errors import AvlibError

SIZE = {"classes": 6, "clips": (1, 1, 90)}


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("AVLIB_CACHE", str(tmp_path))


def test_every_clip_has_one_label_of_an_event_that_is_heard_and_seen():
    data = load("avkinetics", clips=(40, 5, 40), classes=6, label_noise=0.5)
    for split in (data.train, data.valid, data.eval):
        assert (split.labels.sum(dim=1) == 1).all()
        assert all(len(events) == 1 and events[0].heard and events[0].seen for events in split.events)
    wrong = [events[0].label != int(y.argmax()) for events, y in zip(data.train.events, data.train.labels, strict=True)]
    assert 0.2 < np.mean(wrong) < 0.8
    assert all(events[0].label == int(y.argmax()) for events, y in zip(data.eval.events, data.eval.labels, strict=True))


def test_no_class_is_rare():
    labels = np.array([avkinetics.source(classes=6).clip("train", i, ()).labels.argmax() for i in range(600)])
    counts = np.bincount(labels, minlength=6)
    assert ((counts - 100) ** 2 / 100).sum() < 20.5  # χ² of 5 degrees of freedom passes that once in a thousand


def bits(source, i):
    clip = source.clip("train", i, ("audio", "video"))
    return clip.media.waveform.numpy().tobytes(), clip.media.frames.numpy().tobytes(), clip.labels.numpy().tobytes()


def test_clips_do_not_depend_on_order_or_workers():
    source = avkinetics.source()
    forwards = [bits(source, i) for i in range(4)]
    assert forwards == [bits(source, i) for i in reversed(range(4))][::-1]
    assert forwards == joblib.Parallel(2)(joblib.delayed(bits)(source, i) for i in range(4))
    assert forwards[0] != bits(avkinetics.source(seed=1), 0)
    assert forwards[0] != bits(avkinetics.source(world=3), 0)


def test_there_are_34_classes_from_laptop_on_and_the_profile_decides():
    assert [len(avkinetics.source(name).classes) for name in profiles.NAMES][1:] == [34, 34, 34]
    smoke = avkinetics.source()
    assert (len(smoke.classes), tuple(smoke.sizes.values())) == (
        profiles.of("smoke").actions,
        profiles.of("smoke").films,
    )
    assert len(avkinetics.source(classes=5).classes) == 5


def test_by_itself_the_picture_tells_more_than_the_sound_and_each_dial_turns_its_own():
    def seen(**dials):
        return probes.dials(load("avkinetics", **SIZE, modalities=("video",), **dials)).video_informativeness

    def heard(**dials):
        return probes.dials(load("avkinetics", **SIZE, **dials)).audio_informativeness

    picture, sound = seen(), heard()
    assert picture > sound + 0.1
    assert heard(audio_informativeness=1.0) > sound + 0.1
    assert seen(video_informativeness=0.0) < picture - 0.2


def test_a_clip_looks_the_same_however_much_its_sound_says():
    weak, strong = (avkinetics.source(audio_informativeness=dial) for dial in (0.1, 1.0))
    a, b = (source.clip("eval", 3, ("audio", "video")).media for source in (weak, strong))
    assert torch.equal(a.frames, b.frames)
    assert not torch.equal(a.waveform, b.waveform)


@pytest.mark.parametrize(
    ("knobs", "said"),
    [
        ({"events": (1, 2)}, "avkinetics has no knob 'events'"),
        ({"audio_informativeness": 2}, "audio_informativeness=2"),
        ({"classes": 1}, "classes=1"),
        ({"world": -1}, "world=-1"),
        ({"clips": (3, 0, 1)}, "clips=(3, 0, 1)"),
    ],
)
def test_wrong_knobs_are_named(knobs, said):
    with pytest.raises(AvlibError) as error:
        load("avkinetics", **knobs)
    assert str(error.value).startswith(said)
