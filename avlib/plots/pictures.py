"""Figures of what is seen, and of what was done to it."""

import itertools

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.figure import Figure
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from avlib.plots.style import SEQUENTIAL

SIDE, SHOWN = 32, 4  # pixels of a small picture, and how many stand side by side


def filmstrips(pixels: Tensor, delta: Tensor, gain: float, shown: int = 8) -> tuple[Figure, dict[str, Tensor]]:
    """Frames of a clip (W, k, 3, H, W′) in [0, 1], δ `gain` times enlarged about grey, and their sum: a strip each."""
    clean, moved = (x.flatten(0, 1).cpu() for x in (pixels, delta))  # (W·k, 3, H, W′)
    picks = torch.linspace(0, len(clean) - 1, shown).round().long()
    drawn = {"clean": clean[picks], "δ": moved[picks], "sum": (clean + moved)[picks]}
    figure, axes = plt.subplots(len(drawn), 1, figsize=(7.2, 3))
    titles = ["clean", f"δ × {gain:.0f}", "clean + δ"]
    for axis, title, values in zip(axes, titles, drawn.values(), strict=True):
        strip = 0.5 + gain * values if title.startswith("δ") else values
        axis.imshow(torch.cat(list(strip.clamp(0, 1)), dim=2).permute(1, 2, 0).numpy())
        axis.set_title(title, loc="left", fontsize="small")
        axis.set_axis_off()
    return figure, drawn


def thumbnail(frames: Tensor, levels: Tensor) -> NDArray[np.float64]:
    """A clip as a small image (H, W, 3) in [0, 1]: four of its `frames` (M, 3, H′, W′), if any, above `levels` (T, F).

    Of each quarter of the film that frame is shown which differs most from the median, which is what stands still.

    >>> thumbnail(torch.rand(10, 3, 16, 16), torch.rand(100, 64)).shape
    (96, 128, 3)
    >>> thumbnail(torch.rand(0, 3, 16, 16), torch.rand(9, 64)).shape
    (64, 128, 3)
    """
    width = SHOWN * SIDE
    columns = torch.linspace(0, len(levels) - 1, width).round().long()
    rows = torch.linspace(levels.shape[1] - 1, 0, 2 * SIDE).round().long()  # high pitch above
    values = levels[columns][:, rows].T.double().numpy()
    values = (values - values.min()) / max(float(np.ptp(values)), 1e-9)
    drawn = mpl.colormaps[SEQUENTIAL](values)[..., :3]
    if not len(frames):
        return drawn
    small = F.interpolate(frames.double(), size=(SIDE, SIDE), mode="area")
    away = (small - small.median(dim=0).values).square().mean(dim=(1, 2, 3))
    small = torch.stack([part[far.argmax()] for part, far in zip(_quarters(small), _quarters(away), strict=True)])
    return np.concatenate([torch.cat(list(small), dim=2).permute(1, 2, 0).numpy().clip(0, 1), drawn])


def _quarters(values: Tensor) -> list[Tensor]:
    """`values` in four parts, none of them empty: of a film of less than four frames, some stand twice."""
    ends = [round(part * len(values) / SHOWN) for part in range(SHOWN + 1)]
    return [values[min(first, len(values) - 1) : max(last, first + 1)] for first, last in itertools.pairwise(ends)]
