"""Figures of the chapter on attacks through two senses."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle, Rectangle

from avlib.metrics import Interval
from avlib.metrics.margins import margin_radii
from avlib.plots.pieces import bars, ends, legend_above
from avlib.plots.style import COLOURS, INK, LINES, MARKERS, SEQUENTIAL

PATH = "#44aaff"  # seen on the dark and on the light end of the map
CLIPS = {"the picture agrees": (1.0, 0.7), "the picture disagrees": (1.0, -0.5)}  # what sound and picture say


def plane() -> tuple[Figure, pd.DataFrame]:
    """Two votes as two axes: how far the sound has to be pushed (left), and how far each budget reaches (right).

    Both senses have a reach of 1, so that δ is the move in the plane.  The radii are those of `margin_radii`, ℓ2.
    """
    figure, (left, right) = plt.subplots(1, 2, figsize=(7.2, 3.4))
    heard, seen = (torch.tensor(values) for values in zip(*CLIPS.values(), strict=True))
    radii = {name: values.tolist() for name, values in margin_radii(heard, seen, 1.0, 1.0, 2).items()}
    for axis in (left, right):
        axis.plot([-2, 2], [2, -2], color=COLOURS[2], marker="", label="the fused model turns over")
        axis.fill_between([-2, 2], [2, -2], -2, color=COLOURS[2], alpha=0.12, linewidth=0)
        axis.set(xlim=(-1.1, 2.1), ylim=(-1.1, 2.1), aspect="equal", xlabel="what the sound says")
    left.axvline(0, color=COLOURS[0], linestyle=LINES[1], label="the ear turns over")
    for (name, (x, y)), marker, fused, alone in zip(
        CLIPS.items(), MARKERS, radii["audio"], radii["audio alone"], strict=False
    ):
        left.plot(x, y, marker, color=INK, linestyle="none")
        left.annotate(name, (x, y), xytext=(14, 7), textcoords="offset points", ha="center", fontsize="small")
        for length, lift, colour in ((fused, 0.0, COLOURS[2]), (alone, -0.13, COLOURS[0])):
            how = {"arrowstyle": "->", "color": colour, "shrinkA": 4, "shrinkB": 0}
            left.annotate("", (x - length, y + lift), (x, y + lift), arrowprops=how)
    x, y = CLIPS["the picture agrees"]
    side, disc, along = (radii[name][0] for name in ("separate", "joint", "audio"))
    right.plot(x, y, MARKERS[0], color=INK, linestyle="none")
    right.add_patch(Rectangle((x - side, y - side), 2 * side, 2 * side, fill=False, edgecolor=COLOURS[1]))
    right.add_patch(Circle((x, y), disc, fill=False, edgecolor=COLOURS[4], linestyle=LINES[1]))
    right.plot([x - along, x], [y, y], color=COLOURS[0], linestyle=LINES[2], marker="")
    for words, place in (("separate, split", (0.25, 1.6)), ("joint", (-0.5, 1.2)), ("sound", (-0.7, 0.75))):
        right.annotate(words, place, ha="left", va="bottom", fontsize="small")
    left.set(ylabel="what the picture says")
    legend_above(figure, left, columns=2)
    return figure, pd.DataFrame({"clip": list(CLIPS), "m_A": heard.tolist(), "m_V": seen.tolist(), **radii})


def gaps(found: Mapping[str, Mapping[str, Interval]], words: str) -> tuple[Figure, pd.DataFrame]:
    """A difference for each model and attack, with its interval and a line where there is none; `words` name it."""
    figure, axis = plt.subplots(figsize=(7.2, 3.0))
    rows = []
    for i, ((model, by_attack), colour, marker) in enumerate(zip(found.items(), COLOURS, MARKERS, strict=False)):
        places = np.arange(len(by_attack)) + 0.15 * (i - (len(found) - 1) / 2)
        bars(axis, places, by_attack.values(), color=colour, marker=marker, linestyle="none", label=model)
        rows.append(pd.DataFrame({"model": model, "attack": list(by_attack), **ends(by_attack.values())}))
    attacks = list(next(iter(found.values())))
    axis.axhline(0, color=INK, linewidth=1)
    axis.set(ylabel=words, xticks=range(len(attacks)), xticklabels=attacks)
    legend_above(figure, axis, columns=len(found))
    return figure, pd.concat(rows, ignore_index=True)


def surface(scores: pd.DataFrame, norm: float) -> tuple[Figure, pd.DataFrame]:
    """mAP over the plane of two radii: `scores` with multiples of ε_A as columns and of ε_V as rows.

    A cell a pair of radii that was run.  The budgets are ways through the plane: marks stand where they spend one ε,
    and the joint one, of balls of this `norm`, may choose any point of its line.
    """
    figure, axis = plt.subplots(figsize=(5.6, 3.9))
    heard, seen, values = scores.columns.to_numpy(float), scores.index.to_numpy(float), scores.to_numpy(float)
    low, high = float(values.min()), float(values.max())
    drawn = axis.pcolormesh(heard, seen, values, shading="nearest", cmap=SEQUENTIAL, vmin=low, vmax=high, alpha=0.9)
    for y, row in zip(seen, values, strict=True):
        for x, value in zip(heard, row, strict=True):
            ink = "white" if value < (low + high) / 2 else "black"
            axis.text(x, y - 0.12, f"{value:.2f}", ha="center", va="center", color=ink, fontsize="small")
    _paths(axis, float(heard.max()), norm)
    figure.colorbar(drawn, ax=axis, label="mAP")
    axis.set(xlabel="radius of the sound, in ε", ylabel="radius of the picture, in ε", xticks=heard, yticks=seen)
    legend_above(figure, axis, columns=3)
    return figure, scores.rename_axis("eps_video").reset_index().rename(columns=str)


def _paths(axis: Axes, far: float, norm: float) -> None:
    """Where each budget leads as its ε grows, and where it stands at ε = 1."""
    turn = np.linspace(0, np.pi / 2, 40)
    way = np.array([np.cos(turn), np.sin(turn)])
    axis.plot(*(way / np.linalg.norm(way, norm, axis=0)), color=PATH, linestyle=LINES[1], marker="", label="A+V, joint")
    ways = {"A": (1, 0), "V": (0, 1), "A+V, separate": (1, 1), "A+V, split": (0.5, 0.5)}
    for (name, (x, y)), marker in zip(ways.items(), MARKERS, strict=False):
        axis.plot([0, x * far], [0, y * far], color=PATH, linewidth=0.8, linestyle="-", marker="")
        axis.plot(x, y, marker, color=PATH, markeredgecolor="black", markersize=8, label=name, linestyle="none")


def radii(
    panels: Mapping[str, pd.DataFrame], columns: Sequence[str], words: Sequence[str]
) -> tuple[Figure, pd.DataFrame]:
    """Two radii of each tag against each other, a panel for each of `panels`; on the diagonal they are equal.

    `columns` name the two radii in the frames, `words` on the axes; the column `agrees` says whether the picture does.
    What was not broken at the largest ε that was tried has no radius, and is not drawn.
    """
    figure, axes = plt.subplots(1, len(panels), figsize=(7.2, 3.4), squeeze=False)
    for axis, (title, frame) in zip(axes[0], panels.items(), strict=True):
        finite = frame[np.isfinite(frame[list(columns)]).all(axis=1)]
        far = 1.1 * max(finite[list(columns)].max().max(), 1e-9) if len(finite) else 1.0
        axis.plot([0, far], [0, far], color=INK, linewidth=1, linestyle="-", marker="")
        for agrees, colour, marker, name in (
            (True, COLOURS[0], MARKERS[0], "the picture agrees"),
            (False, COLOURS[1], MARKERS[1], "the picture disagrees"),
        ):
            some = finite[finite["agrees"] == agrees]
            axis.plot(some[columns[0]], some[columns[1]], marker, color=colour, linestyle="none", label=name)
        axis.set(title=title, xlabel=words[0], ylabel=words[1], xlim=(0, far), ylim=(0, far))
    legend_above(figure, axes[0, 0], columns=2)
    return figure, pd.concat(dict(panels), names=["panel", "tag"]).reset_index()
