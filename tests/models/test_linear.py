"""The linear tagger's closed forms, against brute force, and its fit, against the optimality condition."""

import dataclasses
import math

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression

from avlib.data.split import Split
from avlib.errors import AvlibError
from avlib.losses import bce
from avlib.metrics import decompose, tagging
from avlib.models.linear import LinearTagger, dual_norm, dual_vector, fit_linear, nearest_flip, radius

NORMS = [1, 1.5, 2, 4, math.inf]


def drawn(seed, clips=20, classes=3, frames=4, mels=5):
    generator = torch.Generator().manual_seed(seed)
    model = LinearTagger(classes, frames, mels).double()
    model.load_state_dict(
        {name: torch.randn(value.shape, generator=generator).double() for name, value in model.state_dict().items()}
    )
    return model, {"audio": torch.randn((clips, frames, mels), generator=generator).double()}, generator


def toy(seed, clips=300):
    generator = torch.Generator().manual_seed(seed)
    labels = (torch.rand((clips, 3), generator=generator) < 0.3).float()
    patterns = torch.randn((3, 6 * 4), generator=generator)
    audio = torch.randn((clips, 6, 4), generator=generator) + (labels @ patterns).unflatten(1, (6, 4))
    return Split({"audio": audio}, labels, tuple(map(str, range(clips))))


@pytest.mark.parametrize("norm", NORMS)
def test_the_dual_vector_has_norm_1_and_reaches_the_dual_norm(norm):
    weights = torch.randn((7, 11), generator=torch.Generator().manual_seed(0)).double()
    best = dual_vector(weights, norm)
    assert torch.allclose(torch.linalg.vector_norm(best, norm, dim=-1), torch.ones(7).double())
    assert torch.allclose((weights * best).sum(dim=-1), dual_norm(weights, norm))


@pytest.mark.parametrize("norm", NORMS)
def test_no_perturbation_in_the_ball_does_better_than_the_dual_norm(norm):
    weights = torch.randn(6, generator=torch.Generator().manual_seed(1)).double()
    tries = torch.randn((20_000, 6), generator=torch.Generator().manual_seed(2)).double()
    tries = tries / torch.linalg.vector_norm(tries, norm, dim=1, keepdim=True)
    best = (tries @ weights).max()
    assert 0.7 * dual_norm(weights, norm) < best <= dual_norm(weights, norm)


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("target", [0, 2])
def test_the_sign_flips_just_beyond_the_radius_and_not_below(norm, target):
    model, batch, _ = drawn(3)
    delta = nearest_flip(model, batch, target, norm)
    length = torch.linalg.vector_norm(delta.flatten(1), norm, dim=1)
    assert torch.allclose(length, radius(model, batch, norm)[:, target])
    clean = model(batch)[:, target].sign()
    assert torch.equal(model({"audio": batch["audio"] + 0.999 * delta})[:, target].sign(), clean)
    assert torch.equal(model({"audio": batch["audio"] + 1.001 * delta})[:, target].sign(), -clean)


@pytest.mark.parametrize("norm", NORMS)
def test_no_direction_flips_a_sign_within_the_radius(norm):
    model, batch, generator = drawn(4)
    limit = radius(model, batch, norm).amin(dim=1)
    for _ in range(200):
        delta = torch.randn(batch["audio"].shape, generator=generator).double().flatten(1)
        delta = 0.999 * delta * (limit / torch.linalg.vector_norm(delta, norm, dim=1))[:, None]
        moved = model({"audio": batch["audio"] + delta.unflatten(1, (4, 5))})
        assert torch.equal(moved.sign(), model(batch).sign())


def test_a_ball_around_each_frame_adds_the_frames_dual_norms():
    model, batch, _ = drawn(5)
    per_frame = dual_vector(model.templates.detach(), 2)[0]
    change = (model({"audio": batch["audio"] + 0.3 * per_frame}) - model(batch))[:, 0]
    assert torch.allclose(change, 0.3 * dual_norm(model.templates, 2).sum(dim=1)[0].expand(20))


def test_forward_is_classify_after_encode():
    model, batch, _ = drawn(6)
    assert torch.equal(model(batch), model.classify(model.encode(batch)))
    assert torch.equal(model(batch), model.head(model.pooled(batch)))
    by_hand = torch.einsum("ntf,ctf->nc", model.bottleneck(batch), model.templates) + model.head.bias
    assert torch.allclose(model(batch), by_hand)


def test_the_fit_is_the_optimum_of_logistic_regression():
    split = toy(7)
    model = fit_linear(split, penalty=0.05)
    batch, labels = split.batch(range(300))
    (3 * bce(model(batch), labels).mean() + 0.025 * model.head.weight.square().sum()).backward()
    assert all(parameter.grad.abs().max() < 1e-4 for parameter in model.parameters())
    # scikit-learn weighs the summed loss by C against ½‖w‖².
    peer = LogisticRegression(C=1 / (0.05 * 300), tol=1e-8).fit(batch["audio"].flatten(1), labels[:, 1])
    assert model.head.weight[1].detach().numpy() == pytest.approx(peer.coef_[0], abs=1e-3)
    assert model.head.bias[1].item() == pytest.approx(peer.intercept_[0], abs=1e-3)


def test_the_fit_tags_and_does_not_depend_on_chance():
    split = toy(8, clips=600)
    model, again = (fit_linear(split.subset(range(300))) for _ in range(2))
    assert torch.equal(model.head.weight, again.head.weight)
    batch, labels = split.batch(range(300, 600))
    assert tagging(model(batch), labels).mAP > 0.8
    assert all(parameter.grad is None for parameter in model.parameters())


def test_one_delta_for_all_clips_breaks_top_labels_and_no_average_precision():
    split = toy(9)
    model = fit_linear(split)
    batch, labels = split.batch(range(300))
    delta = 2 * dual_vector(model.templates.detach()[0], math.inf)
    table = decompose(model(batch), model({"audio": batch["audio"] + delta}), labels)
    assert table.loc["attacked", "mAP"] == pytest.approx(table.loc["clean", "mAP"], abs=1e-3)
    assert table.loc["attacked", "top1"] < table.loc["clean", "top1"] - 0.3
    assert np.allclose(table.loc["attacked"], table.loc["shift alone"], atol=1e-3)


def test_frames_add_up_to_the_clip():
    model, batch, _ = drawn(11)
    logits, weights = model.frames(model.encode(batch))
    assert torch.allclose((weights * logits).sum(dim=1), model(batch))
    assert torch.allclose(weights.sum(dim=1), torch.ones(20, 3).double())


def test_only_the_sound_of_the_split_is_read():
    class Unreadable:
        def __getitem__(self, rows):
            raise AssertionError("pictures were read")

    split = toy(12)
    seen = dataclasses.replace(split, features={**split.features, "video": Unreadable()})
    assert torch.equal(fit_linear(seen).head.weight, fit_linear(split).head.weight)


@pytest.mark.parametrize("batch", [{"audio": torch.zeros(2, 4, 6)}, {"audio": torch.zeros(2, 5, 5)}])
def test_clips_of_another_shape_are_refused(batch):
    with pytest.raises(AvlibError, match=r"\(clips, 4, 5\)"):
        drawn(10)[0](batch)


@pytest.mark.parametrize("norm", [0, 0.5, -1, math.nan])
def test_what_is_not_a_norm_is_refused(norm):
    with pytest.raises(AvlibError, match="norm ="):
        dual_norm(torch.ones(3), norm)
