"""Figures of the chapter on architectures."""

from collections.abc import Mapping

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure

from avlib.metrics import Interval
from avlib.plots.pieces import bars, ends, legend_above
from avlib.plots.style import COLOURS, INK, LINES, MARKERS, SEQUENTIAL


def two_drops(table: pd.DataFrame) -> tuple[Figure, pd.DataFrame]:
    """The mAP that each model loses, beside the share of it that each keeps; printed numbers as open marks.

    `table` has a row a model and the columns drop, kept (intervals), printed drop, printed kept (numbers, or NaN).
    """
    figure, axes = plt.subplots(1, 2, figsize=(7.2, 3.0), layout="constrained")
    drawn = pd.DataFrame(index=table.index)
    for axis, column, words in zip(axes, ("drop", "kept"), ("mAP lost", "share of mAP kept"), strict=True):
        bars(axis, range(len(table)), table[column], color=COLOURS[0], linestyle="", marker=MARKERS[0], label="here")
        style = {"linestyle": "", "marker": "D", "markerfacecolor": "none", "color": COLOURS[1], "label": "P1, table 4"}
        axis.plot(range(len(table)), table[f"printed {column}"], **style)
        axis.set(title=words, ylim=(0, None), xlim=(-0.5, len(table) - 0.5))
        axis.set_xticks(range(len(table)), table.index, rotation=30)
        drawn[column], drawn[f"printed {column}"] = ends(table[column])["value"], table[f"printed {column}"]
    legend_above(figure, axes[0])
    return figure, drawn.rename_axis("model").reset_index()


def by_radius(found: Mapping[str, Mapping[float, Interval]]) -> tuple[Figure, pd.DataFrame]:
    """Attacked mAP against ε, a line a model; its untouched mAP stands at the left edge."""
    figure, axis = plt.subplots()
    rows = []
    for (name, scores), colour, line, marker in zip(found.items(), COLOURS, LINES, MARKERS, strict=False):
        bars(axis, range(len(scores)), scores.values(), color=colour, linestyle=line, marker=marker, label=name)
        rows += [{"model": name, "epsilon": eps, "value": score.value} for eps, score in scores.items()]
    radii = list(next(iter(found.values())))
    axis.set_xticks(range(len(radii)), ["no δ" if eps == 0 else f"{eps:g}" for eps in radii])
    axis.set(xlabel="radius ε (z-units)", ylabel="mAP under δ", ylim=(0, None))
    legend_above(figure, axis, columns=4)
    return figure, pd.DataFrame(rows)


def matrix(kept: pd.DataFrame) -> tuple[Figure, pd.DataFrame]:
    """What each model (column) keeps of its mAP under the δ that was fitted to each (row); its own in bold."""
    figure, axis = plt.subplots(figsize=(7.2, 0.5 * len(kept) + 1.2), layout="constrained")
    axis.imshow(kept.to_numpy(dtype=float), cmap=SEQUENTIAL, vmin=0, vmax=1, aspect="auto")
    for y, row in enumerate(kept.index):
        for x, column in enumerate(kept.columns):
            value = float(kept.loc[row, column])
            colour = "black" if value > 0.6 else "white"
            weight = "bold" if row == column else "normal"
            axis.text(x, y, f"{value:.2f}", ha="center", va="center", color=colour, fontweight=weight)
    axis.set(xlabel="scored on", ylabel="δ fitted to")
    axis.set_xticks(range(len(kept.columns)), kept.columns, rotation=20)
    axis.set_yticks(range(len(kept)), kept.index)
    axis.tick_params(length=0, colors=INK)
    axis.spines[:].set_visible(False)
    return figure, kept.rename_axis("fitted to").reset_index()
