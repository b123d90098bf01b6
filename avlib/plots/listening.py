"""Figures of the chapter on listening and looking."""

import textwrap
from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator, ScalarFormatter
from sklearn.metrics import precision_recall_curve, roc_curve
from torch import Tensor
from torch.nn import functional as F

from avlib.data.split import Media
from avlib.features import LogMel
from avlib.metrics import chance_ap
from avlib.plots.spectrogram import spectrogram
from avlib.plots.style import COLOURS, DIVERGING, INK, LINES, MARKERS


def class_counts(train: Tensor, evaluation: Tensor, classes: Sequence[str]) -> tuple[Figure, pd.DataFrame]:
    """Positives of each class in the training and the eval split, the most frequent in training first.

    The scale is logarithmic from 1 on, so that a class without a clip has its place too.
    """
    drawn = pd.DataFrame({"class": classes, "train": train.numpy(), "eval": evaluation.numpy()})
    drawn = drawn.sort_values(["train", "class"], ascending=[False, True], ignore_index=True)
    figure, axis = plt.subplots(figsize=(7.2, 1.4 + 0.17 * len(classes)))
    places = np.arange(len(drawn))
    axis.hlines(
        places, drawn[["train", "eval"]].min(axis=1), drawn[["train", "eval"]].max(axis=1), color=INK, linewidth=1
    )
    for split, colour, marker in zip(("train", "eval"), COLOURS, MARKERS, strict=False):
        axis.plot(drawn[split], places, linestyle="", marker=marker, color=colour, label=split)
    axis.set(yticks=places, yticklabels=drawn["class"], xlabel="clips that carry the label")
    least, most = drawn[["train", "eval"]].to_numpy().min(), drawn[["train", "eval"]].to_numpy().max()
    ticks = [0, *(digit * 10**zeros for zeros in range(7) for digit in (1, 2, 5))]
    axis.set_xscale("symlog", linthresh=1)
    axis.set_xticks([tick for tick in ticks if least * 0.8 <= tick <= most * 1.2])
    axis.xaxis.set_major_formatter(ScalarFormatter())
    axis.xaxis.set_minor_locator(NullLocator())
    axis.set_xlim(least * 0.8 if least else -0.2, most * 1.2)
    axis.tick_params(axis="y", labelsize="small")
    axis.invert_yaxis()
    axis.grid(axis="x")
    axis.legend(loc="lower center", bbox_to_anchor=(0.5, 1), ncols=2)
    return figure, drawn


def at_a_glance(clips: Mapping[str, tuple[Media, Tensor]], shown: int = 8) -> tuple[Figure, dict[str, Tensor]]:
    """For each clip its spectrogram (T, F), and above it, where there are pictures, a strip of `shown` frames."""
    filmed = any(len(media.frames) for media, _ in clips.values())
    heights = (1, 3) if filmed else (3,)
    figure, axes = plt.subplots(
        len(heights), len(clips), figsize=(7.2, 0.75 * sum(heights)), height_ratios=heights, squeeze=False, sharey="row"
    )
    for (title, (media, values)), column in zip(clips.items(), axes.T, strict=True):
        seconds = len(media.waveform) / media.rate
        column[0].set_title(title, fontsize="small")
        if filmed:
            column[0].set_axis_off()
        if len(media.frames):
            picks = torch.linspace(0, len(media.frames) - 1, shown).round().long()
            strip = torch.cat(list(media.frames[picks]), dim=2).permute(1, 2, 0)  # (H, shown · W, 3)
            column[0].imshow(strip.numpy(), aspect="auto", extent=(0, seconds, 0, 1))
        spectrogram(column[-1], values, seconds)
    axes[-1, 0].set(ylabel="mel bin", yticks=[0, 20, 40, 60])
    figure.supxlabel("seconds", fontsize="medium", color=INK)
    return figure, {title: values for title, (_, values) in clips.items()}


def front_end(media: Media, layer: LogMel, z: Tensor) -> tuple[Figure, dict[str, Tensor]]:
    """A clip on its way into the model: waveform, spectrum, log-mel levels, and what the model sees."""
    seconds = len(media.waveform) / media.rate
    gathered = F.avg_pool1d(layer.stft(media.waveform).abs(), 8)  # finer than a page shows, and eight times lighter
    magnitude = gathered.clamp_min(1e-6).log10() * 20
    level = layer(media.waveform)
    figure, axes = plt.subplots(2, 2, figsize=(7.2, 4.4), sharex=True)
    pieces = np.array_split(media.waveform.numpy(), 600)  # the eye sees how far it swings in each
    low, high = [piece.min() for piece in pieces], [piece.max() for piece in pieces]
    axes[0, 0].fill_between(np.linspace(0, seconds, len(pieces)), low, high, color=COLOURS[0], linewidth=0.5)
    axes[0, 0].set(title="1. waveform (amplitude)")
    image = spectrogram(axes[0, 1], magnitude, seconds, vmin=float(magnitude.max()) - 80)
    bins = magnitude.shape[1]
    kilohertz = np.arange(0, media.rate / 2000 + 1, 2)
    axes[0, 1].set(title="2. short-time spectrum", ylabel="kHz")
    axes[0, 1].set_yticks(kilohertz * 2000 / media.rate * bins, [f"{k:g}" for k in kilohertz])
    figure.colorbar(image, ax=axes[0, 1], label="dB")
    image = spectrogram(axes[1, 0], level, seconds)
    axes[1, 0].set(title="3. log-mel levels", ylabel="mel bin", xlabel="seconds")
    figure.colorbar(image, ax=axes[1, 0], label="dB")
    limit = float(z.abs().max())
    image = spectrogram(axes[1, 1], z, seconds, cmap=DIVERGING, vmin=-limit, vmax=limit)
    axes[1, 1].set(title="4. z-scored: what the model sees", ylabel="mel bin", xlabel="seconds")
    figure.colorbar(image, ax=axes[1, 1], label="z-units")
    return figure, {"level": level, "z": z}


def metrics_explained(scores: Tensor, truth: Tensor) -> tuple[Figure, dict[str, np.ndarray]]:
    """One class's scores (N,): how positives and negatives are spread, and the two areas that are made of them."""
    z, y = scores.numpy(), truth.numpy().astype(bool)
    precision, recall, _ = precision_recall_curve(y, z)
    alarms, hits, _ = roc_curve(y, z)
    figure, (left, middle, right) = plt.subplots(1, 3, figsize=(7.2, 2.7))
    bins = np.histogram_bin_edges(z, 24)
    for values, label, colour, hatch in ((z[~y], "absent", COLOURS[0], "//"), (z[y], "present", COLOURS[1], "")):
        left.hist(values, bins, density=True, alpha=0.5, color=colour, hatch=hatch, label=label)
    left.set(xlabel="logit", ylabel="density", title="the scores")
    left.legend(fontsize="small")
    for axis, x, height, title in ((middle, recall, precision, "area AP"), (right, alarms, hits, "area AUC")):
        axis.plot(
            x,
            height,
            color=COLOURS[2],
            linestyle="-",
            marker="",
            drawstyle="steps-post" if axis is right else "steps-pre",
        )
        axis.fill_between(x, height, step="post" if axis is right else "pre", alpha=0.2, color=COLOURS[2])
        axis.set(xlim=(0, 1), ylim=(0, 1.03), title=title, xticks=[0, 0.5, 1])
    middle.axhline(chance_ap(int(y.sum()), len(y)), color=INK, linestyle=":", linewidth=1)
    right.plot([0, 1], [0, 1], color=INK, linestyle=":", marker="", linewidth=1)
    middle.set(xlabel="recall", ylabel="precision")
    right.set(xlabel="false alarm rate", ylabel="hit rate")
    return figure, {"precision": precision, "recall": recall, "false_alarms": alarms, "hits": hits}


def ap_spread(measured: Mapping[int, np.ndarray], true: float) -> tuple[Figure, pd.DataFrame]:
    """AP of one and the same scorer on many eval sets, by their number of positives."""
    figure, axis = plt.subplots(figsize=(7.2, 2.6))
    axis.boxplot(
        list(measured.values()),
        orientation="horizontal",
        whis=(2.5, 97.5),
        showfliers=False,
        widths=0.6,
        boxprops={"color": COLOURS[0]},
        whiskerprops={"color": COLOURS[0]},
        capprops={"color": COLOURS[0]},
        medianprops={"color": COLOURS[1]},
    )
    axis.axvline(true, color=INK, linestyle="--")
    axis.annotate(" true AP", (true, 1), xycoords=("data", "axes fraction"), va="bottom", ha="center", color=INK)
    axis.set(
        yticklabels=[str(k) for k in measured], ylabel="positives", xlabel="AP measured on one eval set", xlim=(0, 1)
    )
    return figure, pd.DataFrame(
        [
            {"positives": k, "mean": v.mean(), "low": np.quantile(v, 0.025), "high": np.quantile(v, 0.975)}
            for k, v in measured.items()
        ]
    )


def against_chance(table: pd.DataFrame) -> tuple[Figure, pd.DataFrame]:
    """mAP of each probe (index of `table`, columns mAP and chance) as a dot, chance as a dotted line."""
    figure, axis = plt.subplots(figsize=(7.2, 0.8 + 0.4 * len(table)))
    for place, (name, row) in enumerate(table.iterrows()):
        axis.plot([row["chance"], row["mAP"]], [place, place], color=INK, linestyle="-", marker="", linewidth=1)
        axis.plot(row["mAP"], place, linestyle="", marker="o", color=COLOURS[1 if name in ("CSN",) else 0])
    axis.axvline(table["chance"].iloc[0], color=INK, linestyle=":")
    axis.set(yticks=range(len(table)), yticklabels=table.index, xlabel="mAP on eval (dotted: chance)", xlim=(0, 1))
    axis.invert_yaxis()
    return figure, table.reset_index()


def learning_curve(table: pd.DataFrame) -> tuple[Figure, pd.DataFrame]:
    """mAP with interval against the number of training clips; columns clips, steps, value, low, high, chance.

    Rows that were trained with equally many steps are joined by a line; one with another number stands by itself.
    """
    figure, axis = plt.subplots(figsize=(7.2, 2.8))
    for number, (steps, rows) in enumerate(table.groupby("steps")):
        axis.errorbar(
            rows["clips"] * 1.05**number,  # side by side, where the number of clips is the same
            rows["value"],
            [rows["value"] - rows["low"], rows["high"] - rows["value"]],
            color=COLOURS[number],
            linestyle=LINES[0] if len(rows) > 1 else "",
            marker=MARKERS[number],
            capsize=3,
            label=f"{steps} steps",
        )
    axis.axhline(table["chance"].iloc[0], color=INK, linestyle=":")
    axis.annotate(" chance", (1, table["chance"].iloc[0]), xycoords=("axes fraction", "data"), va="center", color=INK)
    axis.set(xscale="log", xlabel="training clips", ylabel="mAP on eval", ylim=(0, 1))
    clips = table["clips"].unique()
    axis.set_xticks(clips, [str(n) for n in clips], minor=False)
    axis.minorticks_off()
    axis.legend(loc="lower center", bbox_to_anchor=(0.5, 1), ncols=2)
    return figure, table


def dial_matrix(measured: pd.DataFrame) -> tuple[Figure, pd.DataFrame]:
    """Change of each measurement (column) when one dial (row) was turned; the first row of `measured` is as it was."""
    changes = measured.iloc[1:] - measured.iloc[0]
    figure, axis = plt.subplots(figsize=(7.2, 3.6))
    limit = float(changes.abs().to_numpy().max())
    axis.imshow(changes.to_numpy(), cmap=DIVERGING, vmin=-limit, vmax=limit, aspect="auto")
    for (row, column), value in np.ndenumerate(changes.to_numpy()):
        ink = "white" if abs(value) > 0.6 * limit else "black"
        axis.text(column, row, f"{value:+.2f}", ha="center", va="center", color=ink, fontsize="small")
    numbers = {name: str(n) for n, name in enumerate(changes.columns, start=1)}
    labels = [f"{numbers[name]}  {textwrap.fill(name.replace('_', ' '), 16)}" for name in changes.index]
    axis.set_xticks(range(changes.shape[1]), list(numbers.values()))
    axis.set_yticks(range(len(changes)), labels, fontsize="small")
    axis.set(xlabel="measurement, same numbers", ylabel="dial turned")
    axis.spines[:].set_visible(False)
    return figure, changes
