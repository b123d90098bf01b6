"""Probes see what is there, and stay at chance where nothing is."""

import dataclasses

import numpy as np
import pytest
import torch
from sklearn.metrics import average_precision_score

from avlib.data import probes
from avlib.data.split import AVData, Event, Split
from avlib.errors import AvlibError
from avlib.features import LogMel, Normalizer


def toy(shift=0.0, events=None, implications=()):
    """Noise whose level in dB rises by `shift` with the first label."""
    draw = torch.Generator().manual_seed(0)

    def split(name, clips):
        labels = (torch.rand(clips, 2, generator=draw) < 0.3).float()
        audio = torch.randn(clips, 10, 8, generator=draw) + shift * labels[:, :1, None]
        return Split({"audio": audio}, labels, tuple(f"{name}-{i}" for i in range(clips)), events)

    identity = Normalizer(torch.zeros(8), torch.ones(8))
    return AVData(
        "toy", split("train", 300), split("valid", 5), split("eval", 300), ("a", "b"), LogMel(mels=8), identity, {},
        implications,
    )  # fmt: skip


def test_no_shortcut_is_found_in_noise():
    table = probes.shortcuts(toy())
    assert (table.mAP - table.chance).abs().max() < 0.07
    assert table.loc["clip length", "mAP"] == pytest.approx(toy().eval.labels.mean().item())  # all clips tie


def test_chance_is_the_mean_over_random_orders():
    draw, labels = np.random.Generator(np.random.Philox(1)), np.arange(40) < 5
    drawn = [average_precision_score(labels, draw.random(40)) for _ in range(2000)]
    assert probes.chance(5, 40) == pytest.approx(np.mean(drawn), abs=3 * np.std(drawn) / 2000**0.5)


def test_a_planted_shortcut_is_found():
    table = probes.shortcuts(toy(shift=2.0))
    assert table.loc["loudness", "mAP"] > table.loc["loudness", "chance"] + 0.25  # one class of two
    assert table.loc["mean spectrum", "mAP"] > table.loc["mean spectrum", "chance"] + 0.25


def test_true_labels_follow_chains_of_implications():
    clips = ((Event(0, 0.0, 1.0),), (Event(1, 0.0, 1.0, heard=False),), (Event(2, 0.0, 1.0),))
    data = toy(implications=(("c", "b"), ("b", "a")))
    split = dataclasses.replace(data.eval.subset([0, 1, 2]), events=clips)
    data = dataclasses.replace(data, classes=("a", "b", "c"))
    assert probes.true_labels(data, split).tolist() == [[1, 0, 0], [1, 1, 0], [1, 1, 1]]
    heard = probes.true_labels(data, split, lambda event: event.heard)
    assert heard.tolist() == [[1, 0, 0], [0, 0, 0], [1, 1, 1]]


def test_dials_need_true_events():
    with pytest.raises(AvlibError, match="true events"):
        probes.dials(toy())


def test_foreground_sees_hue_and_motion():
    frames = torch.full((2, 10, 1, 3, 32, 32), 0.2)
    for t in range(10):
        frames[0, t, 0, 0, 10:16, 2 * t : 2 * t + 6] = 1.0  # red, moving across
        frames[1, t, 0, 2, 2 * t : 2 * t + 6, 10:16] = 1.0  # blue, moving down
    split = Split({"video": frames}, torch.zeros(2, 2), ("a", "b"))
    red, blue = probes.foreground(toy(), split).numpy()
    bins = probes.HUES
    assert red[:bins].argmax() in (0, bins - 1)
    assert blue[:bins].argmax() == pytest.approx(2 * bins / 3, abs=1)
    assert red[bins + 2] > 3 * red[bins + 3]
    assert blue[bins + 3] > 3 * blue[bins + 2]
    assert np.isfinite(red).all()
