"""Figures of the chapter on dense and convex classes."""

from collections.abc import Mapping

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator
from numpy.typing import NDArray

from avlib.plots.pieces import legend_above
from avlib.plots.style import COLOURS, INK, MARKERS

TURN = np.linspace(0, 2 * np.pi, 200)


def crust(
    classes: Mapping[str, NDArray[np.floating]], taus: tuple[float, ...] = (0.6, 0.8)
) -> tuple[Figure, pd.DataFrame]:
    """The members (n, d) of each class round their centroid, and the circles that eq. 7 of P2 knows: R_τ and R.

    How far a mark is from the middle is its true distance; the direction, of which there are d, is that of the first
    two principal components, and is not among the data returned: it may be mirrored.
    """
    figure, axes = plt.subplots(1, max(1, len(classes)), figsize=(7.2, 3.9), squeeze=False, layout="constrained")
    rows = []
    for axis, (name, members) in zip(axes[0], classes.items(), strict=False):
        gap = members - members.mean(axis=0)
        distance = np.linalg.norm(gap, axis=1)
        _, _, directions = np.linalg.svd(gap, full_matrices=False)
        x, y = (gap @ directions[:2].T).T if len(directions) > 1 else (gap[:, 0], np.zeros(len(gap)))
        angle = np.arctan2(y, x)
        axis.plot(distance * np.cos(angle), distance * np.sin(angle), linestyle="", color=COLOURS[0], marker="o",
                  markersize=3, alpha=0.6)  # fmt: skip
        ordered = np.sort(distance)
        circles = {f"R_{tau:g}": ordered[int(np.ceil(tau * len(ordered) - 1e-9)) - 1] for tau in taus}
        for (words, radius), line in zip([*circles.items(), ("R", ordered[-1])], ("--", ":", "-"), strict=False):
            axis.plot(radius * np.cos(TURN), radius * np.sin(TURN), color=INK, linestyle=line, marker="", label=words)
        axis.plot([0], [0], linestyle="", marker="+", color=INK, markersize=9)
        axis.set(title=f"{name}, {len(members)} clips", aspect="equal", xticks=[], yticks=[])
        axis.spines[:].set_visible(False)
        rows += [{"class": name, "distance": value} for value in ordered]
    legend_above(figure, axes[0, 0])
    return figure, pd.DataFrame(rows, columns=["class", "distance"])


def size_and_density(table: pd.DataFrame, limit: float) -> tuple[Figure, pd.DataFrame]:
    """Density as printed and corrected against the number of clips of a class, and the `limit` D.

    `table` has a row a class and the columns n, printed and corrected.
    """
    figure, axis = plt.subplots(figsize=(7.2, 3.2), layout="constrained")
    for kind, colour, marker in zip(("printed", "corrected"), (COLOURS[1], COLOURS[0]), ("s", "o"), strict=True):
        axis.plot(table["n"], table[kind], linestyle="", color=colour, marker=marker, markersize=5, label=kind)
    axis.axhline(limit, color=INK, linestyle=":", linewidth=1, marker="", label=f"D = {limit:g}")
    axis.set(xlabel="clips of the class", ylabel="density ρ", xscale="log", yscale="log")
    for way, base in ((axis.xaxis, 2), (axis.yaxis, 10)):
        way.set_major_locator(LogLocator(base=base, numticks=8))
        way.set_major_formatter("{x:g}")
    axis.minorticks_off()
    legend_above(figure, axis)
    return figure, table[["n", "printed", "corrected"]].rename_axis("class").reset_index()


def convex_or_recognised(table: pd.DataFrame) -> tuple[Figure, pd.DataFrame]:
    """Convexity between recognised clips and between all clips of a class against the share that is recognised.

    `table` has a row a class and the columns recall, all and recognised.
    """
    figure, axis = plt.subplots(figsize=(7.2, 3.4), layout="constrained")
    axis.plot([0, 1], [0, 1], color=INK, linestyle=":", linewidth=1, marker="", label="κ = recall")
    kinds = {"all": "between all its clips", "recognised": "between recognised clips"}
    for (kind, words), colour, marker in zip(kinds.items(), COLOURS, MARKERS, strict=False):
        axis.plot(table["recall"], table[kind], linestyle="", color=colour, marker=marker, markersize=5, label=words)
    axis.set(xlabel="share of its clips that are recognised", ylabel="convexity κ", xlim=(0, 1.02), ylim=(0, 1.05))
    legend_above(figure, axis)
    return figure, table[["recall", *kinds]].rename_axis("class").reset_index()
