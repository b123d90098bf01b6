"""What sample-wise and universal attacks share: the loss of x + δ and its gradient with respect to δ alone."""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from avlib.attacks.ball import Ball
from avlib.errors import AvlibError
from avlib.losses import Loss, whole
from avlib.models.tagger import tagger_of

Forward = Callable[[Mapping[str, Tensor]], Tensor]
Coordinates = list[Tensor]  # w of each ball


def forward_of(model: nn.Module, batch: Mapping[str, Tensor], attacked: Sequence[str]) -> Forward:
    """The logits as a function of the attacked modalities; a branch that is not attacked is encoded here, once."""
    tagger = tagger_of(model)

    def encoded(part: Mapping[str, Tensor]) -> dict[str, Tensor]:
        return tagger.encode(part) if tagger.uses(part) else {}

    with torch.no_grad():
        still = encoded({name: x for name, x in batch.items() if name not in attacked})
    return lambda moving: whole(tagger.classify({**still, **encoded(moving)}))


def deltas(balls: Sequence[Ball], ws: Coordinates) -> dict[str, Tensor]:
    """δ of every modality."""
    return {name: delta for ball, w in zip(balls, ws, strict=True) for name, delta in ball.delta(w).items()}


class Point(NamedTuple):
    """A point of an ascent: logits (N, C) and loss (N,) there, and the gradient of the summed loss in each w."""

    logits: Tensor
    loss: Tensor
    gradients: Coordinates


def evaluate(
    forward: Forward,
    place: Callable[[dict[str, Tensor]], dict[str, Tensor]],
    balls: Sequence[Ball],
    ws: Coordinates,
    labels: Tensor,
    loss: Loss,
) -> Point:
    """Logits, losses and gradients at ``place(δ)`` = x + δ.

    Raises
    ------
    AvlibError
        When the labels are of other clips or classes than the logits, the loss is not one value for each clip, or the
        logits do not depend on any attacked modality.
    """
    ws = [w.detach().requires_grad_() for w in ws]
    with torch.enable_grad():
        logits = forward(place(deltas(balls, ws)))
        if logits.shape != labels.shape:
            raise AvlibError(
                f"the labels have the shape {tuple(labels.shape)}, and the logits {tuple(logits.shape)}: clips, classes"
            )
        values = loss(logits, labels)
        if values.shape != labels.shape[:1]:
            raise AvlibError(
                f"the loss has the shape {tuple(values.shape)}: needed is one value for each clip, ({len(labels)},)"
            )
        if not values.requires_grad:
            names = [name for ball in balls for name in ball.shapes]
            raise AvlibError(f"threats against {names}: the model's logits do not depend on them")
        gradients = torch.autograd.grad(values.sum(), ws, allow_unused=True, materialize_grads=True)
    return Point(logits.detach(), values.detach(), list(gradients))


def finite(point: Point) -> Tensor:
    """Whether loss and gradient of each clip are finite, (N,); a gradient that clips share is one of each."""
    ok = point.loss.isfinite()
    for gradient in point.gradients:
        ok = ok & gradient.flatten(1).sum(dim=1).isfinite()
    return ok


def ascend(balls: Sequence[Ball], ws: Coordinates, gradients: Coordinates, step: float, progress: float) -> Coordinates:
    """A step of each ball along its own steepest direction, projected."""
    return [ball.ascend(w, gradient, step, progress) for ball, w, gradient in zip(balls, ws, gradients, strict=True)]


def choose(mask: Tensor, yes: Sequence[Tensor], no: Sequence[Tensor]) -> list[Tensor]:
    """For each clip the tensors of `yes` where `mask` (N,) is True, and else those of `no`."""
    return [torch.where(mask.reshape(-1, *[1] * (a.dim() - 1)), a, b) for a, b in zip(yes, no, strict=True)]


def flat_in(point: Point) -> Tensor:
    """Whether the gradient of each clip is exactly 0 in all coordinates, (N,)."""
    return torch.stack([(gradient == 0).flatten(1).all(dim=1) for gradient in point.gradients]).all(dim=0)


def schedule(step_size: float | Sequence[float] | None, default: Sequence[float]) -> Sequence[float]:
    """One step size for each of ``len(default)`` steps, in units of ε.

    Raises
    ------
    AvlibError
        When a step size is not positive or a sequence has the wrong length.
    """
    if step_size is None:
        return default
    sizes = [step_size] * len(default) if isinstance(step_size, float | int) else list(step_size)
    if len(sizes) != len(default) or any(not size > 0 for size in sizes):
        raise AvlibError(
            f"step_size = {step_size!r}: allowed are a number > 0 and {len(default)} of them, in units of ε"
        )
    return sizes
