"""Pieces that several figures have: values with their intervals, a legend above the panels."""

from collections.abc import Iterable
from typing import Any, Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from avlib.metrics import Interval

ENDS = ("value", "low", "high")


def ends(scores: Iterable[Interval]) -> dict[str, list[float]]:
    """The columns value, low and high of `scores`, as a table of drawn data has them.

    >>> from avlib.metrics import interval
    >>> ends([interval(0.5, np.array([0.25, 0.5, 0.75]), level=0)])
    {'value': [0.5], 'low': [0.5], 'high': [0.5]}
    """
    found = list(scores)
    return {end: [getattr(score, end) for score in found] for end in ENDS}


def bars(axis: Axes, x: ArrayLike, scores: Iterable[Interval], **style: Any) -> None:
    """The values of `scores` at `x`, each with its interval; a `label` goes to the legend, mark and all."""
    value, low, high = map(np.asarray, ends(scores).values())
    axis.errorbar(x, value, [value - low, high - value], capsize=3, **style)


def legend_above(figure: Figure, axis: Axes, columns: int = 3, corner: Literal["left", "right"] = "left") -> None:
    """The legend of `axis` above all panels of `figure`."""
    place: Literal["outside upper left", "outside upper right"]
    place = "outside upper left" if corner == "left" else "outside upper right"
    figure.legend(*axis.get_legend_handles_labels(), loc=place, ncols=columns)
