import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from avlib.errors import AvlibError
from avlib.models import POOLINGS, Head, log_weights, pool


def frames(seed=0, shape=(3, 7, 5), scale=2.0, dtype=torch.float64):
    generator = torch.Generator().manual_seed(seed)
    return tuple(scale * torch.randn(shape, generator=generator, dtype=dtype) for _ in range(2))


def probability(name, z, a):
    """The clip probability as the papers print it."""
    p = 1 / (1 + np.exp(-z))
    if name == "max":
        return p.max(1)
    weights = {"average": np.ones_like(p), "linear": p, "exponential": np.exp(p), "attention": np.exp(a)}[name]
    return (weights * p).sum(1) / weights.sum(1)


@pytest.mark.parametrize("name", POOLINGS)
def test_equals_the_definition(name):
    z, a = frames()
    np.testing.assert_allclose(pool(name, z, a).sigmoid(), probability(name, z.numpy(), a.numpy()), rtol=1e-12)


@pytest.mark.parametrize("name", POOLINGS)
def test_weights_give_the_same_probability(name):
    z, a = frames()
    weights = log_weights(name, z, a).exp()
    torch.testing.assert_close(weights.sum(1), torch.ones(3, 5, dtype=torch.float64))
    torch.testing.assert_close((weights * z.sigmoid()).sum(1), pool(name, z, a).sigmoid())


@settings(max_examples=30, deadline=None)
@given(st.sampled_from(POOLINGS), st.integers(0, 1000), st.floats(0.1, 300), st.integers(1, 6))
def test_lies_between_the_smallest_and_the_largest_frame(name, seed, scale, time):
    z, a = frames(seed, (2, time, 3), scale, torch.float32)
    slack = 1e-4 + 1e-6 * z.abs().amax(1)
    logits = pool(name, z, a)
    assert (logits <= z.amax(1) + slack).all()
    assert (logits >= z.amin(1) - slack).all()


@pytest.mark.parametrize("name", ["max", "average", "attention"])
def test_grows_with_every_frame(name):
    z, a = frames()
    z.requires_grad_()
    (gradient,) = torch.autograd.grad(pool(name, z, a).sum(), z)
    assert (gradient >= 0).all()
    assert (gradient.sum(1) > 0).all()


def test_linear_softmax_lets_weak_frames_down():
    """Frames whose probability is below half the clip's pull it down (Wang et al. 2019): that is its signature."""
    z, _ = frames()
    z.requires_grad_()
    clip = pool("linear", z).sigmoid()
    (gradient,) = torch.autograd.grad(clip.sum(), z)
    assert torch.equal(gradient > 0, z.sigmoid() > clip[:, None] / 2)


def test_attention_with_equal_weights_is_the_average():
    z, a = frames()
    torch.testing.assert_close(pool("attention", z, a * 0 + 3), pool("average", z))


@pytest.mark.parametrize("name", POOLINGS)
@pytest.mark.parametrize("level", [-200.0, -20.0, 20.0, 200.0])
def test_extreme_logits_stay_exact_and_keep_their_gradient(name, level):
    z = torch.full((1, 4, 2), level, requires_grad=True)
    logits = pool(name, z, torch.zeros(1, 4, 2))
    torch.testing.assert_close(logits, torch.full((1, 2), level))
    (gradient,) = torch.autograd.grad(logits.sum(), z)
    torch.testing.assert_close(gradient.sum(1), torch.ones(1, 2))


def test_one_frame_of_many_decides_the_clip_where_it_should():
    z = torch.tensor([-30.0, 30.0, -30.0, -30.0]).reshape(1, 4, 1)
    assert pool("max", z).item() == 30
    assert pool("average", z).sigmoid().item() == pytest.approx(0.25)
    assert pool("linear", z).item() > 20
    assert pool("exponential", z).sigmoid().item() == pytest.approx(np.e / (np.e + 3), abs=1e-6)


def test_unknown_pooling_and_missing_attention_are_named():
    z = torch.zeros(1, 2, 3)
    for call in (lambda: pool("mean", z), lambda: Head(8, 3, pooling="mean")):
        with pytest.raises(AvlibError, match="'mean' is unknown; choose one of max, average"):
            call()
    with pytest.raises(AvlibError, match="attention_logits"):
        pool("attention", z)


@pytest.mark.parametrize("name", POOLINGS)
def test_head_and_its_frames_agree(name):
    head = Head(8, 3, pooling=name)
    encoding = torch.randn(2, 6, 8, generator=torch.Generator().manual_seed(1))
    logits, weights = head.frames(encoding)
    assert logits.shape == weights.shape == (2, 6, 3)
    torch.testing.assert_close((weights * logits.sigmoid()).sum(1), head(encoding).sigmoid())
    assert sum(p.numel() for p in head.parameters()) == (8 + 1) * 3 * (2 if name == "attention" else 1)
