"""Batch norms that stand still are part of their convolution."""

import contextlib
from collections.abc import Iterator
from typing import Any

import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_weights


@contextlib.contextmanager
def folded(model: nn.Module) -> Iterator[nn.Module]:
    """Fold each batch norm that follows a convolution into it, for as long as the context is open.

    With running statistics a batch norm is affine, γ·(u − μ)/√(σ² + ε) + β, so W and b of the convolution before it
    can carry it: the same function, but for rounding, in about two thirds of the time.  Afterwards every parameter
    and module is the very object that it was.  A model that is to be trained, or whose parameters are to be
    differentiated, must not be folded: it is for models that stand still (`attacking`).

    Folded are neighbours in an `nn.Sequential`, where the order of the modules is the order of the computation.

    >>> model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4)).eval()
    >>> x = torch.randn(2, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    >>> before = model(x)
    >>> with folded(model):
    ...     type(model[1]).__name__, torch.allclose(model(x), before, atol=1e-5)
    ('Identity', True)
    >>> type(model[1]).__name__, bool((model(x) == before).all())
    ('BatchNorm2d', True)
    """
    held: list[tuple[nn.Sequential, int, nn.Conv2d, nn.BatchNorm2d, Any, Any]] = []
    try:
        for sequence in [module for module in model.modules() if isinstance(module, nn.Sequential)]:
            for i in range(len(sequence) - 1):
                conv, norm = sequence[i], sequence[i + 1]
                if not (isinstance(conv, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d)):
                    continue
                mean, variance = norm.running_mean, norm.running_var
                if mean is None or variance is None:  # it has no statistics of its own: those of the batch move
                    continue
                weight, bias = conv.weight, conv.bias
                with torch.no_grad():
                    fused = fuse_conv_bn_weights(weight, bias, mean, variance, norm.eps, norm.weight, norm.bias)
                held.append((sequence, i, conv, norm, weight, bias))
                conv.weight, conv.bias = (parameter.requires_grad_(False) for parameter in fused)
                sequence[i + 1] = nn.Identity()
        yield model
    finally:
        for sequence, i, conv, norm, weight, bias in held:
            sequence[i + 1] = norm
            conv.weight, conv.bias = weight, bias
