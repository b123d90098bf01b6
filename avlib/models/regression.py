"""Logistic regression for all classes at once, to its optimum: what every linear tagger and probe is fitted by."""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

STILL = 1e-6  # standard deviation of a number that does not differ between the clips, but for rounding
NOTHING = 1e-9  # of the largest variance: an axis along which the clips differ by less carries nothing


def moments(numbers: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation of each column of (N, d); 1 for one that never differs, which then stays 0.

    >>> moments(torch.tensor([[1.0, 2.0], [3.0, 2.0]]))
    (tensor([2., 2.]), tensor([1., 1.]))
    """
    spread = numbers.std(dim=0, correction=0)
    return numbers.mean(dim=0), torch.where(spread > STILL, spread, 1)


class Solution(NamedTuple):
    """logits = x·weightsᵀ + bias, of `weights` (C, d) and `bias` (C,), float64."""

    weights: Tensor
    bias: Tensor


def logistic_regression(design: Tensor, labels: Tensor, penalty: float) -> Solution:
    """min Σ_c [ mean_i softplus((1 − 2 y_ic)·z_ic) + (penalty / 2)·‖w_c‖² ] over z = x·wᵀ + b, for x (N, d), y (N, C).

    Convex, so it has one optimum and needs no seed; biases are not penalised.  L-BFGS runs in float64 along the
    principal axes of the clips (variances s²/N), of which there are at most min(N, d).  Each is scaled by
    1/√(π_c (1 − π_c) s²/N + penalty), π_c being the mean of the class's labels: among scores that say π_c of every
    clip, the Hessian is then the identity.

    >>> x = torch.tensor([[-1.0], [0.0], [1.0], [2.0]])
    >>> w, b = logistic_regression(x, (x > 0).float(), penalty=0.1)
    >>> (x.double() @ w.T + b).flatten() > 0
    tensor([False, False,  True,  True])
    """
    x, y = design.cpu().double(), labels.cpu().double()  # Apple's GPU has no float64
    mean = x.mean(dim=0)
    squares, axes = _principal(x - mean)
    along = (x - mean) @ axes  # (N, r)
    curvature = (y.mean(dim=0) * (1 - y.mean(dim=0))).clamp_min(1 / len(x))  # a class without positives has none
    scale = (squares[:, None] * curvature / len(x) + penalty).rsqrt()
    weights = torch.zeros_like(scale, requires_grad=True)
    bias = torch.zeros_like(curvature, requires_grad=True)
    # To the optimum, and not to where the loss happens to stand still: that place would hang on rounding.
    optimiser = torch.optim.LBFGS(
        [weights, bias], max_iter=1000, history_size=50, tolerance_grad=1e-7, tolerance_change=0,
        line_search_fn="strong_wolfe",
    )  # fmt: skip

    def closure() -> Tensor:
        optimiser.zero_grad()
        scaled = scale * weights
        z = along @ scaled + bias * curvature.rsqrt()
        loss = (F.softplus(z) - y * z).sum(dim=1).mean() + penalty / 2 * scaled.square().sum()
        loss.backward()
        return loss

    with torch.enable_grad():
        optimiser.step(closure)
    solution = (axes @ (scale * weights.detach())).T
    return Solution(solution, bias.detach() * curvature.rsqrt() - solution @ mean)


def _principal(centred: Tensor) -> tuple[Tensor, Tensor]:
    """Squared singular values (r,) and right singular vectors (d, r), from the smaller of the two Gram matrices."""
    tall = len(centred) > centred.shape[1]
    squares, axes = torch.linalg.eigh(centred.T @ centred if tall else centred @ centred.T)
    kept = squares > NOTHING * squares.max()
    squares, axes = squares[kept], axes[:, kept]
    return squares, axes if tall else centred.T @ axes / squares.sqrt()
