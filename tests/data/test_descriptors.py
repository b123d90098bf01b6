"""What classes sound like, on spectra whose descriptors are known."""

import math

import pytest
import torch

from avlib.data.descriptors import described, dialled
from avlib.data.split import AVData, Split
from avlib.data.synthav import drawn, named
from avlib.features import LogMel, Normalizer

F, T = 8, 6
LOUD, QUIET = 40.0, -60.0  # dB of the magnitude's tenfold logarithm


def data(clips, labels):
    """AVData of clips given in dB, whose normaliser is not the identity."""
    normalizer = Normalizer(torch.linspace(-5, 5, F), torch.linspace(1, 3, F))
    x = (torch.stack(clips) - normalizer.mean) / normalizer.std
    split = Split({"audio": x}, torch.tensor(labels, dtype=torch.float32), tuple(map(str, range(len(clips)))))
    names = tuple("abcdefgh"[: len(labels[0])])
    return AVData(
        name="toy", train=split, valid=split, eval=split, classes=names, front_end=LogMel(mels=F),
        normalizer=normalizer, checksums={"audio": "0"},
    )  # fmt: skip


def tone(place):
    x = torch.full((T, F), QUIET)
    x[:, place] = LOUD
    return x


def test_a_tone_stands_at_its_bin_and_noise_in_the_middle():
    table = described(data([tone(2), tone(6), torch.zeros(T, F)], [[1, 0, 0], [0, 1, 0], [0, 0, 1]]))
    assert table["centroid"].tolist() == pytest.approx([2, 6, (F - 1) / 2], abs=1e-3)
    assert table["tonality"].tolist() == pytest.approx([1, 1, 0], abs=1e-3)
    assert table["steadiness"].tolist() == pytest.approx([0, 0, 0], abs=1e-4)
    assert list(table.index) == ["a", "b", "c"]


def test_a_beat_is_less_steady_and_its_level_is_in_decibels():
    beat = torch.zeros(T, F)
    beat[1::2] = 3.0  # 10·log10 of the magnitude: 6 dB
    table = described(data([beat, torch.zeros(T, F)], [[1, 0], [0, 1]]))
    assert table["steadiness"].tolist() == pytest.approx([-6.0, 0.0], abs=1e-4)


def test_loud_frames_count_more():
    x = tone(1)
    x[T // 2 :] = tone(5)[T // 2 :] - 30
    table = described(data([x], [[1]]))
    assert table["centroid"].item() == pytest.approx(1.0, abs=0.01)


def test_clips_count_for_each_of_their_labels_and_depth_is_what_is_implied():
    clips = [tone(0), tone(4), tone(4), tone(2)]
    table = described(data(clips, [[1, 0, 1, 0], [0, 1, 1, 0], [0, 1, 1, 0], [0, 0, 1, 0]]))
    assert table["count"].tolist() == [1, 2, 4, 0]
    assert table["centroid"].tolist()[:3] == pytest.approx([0, 4, 2.5], abs=1e-3)
    assert table["depth"].tolist()[:3] == [1, 1, 0]  # both imply the third, which implies none
    assert table.loc["d", ["centroid", "depth"]].isna().all()
    assert not math.isnan(table.loc["d", "count"])


def test_what_a_world_sets_is_read_off_its_records():
    table = dialled(named(32))
    assert list(table.index) == list(named(32).classes)
    assert table.loc["Sine wave", "tonality"] == 1
    assert table.loc["Static", "tonality"] < 0.5
    assert table.loc["Mosquito", "centroid"] > table.loc["Mains hum", "centroid"]
    assert table.loc["Mains hum", "steadiness"] > table.loc["Sewing machine", "steadiness"]


def test_in_drawn_worlds_nothing_that_is_set_goes_with_anything_else():
    rho = sum(dialled(drawn(k, 128)).corr("spearman").to_numpy() for k in range(8)) / 8
    assert abs(rho - torch.eye(3).numpy()).max() < 0.1
