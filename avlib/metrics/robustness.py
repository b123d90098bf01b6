"""What an attack broke: clips, classes, and how much of it a constant for each class explains."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from avlib.errors import AvlibError
from avlib.metrics.clipwise import lwlrap, top_label_lost
from avlib.metrics.tagging import Array, ArrayLike, arrays, tagging

Broken = Callable[[Tensor, Tensor], Tensor]  # (logits, labels) -> (N,) booleans


def broken_share(logits: ArrayLike, labels: ArrayLike, broken: Broken = top_label_lost) -> float:
    """Share of broken clips, among those that carry a label.  `broken` says what that means for each clip.

    >>> broken_share(np.array([[3.0, 1.0], [1.0, 3.0], [5.0, 0.0]]), np.array([[1, 0], [1, 0], [0, 0]]))
    0.5
    """
    values, truth = arrays(logits, labels)
    labelled = truth.any(axis=1)
    flags = broken(torch.from_numpy(values[labelled]), torch.from_numpy(truth[labelled].astype(values.dtype)))
    return float(flags.double().mean())


def class_shift(clean: ArrayLike, attacked: ArrayLike) -> Array:
    """b_c = mean_i (z′_ic − z_ic): the constant that an attack adds to each class's logit, (C,).

    In a linear model a universal δ does nothing else: z′ = z + Wδ for every clip.
    """
    before, after = _logits(clean), _logits(attacked)
    if before.shape != after.shape:
        raise AvlibError(
            f"clean {before.shape} and attacked {after.shape} logits must be of the same clips and classes"
        )
    return (after - before).mean(axis=0)


def decompose(
    clean: ArrayLike,
    attacked: ArrayLike,
    labels: ArrayLike,
    shift: ArrayLike | None = None,
    broken: Broken = top_label_lost,
) -> pd.DataFrame:
    """Split the drop of an attacked result into the class-constant shift b and the rest.

    Rows: `clean` z, `shift alone` z + b, `rest alone` z′ − b, `attacked` z′, of logits (N, C).
    Columns: mAP and auc, which b cannot change (so `shift alone` repeats `clean` there, and `rest alone` repeats
    `attacked`); lwlrap, top1 (share of clips whose top-scored class is a label) and broken, which it can.

    `shift` is b, `class_shift` of the split that δ was fitted on.  Left out, b is fitted on the scored clips
    themselves: the best that a constant for each class can be said to explain, hence an optimistic `rest alone`.

    >>> z = np.array([[2.0, 1.0], [1.0, 2.0], [3.0, 0.0]])
    >>> decompose(z, z + [0.0, 9.0], np.array([[1, 0], [0, 1], [1, 0]]))[["mAP", "top1"]].round(2).T
          clean  shift alone  rest alone  attacked
    mAP     1.0         1.00         1.0      1.00
    top1    1.0         0.33         1.0      0.33
    """
    before, after = _logits(clean), _logits(attacked)
    constant = class_shift(before, after) if shift is None else _logits(shift)
    variants = {
        "clean": before,
        "shift alone": before + constant,
        "rest alone": after - constant,
        "attacked": after,
    }
    return pd.DataFrame({name: _measures(logits, labels, broken) for name, logits in variants.items()}).T


def shift_share(table: pd.DataFrame) -> pd.Series:
    """How much of each measure's drop in `decompose`'s table the class-constant shift explains, 0 to 1.

    The mean of what the shift does to clean logits and of what removing it from attacked ones gives back, over the
    whole drop, so that shift and rest add up to 1 (Shapley's way to share an effect of two causes).  NaN where
    nothing dropped.  The share of mAP and auc is 0.

    >>> z, y = np.array([[2.0, 1.0], [1.0, 2.0], [3.0, 0.0]]), np.array([[1, 0], [0, 1], [1, 0]])
    >>> shift_share(decompose(z, z + [0.0, 9.0], y))["top1"].round(6).item()
    1.0
    """
    clean, shifted, rest, attacked = table.loc[["clean", "shift alone", "rest alone", "attacked"]].to_numpy()
    drop, explained = clean - attacked, (clean - shifted + rest - attacked) / 2
    return pd.Series(np.divide(explained, drop, out=np.full_like(drop, np.nan), where=drop != 0), table.columns)


def _logits(values: ArrayLike) -> Array:
    return torch.as_tensor(values).detach().cpu().double().numpy()


def _measures(logits: Array, labels: ArrayLike, broken: Broken) -> dict[str, float]:
    scored = tagging(logits, labels)
    return {
        "mAP": scored.mAP,
        "auc": scored.auc,
        "lwlrap": lwlrap(logits, labels),
        "top1": 1 - broken_share(logits, labels),
        "broken": broken_share(logits, labels, broken),
    }
