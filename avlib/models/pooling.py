"""From frame logits to clip logits: five pooling functions in log space, and the head that uses them."""

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from avlib.errors import AvlibError

POOLINGS = ("max", "average", "linear", "exponential", "attention")


def log_weights(name: str, frame_logits: Tensor, attention_logits: Tensor | None = None) -> Tensor:
    """Logarithm of the weight that each frame has in its clip's probability, shape (N, T, C).

    Every pooling is a weighted mean of the frame probabilities p_t = σ(z_t), Σ_t w_t = 1:
    max puts all weight on the largest z_t (the first of equals), average has w_t = 1/T, linear softmax
    w_t ∝ p_t, exponential softmax w_t ∝ exp(p_t), attention w_t = softmax_t(a_t).

    Source: Wang, Li & Metze, ICASSP 2019, which P1 (section 3) builds on.

    Raises
    ------
    AvlibError
        When `name` is unknown, or attention has no `attention_logits`.

    >>> log_weights("linear", torch.tensor([[[0.0], [40.0]]])).exp().flatten()
    tensor([0.3333, 0.6667])
    """
    if name == "max":
        return F.one_hot(frame_logits.argmax(dim=1), frame_logits.shape[1]).transpose(1, 2).to(frame_logits).log()
    if name == "average":
        return torch.full_like(frame_logits, -math.log(frame_logits.shape[1]))
    if name == "linear":
        return F.log_softmax(F.logsigmoid(frame_logits), dim=1)
    if name == "exponential":
        return F.log_softmax(frame_logits.sigmoid(), dim=1)
    if name != "attention":
        raise AvlibError(f"pooling {name!r} is unknown; choose one of {', '.join(POOLINGS)}")
    if attention_logits is None:
        raise AvlibError("pooling 'attention' needs attention_logits, shaped as the frame logits (N, T, C)")
    return F.log_softmax(attention_logits, dim=1)


def pool(name: str, frame_logits: Tensor, attention_logits: Tensor | None = None) -> Tensor:
    """Clip logits (N, C) from frame logits z (N, T, C): the logit of Σ_t w_t σ(z_t).

    logit = LSE_t(log w_t + log σ(z_t)) − LSE_t(log w_t + log σ(−z_t)), which needs no clamp, so that it stays
    finite and keeps its gradient where σ(z) has rounded to 0 or 1.  The weights are those of `log_weights`;
    max is the largest z_t itself.

    Raises
    ------
    AvlibError
        When `name` is unknown, or attention has no `attention_logits`.

    >>> pool("average", torch.tensor([[[-200.0], [200.0]]]))
    tensor([[0.]])
    """
    if name == "max":
        return frame_logits.amax(dim=1)
    weights = log_weights(name, frame_logits, attention_logits)
    present = torch.logsumexp(weights + F.logsigmoid(frame_logits), dim=1)
    absent = torch.logsumexp(weights + F.logsigmoid(-frame_logits), dim=1)
    return present - absent


class Frames(NamedTuple):
    """What a head makes of each frame: `logits` (N, T, C), and `weights` (N, T, C) that sum to 1 over time."""

    logits: Tensor
    weights: Tensor


class Head(nn.Module):
    """Frame-wise linear classifier and a pooling over time: (N, T, d) → clip logits (N, C).

    Stands alone, so that poolings can be compared on the same frozen encodings.

    >>> Head(16, classes=3, pooling="max")(torch.zeros(2, 5, 16)).detach()
    tensor([[0., 0., 0.],
            [0., 0., 0.]])
    """

    def __init__(self, width: int, classes: int, pooling: str = "attention") -> None:
        super().__init__()
        if pooling not in POOLINGS:
            raise AvlibError(f"pooling {pooling!r} is unknown; choose one of {', '.join(POOLINGS)}")
        self.pooling = pooling
        self.event = _linear(width, classes)
        self.attention = _linear(width, classes) if pooling == "attention" else None

    def forward(self, encoding: Tensor) -> Tensor:
        return pool(self.pooling, *self._logits(encoding))

    def frames(self, encoding: Tensor) -> Frames:
        """Frame logits, and the weight of every frame in the probability of its clip."""
        logits, attention = self._logits(encoding)
        return Frames(logits, log_weights(self.pooling, logits, attention).exp())

    def pooled(self, encoding: Tensor) -> Tensor:
        """One vector a clip, (N, d): the frames under their attention, averaged over the classes; else their mean."""
        if self.attention is None:
            return encoding.mean(dim=1)
        weights = self.frames(encoding).weights.mean(dim=2, keepdim=True)  # (N, T, 1)
        return (weights * encoding).sum(dim=1)

    def _logits(self, encoding: Tensor) -> tuple[Tensor, Tensor | None]:
        z = _full(self.event(encoding))  # (N, T, d) -> (N, T, C)
        return z, None if self.attention is None else _full(self.attention(encoding))


def _full(logits: Tensor) -> Tensor:
    """At least float32: half precision would lose the difference of two logarithms in `pool`."""
    return logits.to(torch.promote_types(logits.dtype, torch.float32))


def _linear(width: int, classes: int) -> nn.Linear:
    layer = nn.Linear(width, classes)
    nn.init.xavier_uniform_(layer.weight)
    nn.init.zeros_(layer.bias)
    return layer
