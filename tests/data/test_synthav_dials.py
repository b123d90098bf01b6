"""Each dial moves its own measurement and nothing else."""

import numpy as np
import pytest
import torch

from avlib.data import load, probes
from avlib.data.synthav import Scenery, drawn, named, plan, render

WORLD = named()
SIZE = {"classes": 6, "clips": (1, 1, 80)}  # these measurements take the eval split alone


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("AVLIB_CACHE", str(tmp_path))


def clip(i, **dials):
    return render(Scenery(WORLD, **dials), "train", i)


def test_audio_informativeness_moves_the_sound_alone():
    for i in range(3):
        (full, labels, events), (none, same, still) = (
            clip(i, agreement=1.0),
            clip(i, agreement=1.0, audio_informativeness=0.0),
        )
        assert not torch.equal(full.waveform, none.waveform)
        assert torch.equal(full.frames, none.frames)
        assert (labels == same).all()
        assert events == still
    with_, without = (
        probes.dials(load("synthav", **SIZE, audio_informativeness=dial)).audio_informativeness for dial in (1.0, 0.0)
    )
    assert with_ > without + 0.2


def test_video_informativeness_moves_the_picture_alone():
    for i in range(3):
        (full, labels, events), (none, same, still) = (
            clip(i, agreement=1.0),
            clip(i, agreement=1.0, video_informativeness=0.0),
        )
        assert torch.equal(full.waveform, none.waveform)
        assert not torch.equal(full.frames, none.frames)
        assert (labels == same).all()
        assert events == still
    with_, without = (
        probes.dials(load("synthav", **SIZE, modalities=("video",), video_informativeness=dial)).video_informativeness
        for dial in (1.0, 0.0)
    )
    assert with_ > without + 0.1


def test_agreement_moves_heard_and_seen_alone():
    first = [plan(Scenery(WORLD, agreement=0.0), "eval", i)[1] for i in range(300)]
    for dial in (0.0, 0.5, 1.0):
        clips = [plan(Scenery(WORLD, agreement=dial), "eval", i) for i in range(300)]
        events = [p for plans, _ in clips for p in plans if p.label is not None]
        assert abs(np.mean([p.heard and p.seen for p in events]) - dial) < 0.07
        assert abs(np.mean([p.heard for p in events]) - (1 + dial) / 2) < 0.07
        assert np.array_equal([labels for _, labels in clips], first)


def test_class_frequency_moves_the_training_split_alone():
    measured, evaluated = [], []
    for dial in (0.0, 0.7, 1.4):
        scenery = Scenery(WORLD, class_frequency=dial)
        labels = [p.label for i in range(300) for p in plan(scenery, "train", i)[0] if p.label is not None]
        measured.append(probes.gini(np.bincount(labels, minlength=32)))
        evaluated.append([plan(scenery, split, i)[1].tolist() for split in ("valid", "eval") for i in range(50)])
    assert measured[0] + 0.1 < measured[1] < measured[2] - 0.1
    assert evaluated[0] == evaluated[1] == evaluated[2]


@pytest.mark.parametrize("split", ["train", "valid"])
def test_label_noise_is_the_share_of_labels_that_are_not_the_events(split):
    world = drawn(0, 20)  # nothing is implied: one event, one label
    clean, noisy = (Scenery(world, events=(1, 1), label_noise=dial) for dial in (0.0, 0.3))
    wrong = []
    for i in range(600):
        (plans, labels), (same, given) = plan(clean, split, i), plan(noisy, split, i)
        (label,) = (p.label for p in plans if p.label is not None)
        assert plans == same
        assert labels.nonzero()[0].tolist() == [label]
        assert given.sum() == 1
        if given[label] == 0:
            wrong.append((given.argmax() - label) % 20)
    assert len(wrong) / 600 == pytest.approx(0.3, abs=0.06)  # 3 standard errors
    assert set(wrong) == set(range(1, 20))  # any other class


def test_the_labels_of_eval_are_right():
    clean, noisy = (Scenery(WORLD, label_noise=dial) for dial in (0.0, 1.0))
    for i in range(100):
        (plans, labels), (same, given) = plan(clean, "eval", i), plan(noisy, "eval", i)
        assert plans == same
        assert np.array_equal(labels, given)
        assert not np.array_equal(plan(clean, "train", i)[1], plan(noisy, "train", i)[1])
