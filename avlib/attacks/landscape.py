"""The loss round one clip, on the plane through it that an attack's δ and a random δ span."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from avlib.attacks.attacking import attacking
from avlib.attacks.geometry import norms, on_sphere
from avlib.clock import spent
from avlib.losses import Loss, bce

UNIT, HALF = 10, 12  # points of the grid on the length of δ, and from the clean clip to its edge
BATCH = 64


@dataclass(frozen=True)
class Landscape:
    """Loss of x + a·δ + b·r, where r is random and at right angles to δ in every frame.

    loss : (25, 25), rows in the order of b and columns in that of a, both from −1.2 to 1.2.
    size : (25, 25), the largest norm of a frame of a·δ + b·r in units of ε; the ball is where it is at most 1.
    path : (a, b) of each point of a walk, projected on the plane.
    """

    loss: Tensor
    size: Tensor
    path: list[tuple[float, float]]

    def at(self, a: int, b: int) -> float:
        """The loss at a of δ and b of r, each −1, 0 or 1."""
        return float(self.loss[HALF + UNIT * b, HALF + UNIT * a])


@spent("scoring")
def landscape(
    model: nn.Module,
    x: Tensor,
    labels: Tensor,
    delta: Tensor,
    *,
    norm: float,
    eps: float,
    walk: Sequence[Tensor] = (),
    generator: torch.Generator,
    loss: Loss = bce,
) -> Landscape:
    """The `Landscape` round one clip `x` (1, T, F) with `labels` (1, C), towards `delta` (1, T, F) of its sound.

    r is drawn on the sphere of radius `eps` in `norm`, frame by frame; what it shares with δ is taken out, and each
    frame is brought back to that sphere.  `walk` are δs, (1, T, F) each, on the way to `delta`.

    >>> class Sum(torch.nn.Module):
    ...     def forward(self, batch):
    ...         return batch["audio"].sum(dim=(1, 2))[:, None]
    >>> x, up = torch.zeros(1, 2, 3), torch.full((1, 2, 3), -1.0)
    >>> made = torch.Generator().manual_seed(0)
    >>> seen = landscape(Sum(), x, torch.ones(1, 1), up, norm=2, eps=3**0.5, walk=[up / 2], generator=made)
    >>> seen.at(1, 0) > seen.at(0, 1) > seen.at(-1, 0), [abs(round(step, 3)) for step in seen.path[0]]
    (True, [0.5, 0.0])
    """
    drawn = on_sphere(torch.ones(x.shape, dtype=torch.bool), norm, generator).to(x)
    drawn = drawn - _share(drawn, delta, -1) * delta
    aside = eps * drawn / norms(drawn, norm).clamp_min(torch.finfo(x.dtype).tiny)
    ticks = torch.arange(-HALF, HALF + 1, device=x.device)[:, None, None, None] / UNIT
    plane = (ticks * aside + ticks[:, 0] * delta).flatten(0, 1)  # b outside, a inside
    with torch.no_grad(), attacking(model) as model:
        parts = [loss(model({"audio": x + part}), labels.expand(len(part), -1)) for part in plane.split(BATCH)]
    shape = len(ticks), len(ticks)
    path = [(float(_share(step, delta, (0, 1, 2))), float(_share(step, aside, (0, 1, 2)))) for step in walk]
    return Landscape(torch.cat(parts).reshape(shape), (norms(plane, norm) / eps).amax(dim=(1, 2)).reshape(shape), path)


def _share(of: Tensor, way: Tensor, axes: int | tuple[int, ...]) -> Tensor:
    """How much of `way` is in `of`: ⟨of, way⟩ / ⟨way, way⟩ over `axes`, 0 where there is no way."""
    length = way.square().sum(dim=axes, keepdim=True)
    return (of * way).sum(dim=axes, keepdim=True) / length.clamp_min(torch.finfo(way.dtype).tiny)
