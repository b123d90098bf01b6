"""Figures of the chapter on models that tag."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from torch import Tensor

from avlib.plots.spectrogram import spectrogram
from avlib.plots.style import COLOURS, INK, LINES, MARKERS


def reach(shares: Mapping[str, Tensor], hop: float) -> tuple[Figure, pd.DataFrame]:
    """Share (T,) of each input frame, `hop` seconds long, in what decides one encoded frame: a line for each model."""
    figure, axis = plt.subplots()
    drawn = pd.DataFrame({name: share.cpu().numpy() for name, share in shares.items()})
    drawn.index = (drawn.index + 0.5) * hop
    for (name, values), colour, line in zip(drawn.items(), COLOURS, LINES, strict=False):
        axis.plot(values.index, values, color=colour, linestyle=line, marker="", label=name)
    even = 1 / len(drawn)
    axis.axhline(even, color=INK, linewidth=1, linestyle=":")
    axis.annotate(" even", (1, even), xycoords=("axes fraction", "data"), va="center")
    axis.set(xlabel="seconds of the clip", ylabel="share of the influence", xlim=(0, len(drawn) * hop), yscale="log")
    _legend_above(axis)
    return figure, drawn.rename_axis("seconds").reset_index()


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
    _legend_above(left)
    columns = ["epoch", "train_loss", "valid_mAP"]
    drawn = pd.concat({name: history[columns] for name, history in histories.items()}, names=["model", "row"])
    return figure, drawn.reset_index("model").reset_index(drop=True)


def class_differences(table: pd.DataFrame, label: str) -> tuple[Figure, pd.DataFrame]:
    """One class a line: `value` with the interval `low` … `high`, and what was `published`, NaN where nothing was."""
    figure, axis = plt.subplots(figsize=(7.2, 1.3 + 0.19 * len(table)))
    places = range(len(table))
    _with_interval(axis, table, places, COLOURS[0], MARKERS[0], "this run")
    if table["published"].notna().any():
        axis.plot(table["published"], places, linestyle="", marker="D", color=COLOURS[1], mfc="none", label="published")
        _legend_above(axis)
    axis.axvline(0, color=INK, linewidth=1)
    axis.set(yticks=places, yticklabels=table["class"], xlabel=label, ylim=(len(table) - 0.5, -0.5))
    axis.tick_params(axis="y", labelsize="small")
    axis.grid(axis="x")
    return figure, table


def pooled_by_length(answers: pd.DataFrame, levels: Mapping[str, float]) -> tuple[Figure, pd.DataFrame]:
    """Pooled probability (a column for each pooling) against the `share` of frames that hold the event."""
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
    _legend_above(axis, columns=5)
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
    axis.legend(loc="upper left", bbox_to_anchor=(0, -0.2), ncols=2)
    return figure, table


def attention(
    clip: Tensor,
    weights: Mapping[str, tuple[Tensor, Tensor]],
    spans: Sequence[tuple[float, float]],
    seconds: float,
    heard: str,
) -> tuple[Figure, dict[str, Tensor]]:
    """A clip (T, F), and below it each model's weights (T′,) over their frames' edges (T′ + 1,), as multiples of even.

    `spans` are the times at which the class called `heard` is truly heard.
    """
    figure, (top, bottom) = plt.subplots(2, 1, figsize=(7.2, 4.2), sharex=True, height_ratios=(3, 2))
    spectrogram(top, clip, seconds)
    top.set(ylabel="mel bin")
    for start, end in spans:
        bottom.axvspan(start, end, color=INK, alpha=0.25, linewidth=0)
        top.plot((start, end), (1.03, 1.03), transform=top.get_xaxis_transform(), clip_on=False, **_BAR)
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
    bottom.legend(loc="upper left", bbox_to_anchor=(0, -0.35), ncols=len(weights))
    return figure, drawn


_BAR = {"color": INK, "linewidth": 4, "linestyle": "-", "marker": "", "solid_capstyle": "butt"}


def inside(table: pd.DataFrame) -> tuple[Figure, pd.DataFrame]:
    """Share of the attention (`value`, `low`, `high`) that lies inside the true events, by `model` and `whose`."""
    models = list(dict.fromkeys(table["model"]))
    figure, axis = plt.subplots(figsize=(7.2, 2.9))
    for (whose, rows), shift, colour, marker in zip(
        table.groupby("whose", sort=False), (-0.22, 0, 0.22), COLOURS, MARKERS, strict=False
    ):
        places = [models.index(name) + shift for name in rows["model"]]
        _with_interval(axis, rows, places, colour, marker, str(whose))
    axis.set(yticks=range(len(models)), yticklabels=models, ylim=(len(models) - 0.5, -0.5), xlim=(None, 1))
    axis.set(xlabel="share inside the events of the class")
    axis.grid(axis="x")
    _legend_above(axis)
    return figure, table


def _with_interval(
    axis: Axes, rows: pd.DataFrame, places: Sequence[float], colour: str, marker: str, label: str
) -> None:
    """Values along x at the heights `places`, with the bars of their intervals."""
    errors = [rows["value"] - rows["low"], rows["high"] - rows["value"]]
    axis.errorbar(rows["value"], places, xerr=errors, linestyle="", color=colour, marker=marker, capsize=2, label=label)


def _legend_above(axis: Axes, columns: int = 3) -> None:
    axis.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=columns)
