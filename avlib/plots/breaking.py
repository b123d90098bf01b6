"""Figures of the chapter on breaking a model."""

import math
from collections.abc import Mapping

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from matplotlib.figure import Figure
from matplotlib.patches import Circle, Polygon, Rectangle
from matplotlib.ticker import MaxNLocator
from torch import Tensor

from avlib.attacks.geometry import project
from avlib.plots.spectrogram import spectrogram
from avlib.plots.style import COLOURS, DIVERGING, INK, LINES, MARKERS

NORM_NAMES = {1.0: "ℓ1", 2.0: "ℓ2", math.inf: "ℓ∞"}


def flipped_by_radius(radii: Mapping[float, Tensor], found: pd.DataFrame) -> tuple[Figure, pd.DataFrame]:
    """Share of decisions within reach of ε: lines from the closed-form `radii` of each norm, marks where PGD was run.

    `found` has the columns norm, epsilon, flipped.
    """
    figure, axis = plt.subplots()
    for (norm, radius), colour, line, marker in zip(radii.items(), COLOURS, LINES, MARKERS, strict=False):
        reach = np.sort(radius.cpu().numpy())
        share = np.arange(1, len(reach) + 1) / len(reach)
        axis.step(
            reach, share, where="post", color=colour, linestyle=line, marker="", label=f"{NORM_NAMES[norm]}, formula"
        )
        mine = found[found["norm"] == norm]
        axis.plot(
            mine["epsilon"],
            mine["flipped"],
            linestyle="",
            marker=marker,
            color=colour,
            label=f"{NORM_NAMES[norm]}, PGD",
        )
    axis.set(
        xscale="log", xlabel="radius ε (z-units, over the clip)", ylabel="share of decisions flipped", ylim=(0, 1.03)
    )
    axis.legend(ncols=3, loc="upper left", bbox_to_anchor=(0, 1.25))
    return figure, found


def projections(points: Tensor) -> tuple[Figure, pd.DataFrame]:
    """Each of `points` (P, 2) and where the projection onto the unit ball of each norm puts it."""
    figure, axes = plt.subplots(1, 3, figsize=(7.2, 2.7), sharex=True, sharey=True)
    corners = np.array([[1, 0], [0, 1], [-1, 0], [0, -1]])
    balls = [Polygon(corners), Circle((0, 0), 1), Rectangle((-1, -1), 2, 2)]
    rows = []
    for axis, norm, ball in zip(axes, NORM_NAMES, balls, strict=True):
        ball.set(facecolor=COLOURS[0], alpha=0.25, edgecolor=COLOURS[0], linewidth=1.5)
        axis.add_patch(ball)
        ends = project(points, norm)
        for (x, y), (u, v) in zip(points.tolist(), ends.tolist(), strict=True):
            axis.annotate("", (u, v), (x, y), arrowprops={"arrowstyle": "->", "color": INK})
            rows.append({"norm": NORM_NAMES[norm], "x": x, "y": y, "to_x": u, "to_y": v})
        axis.plot(points[:, 0], points[:, 1], linestyle="", marker="o", color=COLOURS[1])
        axis.plot(ends[:, 0], ends[:, 1], linestyle="", marker="s", color=COLOURS[2])
        axis.set(title=f"{NORM_NAMES[norm]} ball", aspect="equal", xlim=(-2.1, 2.1), ylim=(-2.1, 2.1))
    return figure, pd.DataFrame(rows)


def loss_by_step(
    histories: Mapping[str, Tensor], ylabel: str = "loss, mean over the clips"
) -> tuple[Figure, pd.DataFrame]:
    """Mean loss after each step, a line for each attack; `histories` holds (N, steps + 1)."""
    figure, axis = plt.subplots()
    drawn = pd.DataFrame({label: history.mean(dim=0).cpu().numpy() for label, history in histories.items()})
    for (label, values), colour, line in zip(drawn.items(), COLOURS, LINES, strict=False):
        axis.plot(values.index, values, color=colour, linestyle=line, marker="", label=label)
    axis.set(xlabel="gradient steps", ylabel=ylabel)
    axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    axis.legend()
    return figure, drawn


def before_and_after(clean: Tensor, delta: Tensor, seconds: float) -> tuple[Figure, dict[str, Tensor]]:
    """A clip (T, F), what was added to it, and the sum; the clip and the sum share their colours."""
    figure, axes = plt.subplots(1, 3, figsize=(7.2, 2.8), sharey=True)
    low, high = float(clean.min()), float(clean.max())
    limit = float(delta.abs().max()) or 1.0
    spectrogram(axes[0], clean, seconds, vmin=low, vmax=high)
    middle = spectrogram(axes[1], delta, seconds, cmap=DIVERGING, vmin=-limit, vmax=limit)
    right = spectrogram(axes[2], clean + delta, seconds, vmin=low, vmax=high)
    for axis, title in zip(axes, ("clean x", "perturbation δ", "perturbed x + δ"), strict=True):
        axis.set(title=title, xlabel="seconds")
    axes[0].set_ylabel("mel bin")
    figure.colorbar(middle, ax=axes[1], shrink=0.8)
    figure.colorbar(right, ax=axes[2], shrink=0.8, label="z-units")
    return figure, {"clean": clean, "delta": delta}


def strength(table: pd.DataFrame, measure: str, clean: float) -> tuple[Figure, pd.DataFrame]:
    """`measure` against ε for each attack; `table` has attack, epsilon and value, low, high of the measure."""
    figure, axis = plt.subplots()
    for (attack, rows), colour, line, marker in zip(
        table.groupby("attack", sort=False), COLOURS, LINES, MARKERS, strict=False
    ):
        errors = [rows["value"] - rows["low"], rows["high"] - rows["value"]]
        axis.errorbar(
            rows["epsilon"], rows["value"], errors, color=colour, linestyle=line, marker=marker, capsize=3, label=attack
        )
    axis.axhline(clean, color=INK, linewidth=1, linestyle=":")
    axis.annotate(" clean", (1, clean), xycoords=("axes fraction", "data"), va="center", color=INK)
    axis.set(xscale="log", xlabel="radius ε", ylabel=measure)
    axis.set_xticks(
        sorted(table["epsilon"].unique()), [f"{e:g}" for e in sorted(table["epsilon"].unique())], minor=False
    )
    axis.minorticks_off()
    axis.legend(loc="upper left", bbox_to_anchor=(0, 1.2), ncols=3)
    return figure, table


def demo_points() -> Tensor:
    """Six points outside all three unit balls or near them, for `projections`."""
    return torch.tensor([[1.7, 0.4], [1.2, 1.5], [-0.4, 1.8], [-1.6, -0.9], [0.5, -1.4], [-0.3, 0.4]])
