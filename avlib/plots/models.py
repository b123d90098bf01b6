"""Figures of the chapter on models that tag."""

from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any

import matplotlib.pyplot as plt
import pandas as pd
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from torch import Tensor

from avlib.plots.pieces import legend_above
from avlib.plots.spectrogram import spectrogram
from avlib.plots.style import COLOURS, INK, LINES, MARKERS

_BAR: dict[str, Any] = {"color": INK, "linewidth": 4, "linestyle": "-", "marker": "", "solid_capstyle": "butt"}


def reach(shares: Mapping[str, Tensor], hop: float) -> tuple[Figure, pd.DataFrame]:
    """How much of what decides an encoding comes from within so many seconds of the middle: a line for each model.

    `shares` (T,) are those of the input frames, `hop` seconds long, for the encoding in the middle of the clip.
    """
    figure, axis = plt.subplots()
    frames = len(next(iter(shares.values())))
    away = (torch.arange(frames) - (frames - 1) / 2).abs()
    order = away.argsort(stable=True)
    drawn = pd.DataFrame({"seconds": ((away[order] + 0.5) * hop).tolist()})
    for name, share in shares.items():
        drawn[name] = share.cpu()[order].cumsum(dim=0).tolist()
    drawn = drawn.groupby("seconds", as_index=False).last()  # a frame on either side
    for name, colour, line in zip(shares, COLOURS, LINES, strict=False):
        axis.plot(drawn["seconds"], drawn[name], color=colour, linestyle=line, marker="", label=name)
    end = frames * hop / 2
    axis.plot((0, end), (0, 1), color=INK, linewidth=1, linestyle=":", marker="", label="all frames alike")
    axis.set(xlabel="seconds from the middle, on either side", ylabel="share of the influence", xlim=(0, end))
    axis.set(ylim=(0, 1))
    legend_above(figure, axis, columns=4)
    return figure, drawn


def training_curves(histories: Mapping[str, pd.DataFrame]) -> tuple[Figure, pd.DataFrame]:
    """Training loss and mAP on the validation split after each epoch, for each model."""
    figure, (left, right) = plt.subplots(1, 2)
    for (name, history), colour, line, marker in zip(histories.items(), COLOURS, LINES, MARKERS, strict=False):
        style = {"color": colour, "linestyle": line, "marker": marker, "label": name}
        left.plot(history["epoch"], history["train_loss"], **style)
        right.plot(history["epoch"], history["valid_mAP"], **style)
    left.set(xlabel="epoch", ylabel="training loss", ylim=(0, None))
    right.set(xlabel="epoch", ylabel="validation mAP", ylim=(0, None))
    for axis in (left, right):
        axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    legend_above(figure, left)
    columns = ["epoch", "train_loss", "valid_mAP"]
    drawn = pd.concat({name: history[columns] for name, history in histories.items()}, names=["model", "row"])
    return figure, drawn.reset_index("model").reset_index(drop=True)


def class_differences(table: pd.DataFrame, label: str) -> tuple[Figure, pd.DataFrame]:
    """One class a line, the largest `value` on top, with `low` … `high`, and what was `published`, NaN if nothing was.

    What is returned has the order of `table`.
    """
    rows = table.sort_values("value", ascending=False)
    figure, axis = plt.subplots(figsize=(7.2, 1.3 + 0.19 * len(rows)))
    places = range(len(rows))
    _with_interval(axis, rows, places, COLOURS[0], MARKERS[0], "this run")
    if rows["published"].notna().any():
        axis.plot(rows["published"], places, linestyle="", marker="D", color=COLOURS[1], mfc="none", label="published")
        legend_above(figure, axis)
    axis.axvline(0, color=INK, linewidth=1)
    axis.set(yticks=places, yticklabels=rows["class"], xlabel=label, ylim=(len(rows) - 0.5, -0.5))
    axis.tick_params(axis="y", labelsize="small")
    axis.grid(axis="x")
    return figure, table


def pooled_by_length(
    answers: pd.DataFrame, levels: Mapping[str, float], found: Sequence[float] = ()
) -> tuple[Figure, pd.DataFrame]:
    """Pooled probability (a column for each pooling) against the `share` of frames that hold the event.

    `found` are such shares of real events: a bar from the least to the most, and a dot for the middle one.
    """
    figure, axis = plt.subplots()
    for name, colour, line in zip(answers.columns.drop("share"), COLOURS, LINES, strict=False):
        axis.plot(answers["share"], answers[name], color=colour, linestyle=line, marker="", label=name)
    for text, level in levels.items():
        axis.axhline(level, color=INK, linewidth=1, linestyle=":")
        axis.annotate(f" {text}", (1, level), xycoords=("axes fraction", "data"), va="center")
    axis.set(xscale="log", xlabel="share of the frames that hold the event", ylabel="probability of the clip")
    axis.set(ylim=(0, 1), xlim=(answers["share"].min(), answers["share"].max()))
    axis.set_xticks([0.01, 0.03, 0.1, 0.3, 1], ["0.01", "0.03", "0.1", "0.3", "1"])
    axis.minorticks_off()
    if found:
        axis.plot((min(found), max(found)), (0, 0), clip_on=False, label="events of these clips", **_BAR)
        axis.plot(median(found), 0, marker="o", markersize=8, color=INK, clip_on=False)
    legend_above(figure, axis)
    return figure, answers


def poolings(table: pd.DataFrame, whole: float) -> tuple[Figure, pd.DataFrame]:
    """mAP of each `pooling` on each kind of `encoding`, with `low` and `high`; `whole` is that of the whole model."""
    names = list(dict.fromkeys(table["pooling"]))
    figure, axis = plt.subplots(figsize=(7.2, 2.9))
    for (encoding, rows), shift, colour, marker in zip(
        table.groupby("encoding", sort=False), (-0.12, 0.12), COLOURS, MARKERS, strict=False
    ):
        places = [names.index(name) + shift for name in rows["pooling"]]
        _with_interval(axis, rows, places, colour, marker, str(encoding))
    axis.axvline(whole, color=INK, linewidth=1, linestyle=":")
    axis.annotate("CSN itself", (whole, 1), xycoords=("data", "axes fraction"), ha="center", va="bottom")
    axis.set(yticks=range(len(names)), yticklabels=names, ylim=(len(names) - 0.5, -0.5), xlabel="mAP on the eval split")
    axis.grid(axis="x")
    legend_above(figure, axis)
    return figure, table


def attention(
    clip: Tensor,
    weights: Mapping[str, tuple[Tensor, Tensor]],
    spans: Sequence[tuple[float, float]],
    seconds: float,
    heard: str,
) -> tuple[Figure, dict[str, Tensor]]:
    """A clip (T, F), and below it each model's weights (T′,) over their frames' edges (T′ + 1,), as multiples of even.

    `spans` are the times at which the class called `heard` is truly heard: a bar above both panels.
    """
    figure, (top, bottom) = plt.subplots(2, 1, figsize=(7.2, 4.2), sharex=True, height_ratios=(3, 2))
    spectrogram(top, clip, seconds)
    top.set(ylabel="mel bin")
    for start, end in spans:
        for axis in (top, bottom):
            axis.plot((start, end), (1.03, 1.03), transform=axis.get_xaxis_transform(), clip_on=False, **_BAR)
        top.set_title(heard, x=(start + end) / 2 / seconds, pad=9, fontsize="small")
    drawn = {"clip": clip}
    for (name, (values, edges)), colour, line in zip(weights.items(), COLOURS, LINES, strict=False):
        even = (values * len(values)).cpu()
        bottom.stairs(
            even.numpy(), edges.numpy(), baseline=None, color=colour, linestyle=line, linewidth=1.8, label=name
        )
        drawn[name] = even
    bottom.axhline(1, color=INK, linewidth=1, linestyle=":")
    bottom.set(xlabel="seconds", ylabel="attention\n(1 = even)", ylim=(0, None))
    legend_above(figure, bottom)
    return figure, drawn


def inside(table: pd.DataFrame) -> tuple[Figure, pd.DataFrame]:
    """What attention puts inside the true events beyond equal weights (`value`, `low`, `high`), by `model`, `whose`."""
    models = list(dict.fromkeys(table["model"]))
    figure, axis = plt.subplots(figsize=(7.2, 2.9))
    for (whose, rows), shift, colour, marker in zip(
        table.groupby("whose", sort=False), (-0.14, 0.14), COLOURS, MARKERS, strict=False
    ):
        places = [models.index(name) + shift for name in rows["model"]]
        _with_interval(axis, rows, places, colour, marker, str(whose))
    axis.axvline(0, color=INK, linewidth=1)
    axis.set(yticks=range(len(models)), yticklabels=models, ylim=(len(models) - 0.5, -0.5))
    axis.set(xlabel="share beyond equal weights")
    axis.grid(axis="x")
    legend_above(figure, axis)
    return figure, table


def _with_interval(
    axis: Axes, rows: pd.DataFrame, places: Sequence[float], colour: str, marker: str, label: str
) -> None:
    """Values along x at the heights `places`, with the bars of their intervals."""
    errors = [rows["value"] - rows["low"], rows["high"] - rows["value"]]
    axis.errorbar(rows["value"], places, xerr=errors, linestyle="", color=colour, marker=marker, capsize=2)
    axis.plot([], [], linestyle="", color=colour, marker=marker, label=label)  # a legend loses the marks of error bars
