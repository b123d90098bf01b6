"""Figures of the chapter on whether an attack can be trusted."""

import math
from collections.abc import Mapping

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import FormatStrFormatter, NullLocator
from torch import Tensor

from avlib.plots.pieces import legend_above
from avlib.plots.style import COLOURS, INK, LINES, MARKERS

HELD, RAISED = COLOURS[2], COLOURS[3]


def by_steps(found: pd.DataFrame) -> tuple[Figure, pd.DataFrame]:
    """Mean margin and share of broken clips against the number of steps, a line for each `search`.

    `found` has the columns search, steps, margin, broken.
    """
    figure, axes = plt.subplots(1, 2, layout="constrained")
    for axis, (column, words) in zip(
        axes, {"margin": "margin loss, mean", "broken": "share of broken clips"}.items(), strict=True
    ):
        for (name, rows), colour, line, marker in zip(
            found.groupby("search", sort=False), COLOURS, LINES, MARKERS, strict=False
        ):
            axis.plot(rows["steps"], rows[column], color=colour, linestyle=line, marker=marker, label=name)
        axis.set(xscale="log", xlabel="gradient steps", ylabel=words, xticks=sorted(found["steps"].unique()))
        axis.xaxis.set_major_formatter(FormatStrFormatter("%d"))
        axis.xaxis.set_minor_locator(NullLocator())
    legend_above(figure, axes[0], columns=2)
    return figure, found


def board(trials: Mapping[str, pd.DataFrame]) -> tuple[Figure, pd.DataFrame]:
    """A row for each check and a column for each model: green with a tick where it holds, red with a cross where not.

    `trials` are as `avlib.attacks.flags` gives them.
    """
    checks = list(next(iter(trials.values())).index)
    figure, axis = plt.subplots(figsize=(7.2, 0.48 * len(checks) + 0.3))
    for y, check in enumerate(checks):
        axis.text(0.02, y + 0.24, check, va="center", fontsize="small")  # above its row: beside it a phone has no room
        for x, found in enumerate(trials.values()):
            value, raised = found.loc[check, ["value", "raised"]]
            colour = RAISED if raised else HELD
            corner, shown = (x + 0.02, y + 0.45), "–" if math.isnan(value) else f"{value:.2f}"
            axis.add_patch(Rectangle(corner, 0.96, 0.5, edgecolor=colour, facecolor=to_rgba(colour, 0.3)))
            axis.text(x + 0.5, y + 0.7, f"{'✗' if raised else '✓'} {shown}", ha="center", va="center", fontsize="small")
    axis.set(xlim=(0, len(trials)), ylim=(len(checks), 0), yticks=[])
    axis.set_xticks([x + 0.5 for x in range(len(trials))], list(trials))
    axis.tick_params(length=0, top=True, labeltop=True, bottom=False, labelbottom=False)
    axis.spines[:].set_visible(False)
    drawn = pd.concat({name: found[["value", "raised"]] for name, found in trials.items()}, names=["model", "check"])
    return figure, drawn.reset_index()


def along(heights: Mapping[str, Tensor], slopes: Mapping[str, float]) -> tuple[Figure, pd.DataFrame]:
    """The loss on the way from a clip to its δ, one panel a model, and the line that the gradient at the clip promises.

    `heights` are losses at evenly spaced points of the way, `slopes` the derivatives at its beginning.
    """
    figure, axes = plt.subplots(1, len(heights), figsize=(7.2, 2.4), sharey=True, layout="constrained")
    drawn = pd.DataFrame({name: values.cpu().numpy() for name, values in heights.items()})
    low, high = drawn.min().min(), drawn.max().max()
    way = pd.Series([i / (len(drawn) - 1) for i in range(len(drawn))])
    for axis, name in zip(axes, heights, strict=True):
        axis.plot(way, drawn[name], color=COLOURS[0], linestyle="-", marker="", label="loss")
        drawn[f"{name}, promised"] = drawn[name][0] + way * slopes[name]
        style = {"color": COLOURS[1], "linestyle": "--", "marker": "", "label": "what the gradient promises"}
        axis.plot(way, drawn[f"{name}, promised"], **style)
        axis.axhline(0, color=INK, linewidth=0.8, alpha=0.6)
        axis.set(title=name, xlabel="share of δ", xticks=[0, 0.5, 1], xticklabels=["0", "½", "1"])
    room = 0.05 * (high - low)
    axes[0].set(ylabel="margin loss", ylim=(low - room, high + room))
    legend_above(figure, axes[0], columns=2)
    return figure, drawn.assign(**{"share of δ": way})
