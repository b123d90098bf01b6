"""Figures of the chapter on breaking a model."""

import math
from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle, Polygon, Rectangle
from matplotlib.patheffects import withStroke
from matplotlib.ticker import FormatStrFormatter, MaxNLocator
from torch import Tensor

from avlib.attacks.geometry import project
from avlib.attacks.landscape import HALF, UNIT, Landscape
from avlib.plots.spectrogram import spectrogram
from avlib.plots.style import COLOURS, DIVERGING, INK, LINES, MARKERS, SEQUENTIAL

NORM_NAMES = {1.0: "ℓ1", 2.0: "ℓ2", math.inf: "ℓ∞"}
OUTLINE = [withStroke(linewidth=1.5, foreground="black")]


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


def loss_by_step(histories: Mapping[str, Tensor], steps: int) -> tuple[Figure, pd.DataFrame]:
    """Mean over the clips of the largest loss so far, a line for each search, with a mark after `steps` of its steps.

    `histories` holds (N, all steps + 1).
    """
    figure, axis = plt.subplots()
    drawn = pd.DataFrame({name: h.cummax(dim=1).values.mean(dim=0).cpu().numpy() for name, h in histories.items()})
    for (name, values), colour, line, marker in zip(drawn.items(), COLOURS, LINES, MARKERS, strict=False):
        # A logarithmic axis has no 0: the start is a line of its own.
        axis.plot(
            values[1:], color=colour, linestyle=line, marker=marker, markevery=[steps - 1], markersize=7, label=name
        )
    _level(axis, drawn.iloc[0].mean(), "clean")
    axis.axvline(steps, color=INK, linewidth=0.8, alpha=0.6)
    axis.annotate(f"{steps} steps", (steps, 1), xycoords=("data", "axes fraction"), va="bottom", ha="center", color=INK)
    axis.set(xscale="log", xlabel="gradient steps", ylabel="largest loss so far, mean")
    axis.xaxis.set_major_formatter(FormatStrFormatter("%d"))
    axis.legend(loc="upper left")
    return figure, drawn


def before_and_after(
    clean: Tensor, delta: Tensor, seconds: float, answers: Sequence[str]
) -> tuple[Figure, dict[str, Tensor]]:
    """A clip (T, F), what was added to it, and the sum, which shares its colours; under each the tagger's answer."""
    figure, axes = plt.subplots(1, 3, figsize=(7.2, 3.2), sharey=True)
    low, high = float(clean.min()), float(clean.max())
    limit = float(delta.abs().max()) or 1.0
    spectrogram(axes[0], clean, seconds, vmin=low, vmax=high)
    middle = spectrogram(axes[1], delta, seconds, cmap=DIVERGING, vmin=-limit, vmax=limit)
    right = spectrogram(axes[2], clean + delta, seconds, vmin=low, vmax=high)
    for axis, title, answer in zip(axes, ("clean x", "perturbation δ", "perturbed x + δ"), answers, strict=True):
        axis.set(title=title, xlabel=f"seconds\n{answer}")
    axes[0].set_ylabel("mel bin")
    figure.colorbar(middle, ax=axes[1], shrink=0.8, ticks=MaxNLocator(4), format="%g")
    figure.colorbar(right, ax=axes[2], shrink=0.8, label="z-units")
    return figure, {"clean": clean, "delta": delta}


def loss_map(seen: Landscape) -> tuple[Figure, dict[str, Tensor]]:
    """Loss of a clip along the δ of PGD (to the right) and a random δ (upwards), the ball, and the search's path."""
    figure, axis = plt.subplots(figsize=(7.2, 3.8))
    ticks = np.arange(-HALF, HALF + 1) / UNIT
    levels = axis.contourf(ticks, ticks, seen.loss.cpu().numpy(), levels=14, cmap=SEQUENTIAL)
    axis.contour(ticks, ticks, seen.size.cpu().numpy(), levels=[1.0], colors="white", linestyles="--", linewidths=1.5)
    across, up = zip((0.0, 0.0), *seen.path, strict=True)
    axis.plot(across, up, color="white", linestyle="-", marker="o", markersize=4, markeredgecolor="black")
    for (x, y), name in (((0, 0), "clean"), ((1, 0), "PGD"), ((0, 1), "noise")):
        axis.plot(x, y, linestyle="", marker="o", color="white", markeredgecolor="black", markersize=7)
        axis.annotate(
            name, (x, y), (0, 8), textcoords="offset points", ha="center", color="white", path_effects=OUTLINE
        )
    axis.set(xlabel="along the δ of PGD", ylabel="along a random δ", aspect="equal")
    figure.colorbar(levels, cax=axis.inset_axes((1.05, 0, 0.05, 1)), label="loss")  # as high as the map on a phone too
    return figure, {"loss": seen.loss, "size": seen.size}


def strength(table: pd.DataFrame, measure: str, levels: Mapping[str, float]) -> tuple[Figure, pd.DataFrame]:
    """`measure` against ε for each attack; `table` has attack, epsilon and value, low, high of the measure.

    `levels` are named heights to compare with, such as the clean value and chance.  At each ε the attacks stand side
    by side, so that no interval hides another.
    """
    figure, axis = plt.subplots()
    groups = list(table.groupby("attack", sort=False))
    for place, ((attack, rows), colour, line, marker) in enumerate(zip(groups, COLOURS, LINES, MARKERS, strict=False)):
        aside = 1.035 ** (place - (len(groups) - 1) / 2)
        errors = [(rows["value"] - rows["low"]).clip(lower=0), (rows["high"] - rows["value"]).clip(lower=0)]
        axis.errorbar(
            rows["epsilon"] * aside,
            rows["value"],
            errors,
            color=colour,
            linestyle=line,
            marker=marker,
            capsize=2,
            label=attack,
        )
    for name, height in levels.items():
        _level(axis, height, name)
    radii = sorted(table["epsilon"].unique())
    axis.set(xscale="log", xlabel="radius ε", ylabel=measure)
    axis.set_xticks(radii[::-2], [f"{e:.2g}" for e in radii[::-2]], minor=False)
    axis.minorticks_off()
    axis.legend(loc="upper left", bbox_to_anchor=(0, 1.2), ncols=3)
    return figure, table


def _level(axis: Axes, height: float, name: str) -> None:
    """A dotted line across `axis` with its name at the right end."""
    axis.axhline(height, color=INK, linewidth=1, linestyle=":")
    axis.annotate(f" {name}", (1, height), xycoords=("axes fraction", "data"), va="center", color=INK)


def demo_points() -> Tensor:
    """Six points outside all three unit balls or near them, for `projections`."""
    return torch.tensor([[1.7, 0.4], [1.2, 1.5], [-0.4, 1.8], [-1.6, -0.9], [0.5, -1.4], [-0.3, 0.4]])
