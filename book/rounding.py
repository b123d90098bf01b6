"""Rounding noise, planted: what another processor does, on this one.

Another processor computes the same functions and rounds the last place of their values differently; training and
attacks then amplify that.  Here the last place of every sample of sound, every feature, every drawn weight, every
output of a layer that holds a matrix, and every gradient that goes back through it is drawn anew, as a function of the
number itself and of a seed: equal numbers stay equal and a run can be repeated to the bit, as on any one machine.

    AVLIB_ROUNDING=3 make test     # the test command, its kernels included, under the noise of seed 3
"""

import functools
import os
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from avlib.data.split import Split
from avlib.features import LogMel

ROOT = Path(__file__).resolve().parent.parent
INIT = [f"{law}_" for law in ("uniform", "normal", "trunc_normal")]
INIT += [f"{law}_{kind}_" for law in ("xavier", "kaiming") for kind in ("uniform", "normal")]


def environment(seed: int) -> dict[str, str]:
    """The environment in which every Python process, kernels included, plants the noise of `seed` when it starts."""
    path = [str(ROOT / "book" / "planted"), str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {"AVLIB_ROUNDING": str(seed), "PYTHONPATH": os.pathsep.join(path)}


def jitter(values: Tensor, seed: int) -> Tensor:
    """float32 `values`, one in four a last place larger, one in four smaller; others come back as they are.

    Numbers whose last 12 binary places are 0 (0, ½, 1, 20) are exact on every processor, and stay.

    >>> jitter(torch.tensor([0.0, 1.0, -0.5, torch.inf]), seed=1).tolist()
    [0.0, 1.0, -0.5, inf]
    """
    if values.dtype != torch.float32:
        return values
    bits = values.detach().contiguous().view(torch.int32)
    # Two upper bits of a product, which depend on all but the sign of the number: −2, −1, 0 or 1.
    step = (bits * _factor(seed)).bitwise_left_shift_(1).bitwise_right_shift_(30)
    step.add_(1).bitwise_right_shift_(1)  # −1, 0, 0 or 1
    step.mul_((bits & 0xFFF).ne_(0))
    return step.add_(bits).view(torch.float32)


@functools.cache
def _factor(seed: int) -> int:
    """An odd number of 31 bits."""
    return int(np.random.SeedSequence(seed).generate_state(1)[0] >> 1) | 1


class _Rounded(torch.autograd.Function):
    """`jitter` on the way forward, and on the gradient on its way back."""

    @staticmethod
    def forward(ctx, values: Tensor, seed: int) -> Tensor:
        ctx.seed = seed
        return jitter(values, seed)

    @staticmethod
    def backward(ctx, gradient: Tensor) -> tuple[Tensor, None]:
        return jitter(gradient, ctx.seed), None


@functools.cache  # planted once, however often it is asked for
def plant(seed: int) -> None:
    """Round differently from here on, until this process ends."""

    def layer(module: nn.Module, _: object, output: object) -> object:
        held = (*module._parameters.values(), *module._buffers.values())
        if all(values is None or values.dim() < 2 for values in held):  # it multiplies by no matrix
            return output
        if isinstance(output, tuple):  # a recurrent layer's
            return tuple(_rounded(part, seed) for part in output)
        return _rounded(output, seed)

    def sound(module: nn.Module, inputs: tuple) -> tuple | None:
        return (_rounded(inputs[0], seed), *inputs[1:]) if isinstance(module, LogMel) else None

    nn.modules.module.register_module_forward_hook(layer)
    nn.modules.module.register_module_forward_pre_hook(sound)
    for name in INIT:
        setattr(nn.init, name, _drawn(getattr(nn.init, name), seed))
    batch = Split.batch

    def rounded_batch(self: Split, indices: object) -> tuple[dict[str, Tensor], Tensor]:
        features, labels = batch(self, indices)
        return {name: values if _pixels(values) else jitter(values, seed) for name, values in features.items()}, labels

    Split.batch = rounded_batch


def _rounded(value: object, seed: int) -> object:
    """A float32 tensor, rounded; anything else as it is."""
    return _Rounded.apply(value, seed) if isinstance(value, Tensor) and value.dtype == torch.float32 else value


def _pixels(values: Tensor) -> bool:
    """Whether these are whole numbers over 255, which every processor divides alike."""
    return not values.is_meta and bool(((values * 255).round() / 255 == values).all())


def _drawn(init, seed: int):
    """The function `init` of `torch.nn.init`, its numbers rounded differently."""

    @functools.wraps(init)
    def rounded(tensor: Tensor, *arguments, **options) -> Tensor:
        init(tensor, *arguments, **options)
        with torch.no_grad():
            return tensor.copy_(jitter(tensor, seed))

    return rounded
