import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize
from torch import Tensor

from avlib.attacks.geometry import in_ball, norms, on_sphere, project, steepest
from tests.attacks.toys import DUAL, NORMS, gen


def points(seed: int, size: int, spread: float, dtype: torch.dtype = torch.float64) -> Tensor:
    """Rows of very different scale, with ties and zeros."""
    w = torch.randn(4, size, generator=gen(seed), dtype=dtype)
    w *= 10 ** (spread * torch.rand(4, size, generator=gen(seed + 1)))
    w[1, : size // 2] = 1.5
    w[2, ::2] = 0
    return w


def box(seed: int, size: int) -> tuple[Tensor, Tensor]:
    high = torch.rand(4, size, generator=gen(seed), dtype=torch.float64)
    low = -torch.rand(4, size, generator=gen(seed + 1), dtype=torch.float64)
    high[0, 0] = low[0, 0] = 0  # a coordinate that may not move
    high[3] = torch.inf
    return low, high


def by_bisection(w: Tensor, norm: float, low: Tensor, high: Tensor) -> Tensor:
    """The same point by the textbook: 200 halvings on the multiplier of each row."""
    out = w.clamp(low, high)
    for row in range(len(w)):
        if torch.linalg.vector_norm(out[row], norm) <= 1:
            continue
        bottom, top = 0.0, 1e12
        for _ in range(200):
            middle = (bottom + top) / 2
            shrunk = w[row] / (1 + middle) if norm == 2 else w[row].sign() * (w[row].abs() - middle).clamp_min(0)
            candidate = shrunk.clamp(low[row], high[row])
            bottom, top = (middle, top) if torch.linalg.vector_norm(candidate, norm) > 1 else (bottom, middle)
        out[row] = candidate
    return out


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 40), st.floats(0, 6), st.sampled_from(NORMS), st.booleans())
def test_projection_is_the_nearest_point(seed, size, spread, norm, boxed):
    w, bounds = points(seed, size, spread), box(seed + 7, size) if boxed else None
    low, high = bounds or (torch.full_like(w, -torch.inf), torch.full_like(w, torch.inf))
    found = project(w, norm, bounds)
    assert bool((norms(found, norm) <= 1 + 1e-9).all())
    assert bool(((found >= low) & (found <= high)).all())
    expected = w.clamp(-1, 1).clamp(low, high) if norm == math.inf else by_bisection(w, norm, low, high)
    distance, shortest = (found - w).norm(dim=1), (expected - w).norm(dim=1)
    assert bool((distance <= shortest * (1 + 1e-9) + 1e-9).all())
    torch.testing.assert_close(project(found, norm, bounds), found, atol=1e-9, rtol=1e-7)


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("seed", range(4))
def test_projection_agrees_with_a_general_solver(norm, seed):
    w = 2 * torch.randn(3, generator=gen(seed), dtype=torch.float64)
    low, high = -torch.rand(3, generator=gen(seed + 20)).double(), torch.rand(3, generator=gen(seed + 40)).double()
    # v = p − q with p, q ≥ 0 makes every norm a smooth constraint.
    room = {1: lambda v: 1 - v.sum(), 2: lambda v: 1 - ((v[:3] - v[3:]) ** 2).sum(), math.inf: lambda v: 1 - v}
    solved = minimize(
        lambda v: ((v[:3] - v[3:] - w.numpy()) ** 2).sum(),
        np.zeros(6),
        bounds=[(0, h) for h in high.tolist()] + [(0, -b) for b in low.tolist()],
        constraints={"type": "ineq", "fun": room[norm]},
        options={"ftol": 1e-14, "maxiter": 500},
    ).x
    np.testing.assert_allclose(project(w, norm, (low, high)).numpy(), solved[:3] - solved[3:], atol=1e-5)


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("factor", [1e-30, 1.0, 1e3])
def test_single_precision_stays_in_the_ball(norm, factor):
    w = points(0, 500, 3.0, torch.float32) * factor
    bounds = (torch.full_like(w, -0.1), torch.full_like(w, 0.2))
    for limits in (None, bounds):
        found = project(w, norm, limits)
        assert bool(found.isfinite().all())
        assert bool((norms(found, norm) <= 1 + 1e-5).all())


def test_rescaling_then_clipping_is_not_the_projection():
    w, limits = torch.tensor([3.0, 1.0]), (torch.tensor([-1.0, -1.0]), torch.tensor([0.5, 1.0]))
    lazy = (w / w.norm()).clamp(*limits)
    assert (project(w, 2, limits) - w).norm() < (lazy - w).norm() - 0.05


@pytest.mark.parametrize("norm", NORMS)
def test_steepest_direction_reaches_the_dual_norm(norm):
    gradient = torch.randn(5, 9, generator=gen(), dtype=torch.float64)
    direction = steepest(gradient, norm)
    torch.testing.assert_close((gradient * direction).sum(dim=1, keepdim=True), norms(gradient, DUAL[norm]))
    torch.testing.assert_close(norms(direction, norm), torch.ones(5, 1, dtype=torch.float64))


@pytest.mark.parametrize("norm", NORMS)
def test_a_vanishing_gradient_gives_no_nan(norm):
    gradient = torch.zeros(2, 6)
    gradient[1] = 1e-30 * torch.randn(6, generator=gen())
    direction = steepest(gradient, norm)
    assert bool((direction[0] == 0).all())
    assert float(norms(direction[1], norm)) == pytest.approx(1, rel=1e-5)


def test_sparse_steps_share_by_size():
    direction = steepest(torch.tensor([4.0, -1.0, 0.5, 0.0]), 1, count=2)
    torch.testing.assert_close(direction, torch.tensor([0.8, -0.2, 0.0, 0.0]))


@pytest.mark.parametrize("norm", NORMS)
def test_random_points(norm):
    live = torch.ones(300, 4, dtype=torch.bool)
    live[:, 3] = False
    sphere, ball = on_sphere(live, norm, gen(1)), in_ball(live, norm, gen(2))
    torch.testing.assert_close(norms(sphere, norm), torch.ones(300, 1))
    assert bool((sphere[:, 3] == 0).all())
    assert bool((ball[:, 3] == 0).all())
    inner = float((norms(ball, norm) <= 0.5).float().mean())
    assert inner == pytest.approx(0.5**3, abs=0.06)  # uniform in three live dimensions
    assert float(ball.mean().abs()) < 0.05
