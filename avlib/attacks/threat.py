"""What an attacker may do to one modality."""

import math
from dataclasses import dataclass
from typing import Literal, get_args

import torch
from torch import Tensor

from avlib.errors import AvlibError

Over = Literal["clip", "frame"]
Bounds = tuple[Tensor | float, Tensor | float]


@dataclass(frozen=True)
class Threat:
    """The set of perturbations δ of one modality: {δ : ‖δ / scale‖_norm ≤ eps, δ = 0 off the mask, x + δ in bounds}.

    ``C(x)`` of P2, eq. 1 and 3, with what the paper leaves open made explicit.  All of it holds inside the loop of
    the attack, and never by trimming a finished δ.

    Parameters
    ----------
    norm : 1, 2 or ``math.inf``.
    eps : radius ε ≥ 0, in units of the features (z-scored log-mel: training-set standard deviations of a bin);
        a tensor (N,) gives each clip its own.
    over : axes of the norm. ``"clip"``: all but N. ``"frame"``: all after N and time, a ball for each frame or window.
    scale : positive, broadcast to the modality's shape: a budget for each bin.
    mask : 1 where δ may live and 0 elsewhere, broadcast to the modality's shape.
    bounds : lowest and highest value of x + δ.  Where x itself lies outside, δ may only move it inwards.

    Raises
    ------
    AvlibError
        When the norm, ε, the axes, the scale, the mask or the bounds are none of these.

    >>> Threat(math.inf, 8 / 255, bounds=(0.0, 1.0)).over
    'clip'
    """

    norm: float
    eps: float | Tensor
    over: Over = "clip"
    scale: Tensor | None = None
    mask: Tensor | None = None
    bounds: Bounds | None = None

    def __post_init__(self) -> None:
        if self.norm not in (1, 2, math.inf):
            raise AvlibError(f"norm = {self.norm!r}: allowed are 1, 2 and math.inf")
        eps = torch.as_tensor(self.eps)
        if eps.dim() > 1 or not bool(((eps >= 0) & eps.isfinite()).all()):
            shown = f"{eps.min():.4g} … of shape {tuple(eps.shape)}" if eps.dim() else f"{self.eps!r}"
            raise AvlibError(f"eps = {shown}: allowed are a number ≥ 0 and a tensor (N,) of such numbers")
        if self.over not in get_args(Over):
            raise AvlibError(f"over = {self.over!r}: allowed are 'clip' and 'frame'")
        if self.scale is not None and not bool(((self.scale > 0) & self.scale.isfinite()).all()):
            raise AvlibError(f"scale has the value {float(self.scale.min())!r}: allowed are finite numbers > 0")
        if self.mask is not None and not bool(((self.mask == 0) | (self.mask == 1)).all()):
            raise AvlibError("mask has values besides 0 and 1: use scale for budgets that differ from bin to bin")
        if self.bounds is not None and not bool((torch.as_tensor(self.bounds[0] <= self.bounds[1])).all()):
            raise AvlibError("bounds: the lowest value of x + δ must not exceed the highest")
