"""Figures of the chapter on a sense that dominates."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from torch import Tensor

from avlib.metrics import Interval
from avlib.plots.pieces import bars, ends, legend_above
from avlib.plots.style import COLOURS, INK, LINES, MARKERS

Point = tuple[Interval, Interval]  # how far the eye is ahead of the ear, and the attack on it ahead of the other


def collapse(
    here: Mapping[str, Mapping[str, Interval]],
    printed: Mapping[str, Mapping[str, float]],
    chance: Mapping[str, float],
) -> tuple[Figure, pd.DataFrame]:
    """Each measure of a fused model against what is attacked: measured `here`, by measure and attack, and as `printed`.

    `chance` has the accuracy of guessing for both panels, "this run" and "published".
    """
    figure, axes = plt.subplots(1, 2, sharey=True, width_ratios=[3, 2])
    attacks = list(next(iter(here.values())))
    rows = []
    for (measure, scores), colour, line, marker in zip(here.items(), COLOURS, LINES, MARKERS, strict=False):
        style = {"color": colour, "linestyle": line, "marker": marker, "label": measure}
        bars(axes[0], range(len(attacks)), scores.values(), **style)
        rows.append(pd.DataFrame({"measure": measure, "attack": attacks, **ends(scores.values())}))
        if measure in printed:
            axes[1].plot(
                [attacks.index(attack) for attack in printed[measure]], list(printed[measure].values()), **style
            )
    for axis, (title, level) in zip(axes, chance.items(), strict=True):
        axis.axhline(level, color=INK, linewidth=1, linestyle=":")
        axis.annotate("guessing", (0, level), xycoords=("axes fraction", "data"), va="bottom", fontsize="small")
        axis.set(title=title, xticks=range(len(attacks)), xticklabels=attacks, xlabel="attacked", ylim=(0, 1))
    legend_above(figure, axes[0], columns=3)
    return figure, pd.concat(rows, ignore_index=True)


def landing(told: Mapping[str, Tensor], classes: Sequence[str]) -> tuple[Figure, pd.DataFrame]:
    """Share of the clips that each class is said to be the top one of, a panel for each entry of `told`: (N,) of class.

    Classes stand in the order of the last panel, the most frequent first.
    """
    shares = {
        name: np.bincount(tops.numpy(), minlength=len(classes)) / max(1, len(tops)) for name, tops in told.items()
    }
    order = np.argsort(-list(shares.values())[-1], kind="stable")
    figure, axes = plt.subplots(len(told), 1, sharex=True, sharey=True, figsize=(7.2, 1.2 + 1.1 * len(told)))
    place = np.arange(len(classes))
    for axis, (name, share), colour in zip(np.atleast_1d(axes), shares.items(), COLOURS, strict=False):
        axis.bar(place, share[order], color=colour)
        axis.set_title(name, loc="left")
        axis.set_ylabel("share")
    few = place[:: max(1, len(place) // 12)]
    axis.set_xticks(few, [str(classes[order[i]])[:22] for i in few], rotation=30, ha="right", fontsize="small")
    return figure, pd.DataFrame(
        {"class": [classes[i] for i in order], **{name: s[order] for name, s in shares.items()}}
    )


def turned(worlds: Mapping[str, Point]) -> tuple[Figure, pd.DataFrame]:
    """What the attack on the picture takes more than that on the sound, against the lead of the eye: a mark a world.

    Both are differences of accuracies with their intervals.  In the upper right the eye dominates, in the lower left
    the ear; in the other two quarters the attack through the weaker sense is the stronger one.
    """
    figure, axis = plt.subplots(figsize=(7.2, 3.6))
    for (name, (ahead, harm)), colour, marker in zip(worlds.items(), COLOURS, MARKERS, strict=False):
        across = np.array([[ahead.value - ahead.low], [ahead.high - ahead.value]])
        bars(axis, [ahead.value], [harm], xerr=across, color=colour, marker=marker, linestyle="", label=name)
    for line in (axis.axhline, axis.axvline):
        line(0, color=INK, linewidth=1)
    for words, x, y, side in (("the eye dominates", 0.99, 0.97, "right"), ("the ear dominates", 0.01, 0.03, "left")):
        axis.text(x, y, words, transform=axis.transAxes, ha=side, va="top" if y > 0.5 else "bottom", fontsize="small")
    axis.set(xlabel="accuracy of the eye − of the ear", ylabel="lost through the picture −\nlost through the sound")
    axis.margins(0.15)
    legend_above(figure, axis, columns=3)
    columns: dict[str, list] = {"world": list(worlds)}
    for i, name in enumerate(("ahead", "harm")):
        columns |= {f"{name}_{end}": values for end, values in ends(point[i] for point in worlds.values()).items()}
    return figure, pd.DataFrame(columns)
