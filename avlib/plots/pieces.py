"""Pieces that several figures have: values with their intervals, a legend above the panels."""

from typing import Any, Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike


def bars(axis: Axes, x: ArrayLike, value: ArrayLike, low: ArrayLike, high: ArrayLike, **style: Any) -> None:
    """Values at `x`, each with the bar from its `low` to its `high`; a `label` goes to the legend, mark and all."""
    value, low, high = map(np.asarray, (value, low, high))
    axis.errorbar(x, value, [value - low, high - value], capsize=3, **style)


def legend_above(figure: Figure, axis: Axes, columns: int = 3, corner: Literal["left", "right"] = "left") -> None:
    """The legend of `axis` above all panels of `figure`."""
    place: Literal["outside upper left", "outside upper right"]
    place = "outside upper left" if corner == "left" else "outside upper right"
    figure.legend(*axis.get_legend_handles_labels(), loc=place, ncols=columns)
