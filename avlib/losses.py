"""Losses for each clip: `(logits, labels) -> (N,)`, larger is worse for the model."""

from collections.abc import Callable

from torch import Tensor
from torch.nn import functional as F

Loss = Callable[[Tensor, Tensor], Tensor]


def bce(logits: Tensor, labels: Tensor) -> Tensor:
    """Binary cross-entropy, mean over the classes: (1/C) Σ_c softplus((1 − 2 y_c) · z_c), shape (N,).

    Equal to BCE of σ(z) where that is finite, but keeps a gradient where float32
    BCE-with-logits has none (from |z| = 17 on).  Soft labels y in [0, 1] interpolate linearly.

    >>> import torch
    >>> bce(torch.tensor([[0.0, 40.0]]), torch.tensor([[1.0, 0.0]]))
    tensor([20.3466])
    """
    return (labels * F.softplus(-logits) + (1 - labels) * F.softplus(logits)).mean(dim=1)
