"""The one place that decides on which device things are computed, and that brings them there."""

import platform
from collections.abc import Mapping

import torch
from torch import Tensor, nn


def device() -> torch.device:
    """The device of this machine: an NVIDIA (or ROCm) GPU, else Apple's, else the CPU.

    Apple's ("mps") has no float64: what needs it goes to the CPU first, ``x.cpu().double()``.  Generators live on the
    CPU everywhere, so that the same seed draws the same numbers on every device.
    """
    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")


def title(place: torch.device) -> str:
    """What a person calls the device `place`.

    >>> title(torch.device("mps"))
    'Apple GPU'
    """
    if place.type == "cuda":
        return torch.cuda.get_device_name(place)
    return "Apple GPU" if place.type == "mps" else f"CPU ({platform.machine()})"


def home(model: nn.Module) -> torch.device:
    """The device that `model` lies on, by its first parameter or buffer; the CPU when it has neither.

    >>> home(nn.Flatten())
    device(type='cpu')
    """
    for tensors in (model.parameters(), model.buffers()):
        for tensor in tensors:
            return tensor.device
    return torch.device("cpu")


def bring(place: torch.device | str, batch: Mapping[str, Tensor], labels: Tensor) -> tuple[dict[str, Tensor], Tensor]:
    """A batch and its labels on the device `place`; what lies there already is not copied."""
    return {name: x.to(place) for name, x in batch.items()}, labels.to(place)
