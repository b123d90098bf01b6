"""Figures of the chapter on mix-up as a defence: hulls of classes, and what robustness costs."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from avlib.metrics import Interval
from avlib.metrics.hulls import Hull, Points, hull, inner
from avlib.plots.pieces import bars, ends
from avlib.plots.style import COLOURS, INK, LINES, MARKERS

INNER = 0.8
SHAPES = [*MARKERS, "P", "X", "*"]
STABLE = "PCA"  # the one picture that is the same on every processor


def embeddings(pictures: Mapping[str, Mapping[str, Points]], groups: Sequence[str]) -> tuple[Figure, pd.DataFrame]:
    """Points (n, 2) of each model (a column) by each method (a row), with the hulls of their `groups`.

    The hull of all members is drawn in full, that of the inner four fifths dashed.  Returned are the areas of PCA's
    hulls as shares of that of all points; coordinates of t-SNE and UMAP differ from processor to processor.
    """
    models = list(next(iter(pictures.values())))
    figure, axes = plt.subplots(len(pictures), len(models), figsize=(7.2, 2.7 * len(pictures)), squeeze=False)
    names, rows = np.asarray(groups), []
    for line, (method, by_model) in zip(axes, pictures.items(), strict=True):
        for axis, model in zip(line, models, strict=True):
            points = by_model[model]
            areas = _classes(axis, points, names)
            axis.set(xticks=[], yticks=[], title=f"{method}, {model}")
            whole = hull(points).volume
            rows += [{"model": model, "class": name, "area": area / whole, "inner area": less / whole}
                     for name, area, less in areas if method == STABLE]  # fmt: skip
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper left", ncols=3)
    return figure, pd.DataFrame(rows)


def _classes(axis: Axes, points: Points, names: np.ndarray) -> list[tuple[str, float, float]]:
    """Draw every class of one picture; its name and the areas of its two hulls."""
    found = []
    for name, colour, marker in zip(dict.fromkeys(names), COLOURS, MARKERS, strict=False):
        members = points[names == name]
        axis.scatter(
            members[:, 0], members[:, 1], s=14, color=colour, marker=marker, alpha=0.7, linewidths=0, label=name
        )
        core = inner(members, INNER)
        outlines = [(members, hull(members), LINES[0]), (core, hull(core), LINES[1])]
        for cloud, around, dashes in outlines:
            _outline(axis, cloud, around, color=colour, linestyle=dashes)
        found.append((str(name), outlines[0][1].volume, outlines[1][1].volume))
    return found


def _outline(axis: Axes, points: Points, around: Hull, **style: object) -> None:
    if not around.reason:
        closed = points[np.append(around.vertices, around.vertices[0])]
        axis.plot(closed[:, 0], closed[:, 1], marker="", linewidth=1.2, **style)  # type: ignore[arg-type]


def front(
    cost: Mapping[str, float], robust: Mapping[str, Mapping[str, Interval]], clean: Mapping[str, Interval]
) -> tuple[Figure, pd.DataFrame]:
    """Passes a clip of training against mAP, a panel for each attack of `robust`, a mark for each defence.

    The line joins those that no other beats in both: as robust for fewer passes, or more robust for as many.
    """
    figure, axes = plt.subplots(1, len(robust), sharey=True, figsize=(7.2, 3.4), squeeze=False)
    rows = []
    for axis, (attack, scores) in zip(axes[0], robust.items(), strict=True):
        best = undominated(cost, {name: score.value for name, score in scores.items()})
        place = _beside(cost)
        axis.plot([place[n] for n in best], [scores[n].value for n in best], color=INK, linestyle=":", marker="")
        for i, (name, score) in enumerate(scores.items()):
            colour, marker = COLOURS[i % len(COLOURS)], SHAPES[i % len(SHAPES)]
            bars(axis, [place[name]], [score], color=colour, marker=marker, linestyle="", label=name)
            rows.append({"attack": attack, "defence": name, "cost": cost[name], "clean": clean[name].value,
                         "on the front": name in best, **{end: v[0] for end, v in ends([score]).items()}})  # fmt: skip
        axis.set(xscale="log", xlabel="passes a clip of training", title=attack)
        ticks = sorted(set(cost.values()))
        axis.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
        axis.minorticks_off()
    axes[0, 0].set(ylabel="mAP under attack", ylim=(0, None))
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside upper left", ncols=3)
    return figure, pd.DataFrame(rows)


def _beside(cost: Mapping[str, float]) -> dict[str, float]:
    """Where each name stands on an axis of costs: those of one cost side by side."""
    found: dict[str, float] = {}
    for level in set(cost.values()):
        names = [name for name, value in cost.items() if value == level]
        found |= {name: level * 1.06 ** (i - (len(names) - 1) / 2) for i, name in enumerate(names)}
    return found


def undominated(cost: Mapping[str, float], gain: Mapping[str, float]) -> list[str]:
    """The names for which no other has as much gain for less cost, or more gain for as much, by rising cost.

    >>> undominated({"a": 1, "b": 2, "c": 2, "d": 3}, {"a": 0.5, "b": 0.4, "c": 0.7, "d": 0.7})
    ['a', 'c']
    """

    def beaten(name: str) -> bool:
        return any(
            (cost[other] <= cost[name] and gain[other] > gain[name])
            or (cost[other] < cost[name] and gain[other] >= gain[name])
            for other in gain
        )

    return sorted((name for name in gain if not beaten(name)), key=lambda name: cost[name])
