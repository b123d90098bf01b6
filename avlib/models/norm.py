"""Batch norm of few channels, without the detour that torch takes on CPUs."""

import torch
from torch import Tensor, nn

LANES = 8  # channels that torch's kernel normalises at once; with fewer it goes number by number


class BatchNorm(nn.BatchNorm2d):
    """`nn.BatchNorm2d` with its default options; while training on a CPU, fewer than eight channels take a quarter.

    On maps (N, C, T, F) that lie in memory channels last, all F·C numbers of a frame are treated as one row, so that
    every operation runs along memory.  The same function, but for rounding: y = γ·(x − μ)/√(σ² + ε) + β, μ and σ² of
    the batch over (N, T, F), and running averages of both.  Gradients are of first order only.

    >>> x = torch.randn(8, 2, 5, 4, generator=torch.Generator().manual_seed(0))
    >>> torch.allclose(BatchNorm(2)(x), nn.BatchNorm2d(2)(x), atol=1e-6)
    True
    """

    def __init__(self, channels: int) -> None:
        super().__init__(channels)

    def forward(self, x: Tensor) -> Tensor:
        narrow = self.num_features < LANES and x.dtype == self.weight.dtype  # not so under mixed precision
        if not (self.training and x.is_cpu and narrow):
            return super().forward(x)
        y, mean, variance = _Normalised.apply(x, self.weight, self.bias, self.eps)
        count = x.numel() / self.num_features
        with torch.no_grad():
            self.num_batches_tracked.add_(1)  # type: ignore[union-attr]
            self.running_mean.lerp_(mean, self.momentum)  # type: ignore[union-attr, arg-type]
            unbiased = variance * count / max(1, count - 1)
            self.running_var.lerp_(unbiased, self.momentum)  # type: ignore[union-attr, arg-type]
        return y


class _Normalised(torch.autograd.Function):
    """y, μ and σ² of maps (N, C, T, F)."""

    @staticmethod
    def forward(ctx, x: Tensor, weight: Tensor, bias: Tensor, eps: float) -> tuple[Tensor, Tensor, Tensor]:  # type: ignore[no-untyped-def]
        bins, count = x.shape[3], x.numel() / x.shape[1]
        rows = _rows(x)
        mean = _summed(rows, bins) / count
        centred = rows - mean.repeat(bins)
        variance = _summed(centred.square(), bins) / count
        inverse = (variance + eps).rsqrt()
        y = torch.empty_like(x, memory_format=torch.channels_last)
        torch.addcmul(bias.repeat(bins), centred, (weight * inverse).repeat(bins), out=_rows(y))
        ctx.save_for_backward(centred, weight, inverse)
        ctx.mark_non_differentiable(mean, variance)
        return y, mean, variance

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, slope: Tensor, *_: Tensor) -> tuple[Tensor, Tensor, Tensor, None]:  # type: ignore[no-untyped-def]
        # ∂L/∂x = γ/√(σ² + ε) · (g − mean(g) − (x − μ)·mean(g·(x − μ))/(σ² + ε))   (Ioffe & Szegedy 2015)
        centred, weight, inverse = ctx.saved_tensors
        bins, count = slope.shape[3], slope.numel() / slope.shape[1]
        rows = _rows(slope)
        total = _summed(rows, bins)
        along = _summed(rows * centred, bins)
        scale = weight * inverse
        moved = torch.empty_like(slope, memory_format=torch.channels_last)
        parts = (-scale * total / count, scale, -scale * inverse.square() * along / count)
        shift, keep, back = (part.repeat(bins) for part in parts)
        torch.addcmul(shift, rows, keep, out=_rows(moved)).addcmul_(centred, back)
        return moved, along * inverse, total, None


def _rows(x: Tensor) -> Tensor:
    """(N, C, T, F) → (N·T, F·C), a view where the channels lie last."""
    return x.permute(0, 2, 3, 1).reshape(-1, x.shape[3] * x.shape[1])


def _summed(rows: Tensor, bins: int) -> Tensor:
    """Sum of each channel, (C,)."""
    return rows.sum(dim=0).unflatten(0, (bins, -1)).sum(dim=0)
