"""Figures of what is seen, and of what was done to it."""

import matplotlib.pyplot as plt
import torch
from matplotlib.figure import Figure
from torch import Tensor


def filmstrips(pixels: Tensor, delta: Tensor, gain: float, shown: int = 8) -> tuple[Figure, dict[str, Tensor]]:
    """Frames of one clip (W, k, 3, H, W′) in [0, 1], δ `gain` times enlarged about grey, and their sum."""
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
