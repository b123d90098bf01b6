"""What a training descends: the loss of a batch, as a module, so that it may have weights of its own."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import pandas as pd
import torch
from torch import Tensor, nn

from avlib.errors import AvlibError
from avlib.losses import bce
from avlib.models.pooling import Head
from avlib.models.tagger import Tagger

JOINT = "joint"


class Objective(Protocol):
    """A frozen dataclass of plain values that a `Recipe` can name."""

    def of(self, model: nn.Module, classes: int) -> nn.Module:
        """A module whose forward (batch, labels) is the loss, a scalar, and whose weights are trained."""


@dataclass(frozen=True)
class MeanBCE:
    """The mean binary cross-entropy over clips and classes."""

    def of(self, model: nn.Module, classes: int) -> nn.Module:
        return _MeanBCE(model)


PLAIN = MeanBCE()


@dataclass(frozen=True)
class EqualGradients:
    """`MeanBCE`, with the gradient that each encoding receives brought to the mean of their norms.

    g_k ← g_k · (1/K Σ_j ‖g_j‖) / ‖g_k‖, over the batch, so that no modality of K learns only because it is louder.
    Source: P1, section 3.3, which says that gradients are normalised before fusion, and not how.
    """

    def of(self, model: nn.Module, classes: int) -> nn.Module:
        return _EqualGradients(_several(model, type(self).__name__))


@dataclass(frozen=True)
class GradientBlending:
    """Σ_k w_k L_k over a head on each encoding and the joint head: each sense must also tag by itself.

    `weights` : (name, w) of each modality and of "joint", as `blending_weights` estimates them.
    Source: Wang, Tran & Feiszli, CVPR 2020, section 3.
    """

    weights: tuple[tuple[str, float], ...]

    def of(self, model: nn.Module, classes: int) -> nn.Module:
        return _Blended(_several(model, type(self).__name__), classes, dict(self.weights))


def blending_weights(histories: Mapping[str, pd.DataFrame]) -> tuple[tuple[str, float], ...]:
    """w_k ∝ ΔG_k / ΔO_k², from the first to the last epoch of each training, Σ w_k = 1.

    G is the loss on clips that were held out, and ΔG what it fell by; O is the gap between it and the training loss,
    and ΔO what that grew by.  One that generalises no better in the end (ΔG ≤ 0) has no weight; a gap that did not
    grow counts as the smallest that did, so that nothing is divided by 0.

    histories : for each modality and "joint" the history of a training, as `avlib.training.trained` gives it, on a part
    of the training split, whose other part was its validation.
    Source: Wang, Tran & Feiszli, CVPR 2020, equation 5.

    Raises
    ------
    AvlibError
        When a history has fewer than two epochs, or the loss of none fell.

    >>> rows = lambda *losses: pd.DataFrame(losses, columns=["train_loss", "valid_loss"])
    >>> blending_weights({"audio": rows((1, 1), (0.5, 0.6)), "video": rows((1, 1), (0.5, 0.7))})
    (('audio', 0.842), ('video', 0.158))
    """
    if short := [name for name, history in histories.items() if len(history) < 2]:
        raise AvlibError(
            f"gradient blending compares the first epoch with the last: {', '.join(short)} has fewer than two"
        )
    fell, grew = {}, {}
    for name, history in histories.items():
        first, last = history.iloc[0], history.iloc[-1]
        fell[name] = max(0.0, first.valid_loss - last.valid_loss)
        grew[name] = (last.valid_loss - last.train_loss) - (first.valid_loss - first.train_loss)
    positive = [gap for gap in grew.values() if gap > 0]
    least = min(positive, default=1.0)
    raw = {name: fell[name] / max(least, grew[name]) ** 2 for name in histories}
    if not sum(raw.values()):
        raise AvlibError(
            f"gradient blending: the held-out loss of {', '.join(histories)} did not fall: train for longer"
        )
    return tuple((name, round(float(value) / float(sum(raw.values())), 3)) for name, value in raw.items())


class _MeanBCE(nn.Module):
    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, batch: Mapping[str, Tensor], labels: Tensor) -> Tensor:
        return bce(self.model(batch), labels).mean()


class _Equal(torch.autograd.Function):
    """The identity, whose gradients leave with one norm: the mean of those that they came with."""

    @staticmethod
    def forward(ctx: Any, *encodings: Tensor) -> tuple[Tensor, ...]:
        return tuple(encoding.view_as(encoding) for encoding in encodings)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, ...]:
        norms = torch.stack([gradient.norm() for gradient in gradients])
        scales = norms.mean() / norms.clamp_min(torch.finfo(norms.dtype).tiny)
        return tuple(gradient * scale for gradient, scale in zip(gradients, scales, strict=True))


class _EqualGradients(nn.Module):
    def __init__(self, model: Tagger) -> None:
        super().__init__()
        self.model = model

    def forward(self, batch: Mapping[str, Tensor], labels: Tensor) -> Tensor:
        encodings = self.model.encode(batch)
        equal = dict(zip(encodings, _Equal.apply(*encodings.values()), strict=True))
        return bce(self.model.classify(equal), labels).mean()


class _Blended(nn.Module):
    def __init__(self, model: Tagger, classes: int, weights: Mapping[str, float]) -> None:
        super().__init__()
        needed = {*model.modalities, JOINT}
        if weights.keys() != needed or not all(0 <= weight < float("inf") for weight in weights.values()):
            raise AvlibError(f"gradient blending: weights {dict(weights)}: needed is one, not negative, for each of "
                             f"{', '.join(sorted(needed))}")  # fmt: skip
        self.model, self.weights = model, dict(weights)
        self.heads = nn.ModuleDict({name: Head(branch.width, classes) for name, branch in model.branches.items()})

    def forward(self, batch: Mapping[str, Tensor], labels: Tensor) -> Tensor:
        encodings = self.model.encode(batch)
        loss = self.weights[JOINT] * bce(self.model.classify(encodings), labels).mean()
        for name, head in self.heads.items():
            loss = loss + self.weights[name] * bce(head(encodings[name]), labels).mean()
        return loss


def _several(model: nn.Module, who: str) -> Tagger:
    if not isinstance(model, Tagger) or len(model.modalities) < 2:
        raise AvlibError(f"{who} needs a tagger of two modalities or more, not {type(model).__name__}")
    return model
