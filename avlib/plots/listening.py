"""Figures of the chapter on listening and looking."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter, ScalarFormatter
from sklearn.metrics import precision_recall_curve, roc_curve
from torch import Tensor

from avlib.data.split import Media
from avlib.features import LogMel
from avlib.metrics import chance_ap
from avlib.plots.spectrogram import spectrogram
from avlib.plots.style import COLOURS, DIVERGING, INK, LINES, MARKERS


def class_counts(train: Tensor, evaluation: Tensor, classes: Sequence[str]) -> tuple[Figure, pd.DataFrame]:
    """Positives of each class in the training and the eval split, the most frequent in training first."""
    drawn = pd.DataFrame({"class": classes, "train": train.numpy(), "eval": evaluation.numpy()})
    drawn = drawn.sort_values(["train", "class"], ascending=[False, True], ignore_index=True)
    figure, axis = plt.subplots(figsize=(7.2, 1.4 + 0.17 * len(classes)))
    places = np.arange(len(drawn))
    for split, colour, marker in zip(("train", "eval"), COLOURS, MARKERS, strict=False):
        axis.plot(drawn[split], places, linestyle="", marker=marker, color=colour, label=split)
    axis.set(yticks=places, yticklabels=drawn["class"], xscale="log", xlabel="clips that carry the label")
    axis.xaxis.set_major_formatter(ScalarFormatter())
    axis.xaxis.set_minor_formatter(NullFormatter())
    axis.set_xticks([10, 20, 50, 100, 200, 500, 1000])
    axis.set_xlim(drawn[["train", "eval"]].to_numpy().min() * 0.8, drawn[["train", "eval"]].to_numpy().max() * 1.2)
    axis.tick_params(axis="y", labelsize="small")
    axis.invert_yaxis()
    axis.grid(axis="x")
    axis.legend(loc="lower right")
    return figure, drawn


def at_a_glance(clips: Mapping[str, tuple[Media, Tensor]], shown: int = 8) -> tuple[Figure, dict[str, Tensor]]:
    """For each clip a strip of `shown` frames above its spectrogram (T, F)."""
    figure, axes = plt.subplots(2, len(clips), figsize=(7.2, 3), height_ratios=(1, 3), squeeze=False)
    for (title, (media, values)), (top, bottom) in zip(clips.items(), axes.T, strict=True):
        seconds = len(media.waveform) / media.rate
        picks = torch.linspace(0, len(media.frames) - 1, shown).round().long()
        strip = torch.cat(list(media.frames[picks]), dim=2).permute(1, 2, 0)  # (H, shown · W, 3)
        top.imshow(strip.numpy(), aspect="auto", extent=(0, seconds, 0, 1))
        top.set_axis_off()
        top.set_title(title, fontsize="small")
        spectrogram(bottom, values, seconds)
        bottom.set(xlabel="seconds", yticks=[])
    axes[1, 0].set(ylabel="mel bin", yticks=[0, 20, 40, 60])
    return figure, {title: values for title, (_, values) in clips.items()}


def front_end(media: Media, layer: LogMel, z: Tensor) -> tuple[Figure, dict[str, Tensor]]:
    """A clip on its way into the model: waveform, spectrum, log-mel levels, and what the model sees."""
    seconds = len(media.waveform) / media.rate
    magnitude = layer.stft(media.waveform).abs().clamp_min(1e-6).log10() * 20
    level = layer(media.waveform)
    figure, axes = plt.subplots(2, 2, figsize=(7.2, 4.4), sharex=True)
    time = np.linspace(0, seconds, len(media.waveform))
    axes[0, 0].plot(time, media.waveform.numpy(), color=COLOURS[0], linestyle="-", marker="", linewidth=0.5)
    axes[0, 0].set(title="1. waveform", ylabel="amplitude")
    image = spectrogram(axes[0, 1], magnitude, seconds, vmin=float(magnitude.max()) - 80)
    bins = magnitude.shape[1] - 1
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
        axis.set(xlim=(0, 1), ylim=(0, 1.03), title=title)
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
    """mAP with interval against the number of training clips; columns clips, value, low, high, chance."""
    figure, axis = plt.subplots(figsize=(7.2, 2.8))
    errors = [table["value"] - table["low"], table["high"] - table["value"]]
    axis.errorbar(
        table["clips"], table["value"], errors, color=COLOURS[0], linestyle=LINES[0], marker=MARKERS[0], capsize=3
    )
    axis.axhline(table["chance"].iloc[0], color=INK, linestyle=":")
    axis.annotate(" chance", (1, table["chance"].iloc[0]), xycoords=("axes fraction", "data"), va="center", color=INK)
    axis.set(xscale="log", xlabel="training clips", ylabel="mAP on eval", ylim=(0, 1))
    axis.set_xticks(table["clips"], [str(n) for n in table["clips"]], minor=False)
    axis.minorticks_off()
    return figure, table


def dial_matrix(measured: pd.DataFrame) -> tuple[Figure, pd.DataFrame]:
    """Change of each measurement (column) when one dial (row) was turned; the first row of `measured` is as it was."""
    changes = measured.iloc[1:] - measured.iloc[0]
    figure, axis = plt.subplots(figsize=(7.2, 3.6))
    limit = float(changes.abs().to_numpy().max())
    image = axis.imshow(changes.to_numpy(), cmap=DIVERGING, vmin=-limit, vmax=limit, aspect="auto")
    for (row, column), value in np.ndenumerate(changes.to_numpy()):
        ink = "white" if abs(value) > 0.6 * limit else "black"
        axis.text(column, row, f"{value:+.2f}", ha="center", va="center", color=ink, fontsize="small")
    axis.set_xticks(
        range(changes.shape[1]),
        [c.replace("_", "\n").replace("inform", "inform-\n") for c in changes.columns],
        fontsize="small",
    )
    axis.set_yticks(range(changes.shape[0]), changes.index, fontsize="small")
    axis.set(xlabel="measurement", ylabel="dial turned")
    axis.spines[:].set_visible(False)
    figure.colorbar(image, ax=axis, label="change")
    return figure, changes
