"""Figures of the chapter on universal perturbations."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from torch import Tensor

from avlib.metrics import Interval
from avlib.plots.pieces import bars, ends, legend_above
from avlib.plots.spectrogram import spectrogram
from avlib.plots.style import COLOURS, DIVERGING, INK, LINES, MARKERS

STATES = {"right": (COLOURS[0], ""), "shifted": (COLOURS[1], "///"), "drowned": (COLOURS[3], "..."), "wrong": (INK, "")}


def by_pass(
    histories: Mapping[str, pd.DataFrame], ends: Mapping[str, float] | None = None
) -> tuple[Figure, pd.DataFrame]:
    """‖δ‖ / ε and the mean loss after each pass; `histories` as of `Perturbation.history`, one for each attack.

    `ends` holds, for some of them, the loss under a random δ that is as long as the last one: an open mark at the end.
    """
    figure, (left, right) = plt.subplots(1, 2, layout="constrained")
    rows = []
    for (label, history), colour, line in zip(histories.items(), COLOURS, LINES, strict=False):
        style = {"color": colour, "linestyle": line, "marker": "", "label": label}
        left.plot(history["pass"], history["ratio_audio"], **style)
        right.plot(history["pass"], history["loss"], **style)
        rows.append(history[["pass", "ratio_audio", "loss"]].assign(attack=label))
        if ends and label in ends:
            control = history[["pass", "ratio_audio"]].tail(1).assign(loss=ends[label], attack=f"random, as {label}")
            (mark,) = right.plot(control["pass"], control["loss"], linestyle="", marker="D", color=colour)
            mark.set(markersize=7, markerfacecolor="none", label=f"random, as long as {label}")
            rows.append(control)
    left.axhline(1, color=INK, linewidth=1, linestyle=":")
    left.set(ylabel="‖δ‖ / ε")
    right.set(ylabel="mean loss")
    for axis in (left, right):
        axis.set(xlabel="pass over the fitting clips", ylim=(0, None))
        axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    if len(histories) > 1:
        legend_above(figure, right, columns=2)
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
    legend_above(figure, axes[-1], columns=len(deltas), corner="right")
    return figure, drawn


def sweep(
    table: pd.DataFrame, gaps: Mapping[float, Interval], chance: float, epsilon: float
) -> tuple[Figure, dict[str, Any]]:
    """mAP and the share of broken clips against ε, a line for each attack, and the gap by which an ε is chosen.

    `table` has attack ("clean" among them), epsilon, and the intervals `mAP` and `broken` as `summary` gives them.
    `gaps` are differences of mAP for some radii, of which `epsilon` is marked.
    """
    figure, axes = plt.subplots(1, 3, figsize=(7.2, 3.2), layout="constrained")
    drawn = table[["attack", "epsilon"]].assign(
        **{f"{measure}_{end}": values for measure in ("mAP", "broken") for end, values in ends(table[measure]).items()}
    )
    clean, attacked = drawn[drawn["attack"] == "clean"].iloc[0], drawn[drawn["attack"] != "clean"]
    lines = list(zip(attacked.groupby("attack", sort=False), COLOURS, LINES, MARKERS, strict=False))
    for axis, measure in zip(axes, ("mAP", "broken"), strict=False):
        for (attack, rows), colour, line, marker in lines:
            style = {"color": colour, "linestyle": line, "marker": marker, "label": str(attack)}
            bars(axis, rows["epsilon"], table.loc[rows.index, measure], **style)
        axis.axhline(clean[f"{measure}_value"], color=INK, linewidth=1, linestyle=":", label="clean")
    axes[0].axhline(chance, color=INK, linewidth=1, linestyle="--", label="chance")
    axes[0].set(title="mAP on eval", ylim=(0, None))
    axes[1].set(title="broken clips of eval", ylim=(0, 1))
    bars(axes[2], list(gaps), gaps.values(), color=COLOURS[2], linestyle=LINES[0], marker=MARKERS[2])
    axes[2].axhline(0, color=INK, linewidth=1)
    axes[2].axvline(epsilon, color=INK, linewidth=1, linestyle="-.", label="ε of this page")
    axes[2].set(title="mAP, random − fitted,\non the fitting clips")
    for axis in axes:
        axis.set(xscale="log", xlabel="radius ε (z-units)")
        axis.set_xticks(list(gaps), [f"{e:g}" for e in gaps], rotation=45, minor=False)
        axis.minorticks_off()
    legend_above(figure, axes[0], columns=4)
    apart = {f"gap_{end}": values for end, values in ends(gaps.values()).items()}
    return figure, {**drawn, "gap_epsilon": list(gaps), **apart}


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
    legend_above(figure, axes[0], columns=len(chosen))
    return figure, pd.concat(rows, ignore_index=True)


def shares(table: pd.DataFrame, names: Mapping[str, str]) -> tuple[Figure, pd.DataFrame]:
    """The drop of each measure in a table of `decompose`, and what of it is the class-constant shift, in both orders.

    `names` maps the measures to what stands beside their bars.  A bar is the whole drop (of `broken` the rise), two
    marks are what the shift takes of it, alone or after the rest.  Below zero stands what helped.
    """
    clean, shifted, rest, attacked = table.loc[
        ["clean", "shift alone", "rest alone", "attacked"], list(names)
    ].to_numpy() * np.where([name == "broken" for name in names], -1, 1)
    whole, orders = (
        clean - attacked,
        {"the shift, alone": clean - shifted, "the shift, after the rest": rest - attacked},
    )
    figure, axis = plt.subplots(figsize=(7.2, 2.6))
    place = np.arange(len(names))[::-1]
    bars = axis.barh(place, whole, 0.6, facecolor="none", edgecolor=INK, linewidth=1, label="the whole drop")
    axis.bar_label(bars, fmt="%.2f", padding=3, fontsize="small", color=INK)
    axis.hlines(place, *orders.values(), color=INK, linewidth=1)
    for (label, values), colour, marker, face in zip(orders.items(), COLOURS, MARKERS, (None, "none"), strict=False):
        (marks,) = axis.plot(values, place, linestyle="", marker=marker, color=colour, label=label, clip_on=False)
        marks.set(markersize=8, markerfacecolor=face or colour, markeredgewidth=2)
    axis.axvline(0, color=INK, linewidth=1)
    axis.set_yticks(place, list(names.values()))
    axis.set(xlabel="harm done (what the measure lost)", ylim=(-0.6, len(names) - 0.4))
    axis.margins(x=0.08)
    legend_above(figure, axis, columns=3)
    return figure, pd.DataFrame({"measure": list(names), "the whole drop": whole, **orders})


def flow(panels: Mapping[str, pd.DataFrame]) -> tuple[Figure, pd.DataFrame]:
    """Where clips go: for each attack a table of `fates`, drawn as bands from the state before to the state after.

    Heights are numbers of clips, on one scale.  A state without clips is not drawn.
    """
    figure, axes = plt.subplots(1, len(panels), figsize=(7.2, 3.4), sharey=True, squeeze=False, layout="constrained")
    for axis, (title, table) in zip(axes[0], panels.items(), strict=True):
        _flow(axis, table)
        axis.set(title=title, xlim=(-0.75, 1.85))
        axis.set_xticks([0, 1], ["without δ", "with δ"])
        axis.tick_params(length=0)
        axis.yaxis.set_visible(False)
        axis.spines[:].set_visible(False)
    return figure, pd.concat([table.assign(panel=title) for title, table in panels.items()], ignore_index=True)


def _flow(axis: Axes, table: pd.DataFrame) -> None:
    """One panel of `flow`: columns of states at 0 and at 1, and the bands between them."""
    room = 0.04 * int(table["clips"].sum())  # between two states
    tops: dict[tuple[str, str], float] = {}
    for x, side in ((0, "before"), (1, "after")):
        height, words = 0.0, math.inf
        for state in STATES:
            clips = int(table.loc[table[side] == state, "clips"].sum())
            tops[side, state] = height
            if clips:
                words = min(height - clips / 2, words - 1.6 * room)  # words of two thin states stand apart
                at, side_of = (x - 0.1, "right") if side == "before" else (x + 0.1, "left")
                axis.text(at, words, f"{state}  {clips}", ha=side_of, va="center", color=INK)
                height -= clips + room
    t = np.linspace(0, 1, 50)
    smooth = t**2 * (3 - 2 * t)
    for before, after, clips in zip(*(table[name].tolist() for name in ("before", "after", "clips")), strict=True):
        left, right = ("before", before), ("after", after)
        top = tops[left] + (tops[right] - tops[left]) * smooth
        colour, hatch = STATES[after]
        axis.fill_between(t, top, top - clips, facecolor=colour, alpha=0.6, hatch=hatch, edgecolor=INK, linewidth=0)
        tops[left] -= clips
        tops[right] -= clips
