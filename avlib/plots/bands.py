"""Figures of the chapter on frequencies and moments."""

from collections.abc import Mapping

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from torch import Tensor

from avlib.metrics import Interval
from avlib.plots.pieces import bars, legend_above
from avlib.plots.spectrogram import spectrogram
from avlib.plots.style import COLOURS, DIVERGING, INK, LINES, MARKERS


def pictured(deltas: Mapping[str, Tensor], seconds: float) -> tuple[Figure, dict[str, Tensor]]:
    """Perturbations (T, F) as pictures, two in a row, with one colour scale (figure 2 of P1)."""
    rows = (len(deltas) + 1) // 2
    figure, axes = plt.subplots(
        rows, 2, figsize=(7.2, 2.1 * rows), sharex=True, sharey=True, squeeze=False, layout="constrained"
    )
    limit = max(float(delta.abs().quantile(0.995)) for delta in deltas.values()) or 1.0
    for axis, (name, delta) in zip(axes.flat, deltas.items(), strict=False):
        image = spectrogram(axis, delta, seconds, cmap=DIVERGING, vmin=-limit, vmax=limit)
        axis.set(title=name, xlabel="seconds", ylabel="mel bin")
        figure.colorbar(image, ax=axis, shrink=0.8, format="%g", ticks=MaxNLocator(4))
    for axis in axes.flat[len(deltas) :]:
        axis.axis("off")
    return figure, {name: delta.cpu() for name, delta in deltas.items()}


def by_part(found: Mapping[str, Mapping[str, Interval]], level: Mapping[str, float]) -> tuple[Figure, pd.DataFrame]:
    """Attacked mAP of each part, one panel a convention; `level` are lines across all panels."""
    figure, axes = plt.subplots(1, len(found), figsize=(7.2, 3.0), sharey=True, layout="constrained")
    rows = []
    for axis, (convention, by_name), colour, marker in zip(axes, found.items(), COLOURS, MARKERS, strict=False):
        bars(axis, range(len(by_name)), by_name.values(), color=colour, linestyle="", marker=marker)
        for (name, height), line in zip(level.items(), LINES[1:], strict=False):
            axis.axhline(height, color=INK, linewidth=1, linestyle=line, marker="", label=name)
        axis.set(title=convention, xlim=(-0.5, len(by_name) - 0.5))
        axis.set_xticks(range(len(by_name)), [name.split()[-1] for name in by_name], rotation=45)
        rows += [{"convention": convention, "part": name, "value": score.value} for name, score in by_name.items()]
    axes[0].set(ylabel="mAP under δ", ylim=(0, None))
    legend_above(figure, axes[0])
    return figure, pd.DataFrame(rows)


def by_radius(found: Mapping[str, Mapping[float, Interval]], clean: float) -> tuple[Figure, pd.DataFrame]:
    """Attacked mAP against ε, a line for each part that δ may live in."""
    figure, axis = plt.subplots()
    rows = []
    for (name, scores), colour, line, marker in zip(found.items(), COLOURS, LINES, MARKERS, strict=False):
        bars(axis, list(scores), scores.values(), color=colour, linestyle=line, marker=marker, label=name)
        rows += [{"part": name, "epsilon": eps, "value": score.value} for eps, score in scores.items()]
    axis.axhline(clean, color=INK, linewidth=1, linestyle=":", label="clean")
    axis.set(xscale="log", xlabel="radius ε (z-units, ℓ2 a frame)", ylabel="mAP", ylim=(0, None))
    radii = sorted({eps for scores in found.values() for eps in scores})
    axis.set_xticks(radii, [f"{eps:g}" for eps in radii])
    axis.minorticks_off()
    legend_above(figure, axis, columns=3)
    return figure, pd.DataFrame(rows)


def three_readings(table: pd.DataFrame) -> tuple[Figure, pd.DataFrame]:
    """Vulnerability against information, a mark a band, as large as the tagger relies on it.

    `table` has a row a band and the columns information, vulnerability, reliance: intervals of mAP.
    """
    figure, axis = plt.subplots(figsize=(7.2, 3.6))
    value = pd.DataFrame({name: [score.value for score in table[name]] for name in table}, index=table.index)
    area = 30 + 900 * value["reliance"].clip(lower=0)
    for i, (name, colour) in enumerate(zip(table.index, np.resize(COLOURS, len(table)), strict=True)):
        x, y = table["information"].iloc[i], table["vulnerability"].iloc[i]
        width, height = ([[score.value - score.low], [score.high - score.value]] for score in (x, y))
        axis.errorbar(x.value, y.value, height, width, linestyle="", marker="", color=colour, linewidth=1, alpha=0.5)
        axis.scatter(x.value, y.value, s=area.iloc[i], color=colour, marker=MARKERS[i % len(MARKERS)], alpha=0.6)
        axis.annotate(str(name).split()[-1], (x.value, y.value), xytext=(6, 6), textcoords="offset points")
    axis.axhline(0, color=INK, linewidth=0.8, alpha=0.6)
    axis.set(
        xlabel="information: mAP from the band alone", ylabel="vulnerability: mAP that δ\ntakes beyond a random one"
    )
    return figure, value.rename_axis("band").reset_index()
