"""The universal update of the papers' released code, derived again from what it does, to be compared and taken apart.

Nothing in the book's own results uses it.  What it leaves out is the projection of the δ that it accumulates: each
batch adds the mean of Π_ε(δ + step) to δ, so that the increment, and not δ, has the size ε.  ‖δ‖ grows by up to ε a
pass, to some 16–19 ε after the twenty passes that the papers' runs took.
"""

import math
from dataclasses import replace

import pandas as pd
import torch
from torch import Tensor, nn

from avlib.attacks import geometry
from avlib.attacks.attacking import attacking
from avlib.attacks.clips import Clips, evenly
from avlib.attacks.perturbation import Perturbation
from avlib.clock import spent
from avlib.data.split import Split
from avlib.errors import AvlibError
from avlib.losses import bce, whole


def fit_released(
    model: nn.Module,
    split: Split,
    *,
    norm: float,
    eps: float,
    modality: str,
    passes: int,
    batch_size: int,
    step_size: float = 0.1,
    rescale: bool = True,
    projected: bool = False,
    generator: torch.Generator | None = None,
) -> Perturbation:
    """δ ← δ + (B / |D|) · mean_i Π_ε(clamp(x_i + δ) − x_i + step_i), batch by batch.

    The reading of P1, eq. 1 and P2, eq. 2 in the code released with them; ascent on BCE, norms over a frame.

    step_i : α·sign(g) for ℓ∞, α·g / ‖g‖₂ in each frame for ℓ2 (here 0, there NaN, where g is 0).
    Π_ε : for ℓ∞ a clamp.  For ℓ2, a clip whose *whole* norm is at most ε is left alone, and otherwise *every* frame is
        rescaled to exactly ε, upwards too.  With `rescale` = False it is the true projection of each frame.
    clamp : to the lowest and highest feature of the split; while fitting only, not when δ is applied.

    Parameters
    ----------
    norm, eps : ``math.inf`` or 2, and the ε that such a run would be said to have.
    step_size : α in units of ε (.01 / .1 in most of the released runs).
    modality : the one that is attacked.
    projected : bring the accumulated δ back into the ball of ε a frame after each update, as the equations say.

    Returns
    -------
    The δ after the last pass.  Its history has the mean loss on a quarter of the split (evenly spaced) and ‖δ‖ / ε,
    the largest over the frames, before the first pass and after each.

    Raises
    ------
    AvlibError
        When the norm is neither 2 nor inf, a number is out of range, or the loss is not finite.
    """
    if norm not in (2, math.inf):
        raise AvlibError(f"norm = {norm!r}: the released code knows 2 and math.inf")
    if eps <= 0 or step_size <= 0 or passes < 1 or batch_size < 1:
        raise AvlibError(
            f"eps = {eps!r}, step_size = {step_size!r}, passes = {passes!r}, batch_size = {batch_size!r}: "
            "all must be positive"
        )
    clips = Clips(model, split, batch_size)
    held = evenly(len(split), 0.25)
    low, high = _range(clips, modality)
    delta = torch.zeros_like(clips.read(torch.tensor([0]))[0][modality])

    def row(number: int) -> dict[str, float]:
        frames = geometry.norms(delta.flatten(2) / eps, norm)
        loss = clips.mean_loss(held, Perturbation({modality: delta}), bce)
        return {"pass": number, "loss": loss, f"ratio_{modality}": float(frames.max())}

    with spent("attacks"), attacking(model) as model:
        clips = replace(clips, model=model)
        history = [row(0)]
        for number in range(1, passes + 1):
            for indices in clips.order(generator):
                batch, labels = clips.read(indices)
                x = batch[modality]
                moved = (x + delta).clamp(low, high)
                w = ((moved - x).flatten(2) / eps) + step_size * _direction(model, batch, modality, moved, labels, norm)
                w = _rescaled(w) if rescale and norm == 2 else geometry.project(w, norm)
                delta = delta + (eps * w.mean(dim=0) * (len(indices) / len(split))).reshape(delta.shape)
                if projected:
                    delta = (eps * geometry.project(delta.flatten(2) / eps, norm)).reshape(delta.shape)
            history.append(row(number))
            if not all(map(math.isfinite, history[-1].values())):
                raise AvlibError(f"pass {number}: the loss on {modality!r} + δ or ‖δ‖ is not finite")
    frame = pd.DataFrame(history).astype({"pass": int})
    return Perturbation({modality: delta}, {modality: float(frame[f"ratio_{modality}"].iloc[-1])}, {}, frame, passes)


def _direction(
    model: nn.Module, batch: dict[str, Tensor], modality: str, moved: Tensor, labels: Tensor, norm: float
) -> Tensor:
    leaf = moved.detach().requires_grad_()
    with torch.enable_grad():
        (gradient,) = torch.autograd.grad(bce(whole(model({**batch, modality: leaf})), labels).sum(), leaf)
    return geometry.steepest(gradient.flatten(2), norm)


def _rescaled(w: Tensor) -> Tensor:
    whole = torch.linalg.vector_norm(w, dim=(1, 2), keepdim=True)
    frames = geometry.norms(w, 2).clamp_min(torch.finfo(w.dtype).tiny)
    return torch.where(whole <= 1, w, w / frames)


def _range(clips: Clips, modality: str) -> tuple[float, float]:
    extremes = [clips.read(indices)[0][modality].aminmax() for indices in clips.order(None)]
    return min(float(e.min) for e in extremes), max(float(e.max) for e in extremes)
