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


def shift_share(table: pd.DataFrame) -> pd.DataFrame:
    """How much of each measure's drop in `decompose`'s table the class-constant shift explains, in both orders.

    Rows: `shift first`, what b does to clean logits; `rest first`, what b still does after the rest, so that taking it
    away gives so much back; both over the whole drop.  They agree where shift and rest act on their own.  Their mean
    is Shapley's way to share an effect of two causes: shift and rest then add up to 1.  NaN where nothing dropped.
    The share of mAP and auc is 0.

    >>> z, y = np.array([[2.0, 1.0], [1.0, 2.0], [3.0, 0.0]]), np.array([[1, 0], [0, 1], [1, 0]])
    >>> shift_share(decompose(z, z + [0.0, 9.0], y))["top1"].round(6).tolist()
    [1.0, 1.0]
    """
    clean, shifted, rest, attacked = table.loc[["clean", "shift alone", "rest alone", "attacked"]].to_numpy()
    drop, explained = clean - attacked, np.array([clean - shifted, rest - attacked])
    shares = np.divide(explained, drop, out=np.full_like(explained, np.nan), where=drop != 0)
    return pd.DataFrame(shares, ["shift first", "rest first"], table.columns)


def fates(clean: ArrayLike, attacked: ArrayLike, labels: ArrayLike, shift: ArrayLike) -> pd.DataFrame:
    """Where the clips with a label go under an attack: their number for each state `before` and `after` it.

    Before: `right`, the top-scored class is a label, or `wrong`.  After, of the clips that were right: `right` again;
    `shifted`, wrong, but right once the class-constant `shift` is taken back; `drowned`, wrong even then.  Of those
    that were wrong: `right` or `wrong`.  Logits are (N, C), `shift` (C,) as of `class_shift`.

    >>> z, y = np.array([[3.0, 0.0], [2.0, 0.0], [0.0, 1.0]]), np.array([[1, 0], [1, 0], [1, 0]])
    >>> fates(z, np.array([[3.0, 4.0], [0.0, 9.0], [0.0, 5.0]]), y, np.array([0.0, 4.0]))["clips"].tolist()
    [0, 1, 1, 0, 1]
    """
    truth = torch.as_tensor(labels) > 0
    labelled = truth.any(dim=1)
    before, after, back = (
        ~top_label_lost(torch.as_tensor(z)[labelled], truth[labelled])
        for z in (_logits(clean), _logits(attacked), _logits(attacked) - _logits(shift))
    )
    counts = {
        ("right", "right"): before & after,
        ("right", "shifted"): before & ~after & back,
        ("right", "drowned"): before & ~after & ~back,
        ("wrong", "right"): ~before & after,
        ("wrong", "wrong"): ~before & ~after,
    }
    rows = [(*states, int(clips.sum())) for states, clips in counts.items()]
    return pd.DataFrame(rows, columns=["before", "after", "clips"])


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
