"""The baseline: its averages by hand, its fit against scikit-learn, and attacks that run through it."""

import math

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from avlib.attacks import Threat, fit_universal, pgd
from avlib.data.split import Split
from avlib.errors import AvlibError
from avlib.losses import bce
from avlib.metrics import tagging
from avlib.models.statistics import RATES, Statistics, fit_statistics
from avlib.training import predict

MELS = 6


def toy(seed=0, clips=200):
    """Noise; the first label makes a bin louder, the second makes it louder and softer nine times a clip."""
    generator = torch.Generator().manual_seed(seed)
    labels = (torch.rand((clips, 2), generator=generator) < 0.3).float()
    audio = torch.randn((clips, 60, MELS), generator=generator)
    pulse = torch.sin(2 * torch.pi * 9 * torch.arange(60) / 60)
    audio[:, :, 2] += labels[:, :1]
    audio += labels[:, 1:, None] * pulse[:, None] * 0.5
    return Split({"audio": audio}, labels, tuple(map(str, range(clips))))


def test_the_averages_by_hand():
    x = toy().batch([0])[0]["audio"]
    a = x[0].double().numpy()
    envelope = np.abs(np.fft.rfft(a.mean(axis=1))) / 60
    expected = [a.mean(0), a.std(0), a.max(0), np.abs(np.diff(a, axis=0)).mean(0), np.abs(np.diff(a, axis=1)).mean(0)]
    assert Statistics(MELS)(x)[0, 0].numpy() == pytest.approx(np.concatenate([*expected, envelope[1:26]]), abs=1e-5)


@pytest.mark.parametrize("frames", [2, 21, 40, 49])
def test_a_short_clip_has_no_modulation_faster_than_its_frames(frames):
    x = toy().batch(range(3))[0]["audio"][:, :frames]
    found = Statistics(MELS)(x)[:, 0, -RATES:]
    envelope = np.abs(np.fft.rfft(x.double().mean(dim=2).numpy())) / frames
    assert found[:, : frames // 2].numpy() == pytest.approx(envelope[:, 1:], abs=1e-5)
    assert not found[:, frames // 2 :].any()
    clips = toy().batch(range(200))[0]["audio"][:, :frames]
    split = Split({"audio": clips}, toy().labels, toy().ids)
    assert predict(fit_statistics(split), split).isfinite().all()


def test_an_order_of_the_frames_matters_to_movement_and_modulation_alone():
    x = toy().batch(range(8))[0]["audio"]
    shuffled = x[:, torch.randperm(60, generator=torch.Generator().manual_seed(1))]
    before, after = (
        Statistics(MELS)(clips)[:, 0].split([3 * MELS, MELS, MELS - 1, RATES], dim=1) for clips in (x, shuffled)
    )
    same = [torch.allclose(a, b, atol=1e-5) for a, b in zip(before, after, strict=True)]
    assert same == [True, False, True, False]


@pytest.mark.parametrize("level", [0.0, -3.0])
def test_clips_that_stand_still_have_finite_gradients(level):
    x = torch.full((2, 60, MELS), level, requires_grad=True)
    numbers = Statistics(MELS)(x)
    (gradient,) = torch.autograd.grad(numbers.sum(), x)
    assert torch.isfinite(numbers).all()
    assert torch.isfinite(gradient).all()


def test_the_fit_is_that_of_scikit_learn_on_standardised_averages():
    split = toy()
    model = fit_statistics(split, penalty=5.0)
    batch, labels = split.batch(range(200))
    design = Statistics(MELS)(batch["audio"].double())[:, 0].numpy()
    scaled = StandardScaler().fit_transform(design)
    assert model.bottleneck(batch)[:, 0].numpy() == pytest.approx(scaled, abs=1e-4)
    for c in range(2):
        peer = LogisticRegression(C=1 / 5, tol=1e-8).fit(scaled, labels[:, c])
        assert model(batch)[:, c].detach().numpy() == pytest.approx(peer.decision_function(scaled), abs=1e-3)


def test_what_never_differs_says_nothing():
    split = toy()
    audio = split.features["audio"].clone()
    audio[:, :, 0] = -2.0
    model = fit_statistics(Split({"audio": audio}, split.labels, split.ids))
    assert model.bottleneck({"audio": audio})[:, :, 0].abs().max() < 1e-3
    assert all(torch.isfinite(value).all() for value in model.state_dict().values())


def test_it_hears_loudness_and_modulation_in_clips_that_it_has_not_seen():
    model, fresh = fit_statistics(toy()), toy(seed=1)
    assert tagging(predict(model, fresh), fresh.labels).per_class.AP.min() > 0.8
    again = fit_statistics(toy())
    assert all(torch.equal(a, b) for a, b in zip(model.state_dict().values(), again.state_dict().values(), strict=True))


def test_attacks_run_through_it():
    split = toy()
    model, threats = fit_statistics(split), {"audio": Threat(2, 1.0, over="frame")}
    batch, labels = split.batch(range(32))
    clean = bce(model(batch), labels)
    found = pgd(model, batch, labels, threats, steps=5)
    assert (found.loss >= clean).all()
    assert found.loss.mean() > clean.mean() + 0.05
    delta = fit_universal(model, split, threats, passes=2, batch_size=32)
    assert delta.history.loss.iloc[-1] > delta.history.loss.iloc[0] + 0.05
    assert math.isclose(delta.delta["audio"].norm(dim=2).max().item(), 1, abs_tol=1e-4)


def test_it_is_a_tagger_of_one_moment():
    model = fit_statistics(toy())
    batch, _ = toy().batch(range(4))
    logits, weights = model.frames(model.encode(batch))
    assert torch.allclose((weights * logits).sum(dim=1), model(batch), atol=1e-5)
    assert torch.allclose(model.head(model.pooled(batch)[:, None]), model(batch))
    with pytest.raises(AvlibError, match=r"\(clips, at least 2, 6\)"):
        model({"audio": torch.zeros(1, 1, MELS)})
