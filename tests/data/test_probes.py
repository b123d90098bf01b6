"""Probes see what is there, and stay at chance where nothing is."""

import dataclasses

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from avlib.data import probes
from avlib.data.split import AVData, Event, Split
from avlib.errors import AvlibError
from avlib.features import LogMel, Normalizer
from avlib.metrics import chance_map, tagging


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


def test_too_few_clips_are_refused_in_one_line():
    data = toy()
    probes.enough(dataclasses.replace(data, train=data.train.subset(range(4))))
    with pytest.raises(AvlibError, match=r"^toy has 3 clips to train on: at least 4 are needed$"):
        probes.enough(dataclasses.replace(data, train=data.train.subset(range(3))))
    alike = dataclasses.replace(data.eval, labels=torch.tensor([[1.0, 0.0]]).expand(300, 2))
    with pytest.raises(AvlibError, match="no class has clips with and without it among the 300 of the eval split"):
        probes.enough(dataclasses.replace(data, eval=alike))


def test_no_shortcut_is_found_in_noise():
    table = probes.shortcuts(toy())
    assert (table.mAP - table.chance).abs().max() < 0.07
    assert table.loc["clip length", "mAP"] == pytest.approx(toy().eval.labels.mean().item())  # all clips tie


def test_probes_read_the_sound_alone_and_on_the_cpu():
    data = toy()
    away = data.to("meta").eval  # as on a machine with a GPU
    split = dataclasses.replace(away, features={**away.features, "video": None})
    assert torch.equal(probes.mean_spectrum(data, split), probes.mean_spectrum(data, data.eval))


def test_a_planted_shortcut_is_found():
    table = probes.shortcuts(toy(shift=2.0))
    assert table.loc["loudness", "mAP"] > table.loc["loudness", "chance"] + 0.25  # one class of two
    assert table.loc["mean spectrum", "mAP"] > table.loc["mean spectrum", "chance"] + 0.25


def test_a_probe_is_the_logistic_regression_of_scikit_learn():
    data = toy(shift=0.5)
    fitted, scored = (probes.mean_spectrum(data, split) for split in (data.train, data.eval))
    peer = make_pipeline(StandardScaler(), LogisticRegression(C=probes.STRENGTH, tol=1e-8))
    logits = np.stack([peer.fit(fitted, y).decision_function(scored) for y in data.train.labels.T], axis=1)
    assert probes.probe(data, probes.mean_spectrum) == pytest.approx(tagging(logits, data.eval.labels).mAP, abs=1e-6)


def test_the_ceiling_is_the_mean_over_the_orders_of_what_is_not_known():
    clips = ((Event(1, 0.0, 1.0),), (Event(1, 0.0, 1.0, heard=False),), (Event(0, 0.0, 1.0, seen=False),), ())
    data = toy(implications=(("b", "a"),))
    labels = torch.tensor([[1.0, 1], [1, 1], [1, 0], [0, 0]])
    data = dataclasses.replace(data, eval=dataclasses.replace(data.eval.subset(range(4)), labels=labels, events=clips))
    draw = np.random.default_rng(0)
    for counts, known in (
        (probes.heard, [[1, 1], [0, 0], [1, 0], [0, 0]]),
        (probes.seen, [[1, 1], [1, 1], [0, 0], [0, 0]]),
    ):
        found = [tagging(np.array(known) + draw.random((4, 2)) / 2, labels).mAP for _ in range(3000)]
        error = np.std(found) / len(found) ** 0.5
        assert probes.ceiling(data, counts) == pytest.approx(np.mean(found), abs=4 * error)
    assert probes.ceiling(data, lambda event: True) == 1
    assert probes.ceiling(data, lambda event: False) == pytest.approx(chance_map(labels))
    assert np.isnan(probes.ceiling(toy(), probes.heard))


def test_colours_are_counted_over_all_frames():
    frames = torch.zeros(1, 2, 1, 3, 8, 8)
    frames[0, 1, 0, 0, :4] = 1.0  # half of the second frame is red
    found = probes.colours(toy(), Split({"video": frames}, torch.zeros(1, 2), ("a",)))[0]
    assert found.square().nonzero().flatten().tolist() == [0, 3 * 16]
    assert found.square()[[0, 48]].tolist() == pytest.approx([0.75, 0.25])


def test_true_labels_follow_chains_of_implications():
    clips = ((Event(0, 0.0, 1.0),), (Event(1, 0.0, 1.0, heard=False),), (Event(2, 0.0, 1.0),))
    data = toy(implications=(("b", "a"), ("c", "b")))
    split = dataclasses.replace(data.eval.subset([0, 1, 2]), events=clips)
    data = dataclasses.replace(data, classes=("a", "b", "c"))
    assert probes.true_labels(data, split).tolist() == [[1, 0, 0], [1, 1, 0], [1, 1, 1]]
    heard = probes.true_labels(data, split, lambda event: event.heard)
    assert heard.tolist() == [[1, 0, 0], [0, 0, 0], [1, 1, 1]]


def heard_as(front_end, *waves):
    """A data set whose eval split holds the levels of `waves`."""
    levels = front_end(torch.stack(waves))
    mels = levels.shape[2]
    normalizer = Normalizer(torch.full((mels,), -20.0), torch.full((mels,), 5.0))
    split = Split({"audio": normalizer(levels)}, torch.zeros(len(waves), 2), tuple(map(str, range(len(waves)))))
    return dataclasses.replace(toy(), eval=split, front_end=front_end, normalizer=normalizer)


@pytest.mark.parametrize("power", [1.0, 2.0])
def test_loudness_is_in_decibel_of_sound_whatever_the_band(power):
    draw, time = torch.Generator().manual_seed(0), torch.arange(16000) / 16000
    noise = 0.1 * torch.randn(16000, generator=draw)
    low, high = (noise.norm() / 8000**0.5 * torch.sin(2 * torch.pi * hertz * time) for hertz in (300, 3000))
    data = heard_as(LogMel(power=power), noise, 10 * noise, low, high)
    quiet, loud, bass, treble = probes.loudness(data, data.eval)[:, 0].tolist()
    assert loud - quiet == pytest.approx(20, abs=0.1)
    if power == 2:  # a bin of magnitudes holds less of a tone than of noise with the same power
        assert bass == pytest.approx(quiet, abs=1)
        assert treble == pytest.approx(quiet, abs=2)


def test_movement_sees_rises_and_the_rate_of_a_modulation():
    time = torch.arange(100) / 100
    still, slow, fast = (torch.full((100, 64), 1.0) + d * torch.sin(2 * torch.pi * r * time)[:, None]
                         for d, r in ((0, 1), (1, 3), (1, 9)))  # fmt: skip
    split = Split({"audio": torch.stack([still, slow, fast])}, torch.zeros(3, 2), ("a", "b", "c"))
    summary = probes.movement(toy(), split)
    assert summary.shape == (3, 2 * 64 + 16 * 20)
    deviation, rises, rates = summary.split([64, 64, 320], dim=1)
    torch.testing.assert_close(deviation.mean(dim=1), torch.tensor([0.0, 0.5**0.5, 0.5**0.5]), atol=0.01, rtol=0)
    # A sine of amplitude 1 rises by 2 in each cycle.
    torch.testing.assert_close(rises.mean(dim=1), torch.tensor([0.0, 3 * 2 / 99, 9 * 2 / 99]), atol=1e-6, rtol=0.05)
    strongest = rates.reshape(3, 20, 16).argmax(dim=1) + 1  # (clip, rate, band)
    assert strongest[1:].tolist() == [[3] * 16, [9] * 16]


def test_dials_counted_by_hand():
    both, seen = Event(0, 0.0, 1.0), Event(1, 0.0, 1.0, heard=False)
    labels = torch.tensor([[1.0, 0], [0, 0], [1, 1], [1, 1]])
    split = Split({}, 0 * labels, tuple("abcd"), ((both,), (seen,), (both, both), (both,)))
    train = Split({}, labels[:2], tuple("ab"), ((both, both, both), (seen,)))
    found = probes.dials(dataclasses.replace(toy(), train=train, eval=split))
    assert found.agreement == 4 / 5
    assert found.class_frequency == (2 / 4) * (3 - 1) / (2 * 2)  # two of four pairs differ, by 2; the mean is 2
    assert found.label_noise == 1 / 2  # of two labels that follow in training, that of the second clip is not given
    assert found[["audio_informativeness", "video_informativeness"]].isna().all()


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
