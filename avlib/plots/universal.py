"""Figures of the chapter on universal perturbations."""

from collections.abc import Mapping, Sequence
from typing import Literal

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from torch import Tensor

from avlib.plots.spectrogram import spectrogram
from avlib.plots.style import COLOURS, DIVERGING, INK, LINES, MARKERS


def by_pass(histories: Mapping[str, pd.DataFrame]) -> tuple[Figure, pd.DataFrame]:
    """‖δ‖ / ε and the mean loss after each pass; `histories` as of `Perturbation.history`, one for each attack."""
    figure, (left, right) = plt.subplots(1, 2, layout="constrained")
    rows = []
    for (label, history), colour, line in zip(histories.items(), COLOURS, LINES, strict=False):
        style = {"color": colour, "linestyle": line, "marker": "", "label": label}
        left.plot(history["pass"], history["ratio_audio"], **style)
        right.plot(history["pass"], history["loss"], **style)
        rows.append(history[["pass", "ratio_audio", "loss"]].assign(attack=label))
    left.axhline(1, color=INK, linewidth=1, linestyle=":")
    left.set(xlabel="pass over the fitting clips", ylabel="‖δ‖ / ε", ylim=(0, None))
    right.set(xlabel="pass over the fitting clips", ylabel="mean loss")
    for axis in (left, right):
        axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    if len(histories) > 1:
        _legend_above(figure, left, columns=2)
    return figure, pd.concat(rows, ignore_index=True)


def shapes(deltas: Mapping[str, Tensor], seconds: float) -> tuple[Figure, dict[str, Tensor]]:
    """Perturbations (T, F) as pictures with one colour scale, and the root mean square of each mel bin beside them."""
    figure, axes = plt.subplots(
        1, len(deltas) + 1, figsize=(7.2, 3.0), sharey=True, width_ratios=[3] * len(deltas) + [2], layout="constrained"
    )
    limit = max(float(delta.abs().quantile(0.995)) for delta in deltas.values()) or 1.0
    drawn = {}
    for axis, (name, delta), colour, line in zip(axes, deltas.items(), COLOURS, LINES, strict=False):
        image = spectrogram(axis, delta, seconds, cmap=DIVERGING, vmin=-limit, vmax=limit)
        axis.set(title=name, xlabel="seconds")
        drawn[name] = delta.square().mean(dim=0).sqrt().cpu()
        height = np.arange(len(drawn[name])) + 0.5
        axes[-1].plot(drawn[name], height, color=colour, linestyle=line, marker="", label=name)
    figure.colorbar(image, ax=axes[len(deltas) - 1], shrink=0.8, label="z-units")
    axes[0].set_ylabel("mel bin")
    axes[-1].set(title="size of each bin", xlabel="z-units (RMS)", xlim=(0, None))
    _legend_above(figure, axes[-1], columns=len(deltas), corner="right")
    return figure, drawn


def sweep(table: pd.DataFrame, chance: float) -> tuple[Figure, pd.DataFrame]:
    """mAP and the share of broken clips against ε, a line for each attack, a dotted line for clean clips.

    `table` has attack ("clean" among them), epsilon, and the intervals `mAP` and `broken` as `summary` gives them.
    """
    figure, axes = plt.subplots(1, 2, layout="constrained")
    drawn = table[["attack", "epsilon"]].assign(
        **{
            f"{measure}_{end}": [getattr(interval, end) for interval in table[measure]]
            for measure in ("mAP", "broken")
            for end in ("value", "low", "high")
        }
    )
    clean, attacked = drawn[drawn["attack"] == "clean"].iloc[0], drawn[drawn["attack"] != "clean"]
    radii = sorted(attacked["epsilon"].unique())
    for axis, measure in zip(axes, ("mAP", "broken"), strict=True):
        for (attack, rows), colour, line, marker in zip(
            attacked.groupby("attack", sort=False), COLOURS, LINES, MARKERS, strict=False
        ):
            value = rows[f"{measure}_value"]
            errors = [value - rows[f"{measure}_low"], rows[f"{measure}_high"] - value]
            style = {"color": colour, "linestyle": line, "marker": marker, "capsize": 3}
            axis.errorbar(rows["epsilon"], value, errors, label=str(attack), **style)
        axis.axhline(clean[f"{measure}_value"], color=INK, linewidth=1, linestyle=":")
        _beside(axis, clean[f"{measure}_value"], "clean")
        axis.set(xscale="log", xlabel="radius ε (z-units)")
        axis.set_xticks(radii, [f"{e:g}" for e in radii], minor=False)
        axis.minorticks_off()
    axes[0].axhline(chance, color=INK, linewidth=1, linestyle="--")
    _beside(axes[0], chance, "chance")
    axes[0].set(ylabel="mAP", ylim=(0, None))
    axes[1].set(ylabel="share of broken clips", ylim=(0, 1))
    axes[1].yaxis.labelpad = 12  # the names of the lines of the left panel end there
    _legend_above(figure, axes[0], columns=2)
    return figure, drawn


def shifted_logits(
    panels: Mapping[str, tuple[Tensor, Tensor]], classes: Sequence[str], chosen: Sequence[int]
) -> tuple[Figure, pd.DataFrame]:
    """Attacked against clean logits of the clips, for the `chosen` classes; a panel for each model.

    `panels` holds (clean, attacked) logits, each (N, C).  On the grey diagonal nothing has changed; a class whose clips
    lie on a parallel of it was shifted by a constant.
    """
    figure, axes = plt.subplots(1, len(panels), figsize=(7.2, 3.6), layout="constrained")
    rows = []
    for axis, (title, (clean, attacked)) in zip(axes, panels.items(), strict=True):
        for c, colour, marker in zip(chosen, COLOURS, MARKERS, strict=False):
            x, y = clean[:, c].numpy(), attacked[:, c].numpy()
            axis.plot(x, y, linestyle="", marker=marker, markersize=3, alpha=0.6, color=colour, label=classes[c])
            ends = np.array([x.min(), x.max()])
            axis.plot(ends, ends + (y - x).mean(), color=colour, linestyle="-", marker="", linewidth=1)
            rows.append(pd.DataFrame({"panel": title, "class": classes[c], "clean": x, "attacked": y}))
        ends = np.array([clean[:, chosen].min(), clean[:, chosen].max()])
        axis.plot(ends, ends, color=INK, linestyle="--", marker="", linewidth=1)
        axis.set(title=title, xlabel="clean logit", ylabel="logit under δ")
    _legend_above(figure, axes[0], columns=len(chosen))
    return figure, pd.concat(rows, ignore_index=True)


def shares(table: pd.DataFrame, names: Mapping[str, str]) -> tuple[Figure, pd.DataFrame]:
    """The drop of each measure in a table of `decompose`, split into the class-constant shift and the rest.

    `names` maps the measures to what stands beside their bars.  The two parts of a bar add up to the drop (of `broken`
    to the rise); a part below zero means that alone it would have helped.
    """
    rows = table.loc[["clean", "shift alone", "rest alone", "attacked"], list(names)].to_numpy()
    clean, shifted, rest, attacked = rows
    shift = (clean - shifted + rest - attacked) / 2
    sign = np.where([name == "broken" for name in names], -1, 1)
    parts = {"class-constant shift": shift * sign, "the rest": (clean - attacked - shift) * sign}
    figure, axis = plt.subplots(figsize=(7.2, 2.6))
    place = np.arange(len(names))[::-1]
    for (label, values), colour, hatch, offset in zip(
        parts.items(), COLOURS[:2], ("", "///"), (0.2, -0.2), strict=True
    ):
        bars = axis.barh(
            place + offset, values, 0.38, color=colour, hatch=hatch, edgecolor=INK, linewidth=0.5, label=label
        )
        axis.bar_label(bars, fmt="%.2f", padding=3, fontsize="small", color=INK)
    axis.axvline(0, color=INK, linewidth=1)
    axis.set_yticks(place, list(names.values()))
    axis.set(xlabel="harm done (what the measure lost)")
    _legend_above(figure, axis, columns=2)
    return figure, pd.DataFrame({"measure": list(names), **parts})


def _beside(axis: Axes, height: float, text: str) -> None:
    axis.annotate(f" {text}", (1, height), xycoords=("axes fraction", "data"), va="center", color=INK, fontsize="small")


def _legend_above(figure: Figure, axis: Axes, columns: int, corner: Literal["left", "right"] = "left") -> None:
    handles, labels = axis.get_legend_handles_labels()
    figure.legend(
        handles, labels, loc="outside upper left" if corner == "left" else "outside upper right", ncols=columns
    )
