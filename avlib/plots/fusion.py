"""Figures of the chapter on where two senses meet."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from avlib.metrics import Interval
from avlib.plots.pieces import bars, ends, legend_above
from avlib.plots.style import COLOURS, INK, LINES, MARKERS

Scores = Mapping[str, Mapping[str, Interval]]  # by attack and tap
LANES = {"audio": 0.0, "audio + video": 0.5, "video": 1.0}
CALLED = {"audio": "sound", "video": "picture"}
TINTS = {"audio": COLOURS[0], "audio + video": COLOURS[2], "video": COLOURS[1]}
HIGH, WIDE = 0.6, 0.94  # of a box, where a step is 1 high and a lane 1 wide


def diagram(taps: Mapping[str, pd.DataFrame]) -> tuple[Figure, pd.DataFrame]:
    """The way down of sound (left) and picture (right) through each model: its `parts`, as `avlib.models.anatomy` has.

    A box stands in the lane of what reaches it, in the order in which it computes; where lanes end, the senses meet.
    """
    figure, axes = plt.subplots(1, len(taps), figsize=(7.2, 3.6), squeeze=False)
    longest = max(_lanes(axis, parts) for axis, parts in zip(axes[0], taps.values(), strict=True))
    for axis, name in zip(axes[0], taps, strict=True):
        axis.set_title(name, fontsize="medium", fontweight="bold")
        axis.set(xlim=(-0.5, 1.5), ylim=(longest - 0.2, -1.2))
        axis.axis("off")
    return figure, pd.concat(dict(taps), names=["tap", "place"]).reset_index()


def _lanes(axis: Axes, parts: pd.DataFrame) -> int:
    """Draw the parts of one model, from the top; how many stand one below the other."""
    ends = dict.fromkeys(CALLED, 0)
    for sense, word in CALLED.items():
        axis.text(LANES[sense], -1, word, ha="center", va="center", fontsize="small")
        for words in parts.loc[parts["reads"] == sense, "part"]:
            _box(axis, ends[sense], sense, words)
            ends[sense] += 1
    meet = max(ends.values())
    for sense, end in ends.items():
        for y in range(end):
            _arrow(axis, (LANES[sense], y - 0.8 if not y else y - 1 + HIGH / 2), (LANES[sense], y - HIGH / 2))
        _arrow(axis, (LANES[sense], end - 1 + HIGH / 2 if end else -0.8), (LANES["audio + video"], meet - HIGH / 2))
    joined = parts.loc[parts["reads"] == "audio + video", "part"].tolist() or ["mean"]
    for y, words in enumerate(joined, start=meet):
        _box(axis, y, "audio + video", words)
        _arrow(axis, (0.5, y + HIGH / 2), (0.5, y + 1 - HIGH / 2))
    return meet + len(joined)


def _box(axis: Axes, y: float, sense: str, words: str) -> None:
    x, colour = LANES[sense], TINTS[sense]
    corner = (x - WIDE / 2, y - HIGH / 2)
    axis.add_patch(Rectangle(corner, WIDE, HIGH, edgecolor=colour, facecolor=to_rgba(colour, 0.15)))
    axis.text(x, y, words.replace(" in ", "\nin ").replace(" ×", "\n×"), ha="center", va="center", fontsize=6)


def _arrow(axis: Axes, start: tuple[float, float], end: tuple[float, float]) -> None:
    axis.annotate("", end, start, arrowprops={"arrowstyle": "->", "color": INK, "shrinkA": 0, "shrinkB": 0})


def by_depth(
    here: Scores, published: Mapping[str, Mapping[str, float]], levels: Mapping[str, float]
) -> tuple[Figure, pd.DataFrame]:
    """mAP of each tap, from early to late, a line for each attack: `here`, with intervals, and as `published`.

    `levels` are drawn as dotted lines across what was measured here, with their names.
    """
    figure, (left, right) = plt.subplots(1, 2, sharey=True, width_ratios=[3, 2])
    rows = []
    for (attack, scores), colour, line, marker in zip(here.items(), COLOURS, LINES, MARKERS, strict=False):
        style = {"color": colour, "linestyle": line, "marker": marker, "label": attack}
        bars(left, range(len(scores)), scores.values(), **style)
        rows.append(pd.DataFrame({"attack": attack, "tap": list(scores), **ends(scores.values())}))
        if attack in published:
            printed = published[attack]
            right.plot([list(scores).index(tap) for tap in printed], list(printed.values()), **style)
    for words, level in levels.items():
        left.axhline(level, color=INK, linewidth=1, linestyle=":")
        left.annotate(words, (1, level), xycoords=("axes fraction", "data"), ha="right", va="bottom", fontsize="small")
    for axis, title in ((left, "this run"), (right, "published")):
        taps = list(next(iter(here.values())))
        axis.set(title=title, xticks=range(len(taps)), xticklabels=[tap.replace("_", "\n") for tap in taps])
    left.set(ylabel="mAP", ylim=(0, None))
    legend_above(figure, left, columns=4)
    return figure, pd.concat(rows, ignore_index=True)


def dial(scores: Mapping[str, Scores], taps: Sequence[str]) -> tuple[Figure, pd.DataFrame]:
    """mAP of each tap where a sense says less: one panel a `world`, a line for each attack."""
    figure, axes = plt.subplots(1, len(scores), sharey=True, figsize=(7.2, 2.8))
    rows = []
    for axis, (world, by_attack) in zip(axes, scores.items(), strict=True):
        for (attack, found), colour, line, marker in zip(by_attack.items(), COLOURS, LINES, MARKERS, strict=False):
            style = {"color": colour, "linestyle": line, "marker": marker, "label": attack}
            bars(axis, range(len(taps)), [found[tap] for tap in taps], **style)
            rows += [{"world": world, "attack": attack, "tap": tap, "value": found[tap].value} for tap in taps]
        axis.set(title=world, xticks=range(len(taps)), xticklabels=[tap.replace("_", "\n") for tap in taps])
        axis.tick_params(axis="x", labelsize="small")
    axes[0].set(ylabel="mAP", ylim=(0, None))
    legend_above(figure, axes[0], columns=3)
    return figure, pd.DataFrame(rows)
