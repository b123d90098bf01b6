"""Geometry of the unit balls: the nearest point inside, the direction of steepest ascent, a random point.

Everything works on the last axis, so that one call serves clips and frames.  A box (low, high) always contains 0.
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor

Box = tuple[Tensor, Tensor]

NEWTON_STEPS = 24


def norms(w: Tensor, norm: float) -> Tensor:
    """‖w‖_norm over the last axis, which stays with length 1.

    >>> norms(torch.tensor([3.0, -4.0]), 2)
    tensor([5.])
    """
    # The general routine takes eight times as long for a plain sum.
    return w.abs().sum(dim=-1, keepdim=True) if norm == 1 else torch.linalg.vector_norm(w, norm, dim=-1, keepdim=True)


def project(w: Tensor, norm: float, box: Box | None = None) -> Tensor:
    """The point of {v : ‖v‖_norm ≤ 1, low ≤ v ≤ high} that is nearest to `w` in Euclidean distance; any (…, D).

    Π_ε of P1, eq. 1 and P2, eq. 2, exact for every norm, also with a box (where clipping after rescaling is not).

    >>> project(torch.tensor([2.0, 0.5]), 1)
    tensor([1., 0.])
    >>> project(torch.tensor([3.0, 4.0]), 2, box=(torch.tensor(-0.6), torch.tensor(0.6)))
    tensor([0.6000, 0.6000])
    """
    if norm == math.inf:
        w = w.clamp(-1, 1)
        return w if box is None else w.clamp(*box)
    if norm == 2:
        return w / norms(w, 2).clamp_min(1) if box is None else _project_l2(w, box)
    return _project_l1(w) if box is None else _project_l1_in_box(w, box)


def _project_l2(w: Tensor, box: Box) -> Tensor:
    # The nearest point is clamp(t·w) for the largest t ≤ 1 with norm ≤ 1 (t = 1 / (1 + multiplier)).  In s = t² the
    # squared norm Σ min(s·w², bound²) is concave and piecewise linear, so Newton's method climbs to the root from
    # below and never leaves the ball; it begins at "rescale, then clip".
    size = w.abs().amax(dim=-1, keepdim=True).clamp_min(1)  # keeps w² from overflowing
    unit, largest = w / size, size.square()
    squares = unit.square()
    bounds = unit.sign().clamp(*box).square()  # on the side of w; in the unit ball, none beyond 1 is ever reached

    def newton(s: Tensor) -> Tensor:
        v = torch.minimum(s * squares, bounds)
        free = (bounds - v).sign()  # a comparison would take four times as long
        slope = (squares * free).sum(dim=-1, keepdim=True)
        gap = 1 - v.sum(dim=-1, keepdim=True)
        return (s + gap.clamp_min(0) / slope).nan_to_num(torch.inf).minimum(largest)

    rescaled = (1 / squares.sum(dim=-1, keepdim=True)).minimum(largest)
    v = (unit * _root(newton, rescaled).sqrt()).clamp(*box)
    return v / norms(v, 2).clamp_min(1)  # rounding only


def _project_l1(w: Tensor) -> Tensor:
    # The nearest point is soft(w, θ) for the smallest θ ≥ 0 with norm ≤ 1.  The norm Σ max(|w| − θ, 0) is convex and
    # piecewise linear in θ, so Newton's method climbs to the root from below (Michelot 1986).
    size = w.abs()

    def newton(theta: Tensor) -> Tensor:
        excess = (size - theta).clamp_min(0)
        count = excess.sign().sum(dim=-1, keepdim=True).clamp_min(1)  # quicker than a comparison
        return theta + (excess.sum(dim=-1, keepdim=True) - 1).clamp_min(0) / count

    excess = (size - _root(newton, torch.zeros_like(size[..., :1]))).clamp_min(0)
    return torch.copysign(excess / excess.sum(dim=-1, keepdim=True).clamp_min(1), w)  # divided for rounding only


def _root(newton: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    # On a convex or concave, piecewise linear function, Newton's method is exact after finitely many steps, and the
    # product of gap and slope falls at least fourfold in each (Radzik 1998), hence the small number.
    for _ in range(NEWTON_STEPS):
        last, x = x, newton(x)
        if x.is_cpu and torch.equal(x, last):  # elsewhere, to ask would cost more than to go on
            break
    return x


def _project_l1_in_box(w: Tensor, box: Box) -> Tensor:
    # With bounds the norm of clamp(soft(w, θ)) is still piecewise linear, but neither convex nor concave: it bends
    # where an entry starts (θ = |w|) and where it reaches its bound (θ = |w| − bound).  Sort these points and walk
    # down from the largest (Duchi et al. 2008, extended to a box).
    size = w.abs()
    bound = torch.where(w > 0, box[1], -box[0]).minimum(size)
    points, order = torch.cat([size, size - bound], dim=-1).sort(dim=-1, descending=True, stable=True)
    count = torch.where(order < w.shape[-1], 1, -1).cumsum(dim=-1)
    fall = (points[..., :-1] - points[..., 1:]) * count[..., :-1]
    height = torch.nn.functional.pad(fall.cumsum(dim=-1), (1, 0))  # the norm at each point
    last = (height <= 1).sum(dim=-1, keepdim=True) - 1
    width = count.gather(-1, last).clamp_min(1)
    theta = (points.gather(-1, last) - (1 - height.gather(-1, last)) / width).clamp_min(0)
    v = (w.sign() * (size - theta).clamp_min(0)).clamp(*box)
    return v / norms(v, 1).clamp_min(1)  # rounding only


def steepest(gradient: Tensor, norm: float, count: int = 1) -> Tensor:
    """The direction d with ‖d‖_norm = 1 along which a linear function rises most; 0 where the gradient is 0.

    ℓ∞: sign(g).  ℓ2: g / ‖g‖₂.  ℓ1: the `count` largest entries of |g| share the step by their size; one of them
    alone is steepest, several make progress on a curved loss.  P1, eq. 1 and P2, eq. 2 divide by ‖g‖_p for
    every p, which is steepest ascent for p = 2 only.

    >>> steepest(torch.tensor([1.0, -3.0, 0.0]), 1), steepest(torch.zeros(3), 2)
    (tensor([ 0., -1.,  0.]), tensor([0., 0., 0.]))
    """
    if norm == math.inf:
        return gradient.sign()
    tiny = torch.finfo(gradient.dtype).tiny
    size = gradient.abs()
    largest = size.amax(dim=-1, keepdim=True)
    if norm == 1:
        least = largest if count == 1 else size.topk(count, dim=-1).values[..., -1:]
        gradient = gradient * (1 - (least - size).sign().clamp_min(0))  # 0 below the least, quicker than a comparison
    else:
        gradient = gradient / largest.clamp_min(tiny)  # squares of 1e-25 would vanish in float32
    return gradient / norms(gradient, norm).clamp_min(tiny)


def on_sphere(live: Tensor, norm: float, generator: torch.Generator) -> Tensor:
    """A random w with ‖w‖_norm = 1 over the last axis and 0 where `live` (…, D) is False.

    Uniform on the sphere for ℓ1 and ℓ2; random signs for ℓ∞, the corners where ℓ∞ attacks end too.

    >>> w = on_sphere(torch.ones(2, 8, dtype=torch.bool), 1, torch.Generator().manual_seed(0))
    >>> norms(w, 1).allclose(torch.ones(2, 1))
    True
    """
    signs = torch.randint(0, 2, live.shape, generator=generator) * 2.0 - 1
    sizes = torch.empty(live.shape)
    if norm == math.inf:
        sizes = sizes.fill_(1)
    elif norm == 2:
        sizes = sizes.normal_(generator=generator).abs()
    else:
        sizes = sizes.exponential_(generator=generator)
    w = torch.where(live.cpu(), signs * sizes, 0)
    return w / norms(w, norm).clamp_min(torch.finfo(w.dtype).tiny)


def in_ball(live: Tensor, norm: float, generator: torch.Generator) -> Tensor:
    """A random w, uniform in {‖w‖_norm ≤ 1} of the coordinates where `live` (…, D) is True, 0 elsewhere.

    >>> bool(norms(in_ball(torch.ones(1, 8, dtype=torch.bool), 2, torch.Generator().manual_seed(0)), 2) <= 1)
    True
    """
    if norm == math.inf:
        return torch.where(live.cpu(), torch.rand(live.shape, generator=generator) * 2 - 1, 0)
    dimensions = live.cpu().sum(dim=-1, keepdim=True).clamp_min(1)
    radius = torch.rand(dimensions.shape, generator=generator) ** (1 / dimensions)
    return on_sphere(live, norm, generator) * radius
