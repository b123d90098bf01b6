"""Specification curves: effects in order, and below them the conventions under which each was measured."""

from collections.abc import Mapping
from textwrap import fill

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from avlib.multiverse import CONTROL, EFFECT, conventions
from avlib.plots.pieces import bars, ends
from avlib.plots.style import COLOURS, INK

BETWEEN = 0.6  # rows of the matrix between two conventions
ROW = 0.17  # inches
LETTERS = 64  # of titles that stand side by side


def curves(universes: Mapping[str, pd.DataFrame]) -> tuple[Figure, pd.DataFrame]:
    """A column for each universe, by its title: its effects from the smallest to the largest, and its conventions.

    A full mark has an interval that leaves out 0, an open one has not; the ring is the book's own specification (the
    first of each universe), a cross the same measured under a random δ.  A dot below a mark is an option that it has.
    The data come as the universes have them: their order by size hangs on the last digits of neighbours.
    """
    rows = {title: _places(found) for title, found in universes.items()}
    deepest = max(max(places.values()) for places in rows.values()) + 1
    figure, axes = plt.subplots(
        2, len(universes), figsize=(7.2, 2.4 + ROW * deepest), squeeze=False, sharex="col",
        height_ratios=[2.4, ROW * deepest],
    )  # fmt: skip
    drawn = []
    for (title, found), top, below in zip(universes.items(), axes[0], axes[1], strict=True):
        ordered = found.iloc[np.argsort([one.value for one in found[EFFECT]], kind="stable")]
        _effects(top, ordered)
        _matrix(below, ordered, rows[title])
        top.set_title(fill(title, LETTERS // len(universes)), fontsize="small")
        options = found[conventions(found)].agg(", ".join, axis=1)
        drawn.append(pd.DataFrame({"universe": title, "options": options, **ends(found[EFFECT])}))
    axes[0, 0].set_ylabel("effect")
    return figure, pd.concat(drawn, ignore_index=True)


def _places(found: pd.DataFrame) -> dict[tuple[str, str], float]:
    """The row of each option in the matrix, those of one convention below each other."""
    places: dict[tuple[str, str], float] = {}
    at = 0.0
    for name in conventions(found):
        for option in found[name].unique():
            places[name, option] = at
            at += 1
        at += BETWEEN
    return places


def _effects(axis: Axes, ordered: pd.DataFrame) -> None:
    axis.axhline(0, color=INK, linewidth=1)
    for place, (label, row) in enumerate(ordered.iterrows()):
        one = row[EFFECT]
        filled = COLOURS[0] if one.sign else "none"
        bars(axis, [place], [one], color=COLOURS[0], marker="o", markerfacecolor=filled, linestyle="none", elinewidth=1)
        axis.plot([place], [row[CONTROL].value], color=INK, marker="x", linestyle="none", markersize=4)
        if label == ordered.index.min():
            axis.plot([place], [one.value], color=COLOURS[1], marker="o", markersize=10, markerfacecolor="none")
    axis.tick_params(axis="x", bottom=False, labelbottom=False)


def _matrix(axis: Axes, ordered: pd.DataFrame, places: Mapping[tuple[str, str], float]) -> None:
    for (name, option), y in places.items():
        taken = (ordered[name] == option).to_numpy()
        for flags, colour, size in ((~taken, INK, 1), (taken, COLOURS[0], 4)):
            axis.plot(np.flatnonzero(flags), np.full(flags.sum(), y), ".", color=colour, markersize=2 * size)
    axis.set(yticks=list(places.values()), ylim=(max(places.values()) + 0.6, -0.6), xlim=(-0.6, len(ordered) - 0.4))
    axis.set_yticklabels([option for _, option in places], fontsize="small")
    axis.tick_params(axis="both", length=0, labelbottom=False)
    for side in axis.spines.values():
        side.set_visible(False)
