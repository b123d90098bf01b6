"""On-the-fly gradient modulation: the sense that is ahead is slowed down."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from avlib.errors import AvlibError
from avlib.losses import bce
from avlib.models.tagger import Tagger


@dataclass(frozen=True)
class Modulated:
    """`MeanBCE`; the branch that tells more of the labels gets smaller gradients, and both get noisy ones: OGM-GE.

    What a sense tells by itself is s_k = Σ_i Σ_c y_ic σ(z_ic), of the logits that the model gives when the encoding of
    the other sense is 0.  With ρ_k = s_k / s_other, the weights of branch k receive

        g_k ← κ_k g_k + h,  κ_k = 1 − tanh(α ρ_k) where ρ_k > 1, else 1,  h ~ N(0, σ²),

    σ being the deviation of the entries of each g_k before it is made smaller.  `alpha` = 0 leaves the noise alone.
    Source: Peng et al., CVPR 2022, equations 9, 10 and 13; and the released code for h, and for σ of each tensor.
    There one clip has one class, and z is of a linear classifier on both encodings side by side.

    Raises
    ------
    AvlibError
        For a negative `alpha`; `of`, for a model that does not have two senses.
    """

    alpha: float = 0.1

    def __post_init__(self) -> None:
        if not 0 <= self.alpha < float("inf"):
            raise AvlibError(f"Modulated: alpha={self.alpha} is not allowed; it must not be negative")

    def of(self, model: nn.Module, classes: int) -> nn.Module:
        if not isinstance(model, Tagger) or len(model.modalities) != 2:
            raise AvlibError(f"Modulated compares the two senses of a tagger, which {type(model).__name__} has not")
        return _Modulated(model, self.alpha)


class _Scale(torch.autograd.Function):
    """The identity, whose gradient leaves `factor` times as large."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, factor: Tensor) -> Tensor:
        ctx.factor = factor
        return x.view_as(x)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        return gradient * ctx.factor, None


class _Modulated(nn.Module):
    def __init__(self, model: Tagger, alpha: float) -> None:
        super().__init__()
        self.model, self.alpha = model, alpha

    def forward(self, batch: Mapping[str, Tensor], labels: Tensor) -> Tensor:
        encodings = self.model.encode(batch)
        factors = self._factors(encodings, labels)
        for name, factor in factors.items():
            for weight in self.model.branches[name].parameters():
                _once(weight, factor)
        slowed = {name: _Scale.apply(encoding, factors[name]) for name, encoding in encodings.items()}
        return bce(self.model.classify(slowed), labels).mean()

    @torch.no_grad()
    def _factors(self, encodings: Mapping[str, Tensor], labels: Tensor) -> dict[str, Tensor]:
        """κ of each sense."""
        told = {}
        for name in encodings:
            alone = {other: code if other == name else torch.zeros_like(code) for other, code in encodings.items()}
            told[name] = (labels * self.model.classify(alone).sigmoid()).sum()
        (first, a), (second, b) = told.items()
        ratios = {first: a / b, second: b / a}
        return {name: torch.where(r > 1, 1 - torch.tanh(self.alpha * r), 1.0) for name, r in ratios.items()}


def _once(weight: Tensor, factor: Tensor) -> None:
    """Add noise to the next gradient of `weight`, as large as it was before `factor`, and to none after it."""

    def noisy(gradient: Tensor) -> Tensor:
        handle.remove()
        return gradient + torch.randn_like(gradient) * (gradient.std(correction=0) / factor)

    handle = weight.register_hook(noisy)
