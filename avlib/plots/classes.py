"""Figures of the chapter on single classes."""

from collections.abc import Mapping

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator

from avlib.metrics import Interval
from avlib.plots.pieces import bars, legend_above
from avlib.plots.style import COLOURS, INK, LINES, MARKERS


def before_and_after(table: pd.DataFrame, chance: float) -> tuple[Figure, pd.DataFrame]:
    """AP of each class without and with δ, a row a class, those that lose most at the bottom.

    `table` has a row a class and the columns clean and attacked (intervals).
    """
    order = sorted(table.index, key=lambda name: table["clean"][name].value - table["attacked"][name].value)
    figure, axis = plt.subplots(figsize=(7.2, 0.24 * len(order) + 1.0), layout="constrained")
    rows = range(len(order))[::-1]
    ends = {state: [table[state][name].value for name in order] for state in ("clean", "attacked")}
    axis.hlines(rows, ends["attacked"], ends["clean"], color=INK, linewidth=1, alpha=0.6)
    for (state, values), colour, marker in zip(ends.items(), COLOURS, MARKERS, strict=False):
        axis.plot(values, rows, linestyle="", color=colour, marker=marker, label=state)
    axis.axvline(chance, color=INK, linewidth=1, linestyle=":", label="mean chance")
    axis.set_yticks(rows, order, fontsize="small")
    axis.set(xlabel="AP", xlim=(0, 1.02), ylim=(-0.8, len(order) - 0.2))
    legend_above(figure, axis)
    return figure, pd.DataFrame({"class": order, **ends})


def properties(table: pd.DataFrame, names: Mapping[str, str]) -> tuple[Figure, pd.DataFrame]:
    """The share of its AP above chance that each class loses, against each of its properties, one panel each.

    `table` has a row a class, the column drop, and those of `names`, which maps them to words for the axes.
    """
    figure, axes = plt.subplots(1, len(names), figsize=(7.2, 2.6), sharey=True, layout="constrained")
    for axis, (name, words), colour, marker in zip(axes, names.items(), COLOURS, MARKERS, strict=False):
        axis.plot(table[name], table["drop"], linestyle="", color=colour, marker=marker, alpha=0.7)
        axis.set_xlabel(words)
        if name == "count":
            axis.set_xscale("log", base=2)
            axis.xaxis.set_major_locator(LogLocator(base=2, numticks=5))
            axis.xaxis.set_major_formatter("{x:g}")
            axis.minorticks_off()
    axes[0].set(ylabel="share of AP\nabove chance lost")
    return figure, table[["drop", *names]].rename_axis("class").reset_index()


def deactivated(
    curves: Mapping[str, Mapping[str, Mapping[float, Interval]]],
    found: Mapping[str, Mapping[str, Interval]],
    level: float,
) -> tuple[Figure, pd.DataFrame]:
    """Attacked mAP against ε, a panel a norm and a line a model; a mark on the axis where half of it is gone.

    `curves` and `found` map norms to models; `level` is the mAP of chance.
    """
    figure, axes = plt.subplots(1, len(curves), figsize=(7.2, 3.0), sharey=True, layout="constrained")
    rows = []
    for axis, (norm, models) in zip(axes, curves.items(), strict=True):
        for (name, scores), colour, line, marker in zip(models.items(), COLOURS, LINES, MARKERS, strict=False):
            bars(axis, list(scores), scores.values(), color=colour, linestyle=line, marker=marker, label=name)
            at = found[norm][name].value
            axis.plot([at], [0.02], linestyle="", color=colour, marker=marker, markersize=9, markerfacecolor="none")
            rows += [{"norm": norm, "model": name, "epsilon": eps, "value": s.value} for eps, s in scores.items()]
        axis.axhline(level, color=INK, linewidth=1, linestyle=":", label="chance")
        axis.set(title=norm, xlabel="radius ε", ylim=(0, None), xlim=(0, None))
    axes[0].set_ylabel("mAP under δ")
    legend_above(figure, axes[0], columns=4)
    return figure, pd.DataFrame(rows)
