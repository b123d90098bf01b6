"""The metrics of resampled clips: a clip drawn k times counts k times, for many resamplings at once."""

from collections.abc import Callable

import numpy as np
import torch

from avlib.metrics.clipwise import label_precisions, top_label_lost
from avlib.metrics.tagging import Array, Flags, dprime

# (scores (N, C), labels (N, C), weights (N, R)) -> (K, R): K numbers under each of the R columns of weights.
# K is 1 for what is one number for all classes, and C for what each class has one of.
Statistic = Callable[[np.ndarray, Flags, Array], Array]


def weighted_ap_auc(scores: np.ndarray, labels: Flags, weights: Array) -> tuple[Array, Array]:
    """AP and AUC of every class under every column of `weights` (N, R): two arrays (C, R).

    With whole numbers as weights, exactly the metrics of `tagging` on a set that repeats each clip so many times.
    NaN where a class has no positive or no negative of weight above 0.
    """
    pairs = [_class_ap_auc(scores[:, c], labels[:, c], weights) for c in range(scores.shape[1])]
    ap, auc = np.array(pairs).swapaxes(0, 1)
    return ap, auc


def _class_ap_auc(scores: np.ndarray, truth: Flags, weights: Array) -> tuple[Array, Array]:
    if truth.all() or not truth.any():  # of 527 classes most, where clips are few
        nothing = np.full(weights.shape[1], np.nan)
        return nothing, nothing
    order = np.argsort(scores)
    ranked, hits = scores[order], order[truth[order]]
    gain = weights[hits]  # (P, R), by ascending score
    positives, everyone = gain.sum(axis=0), weights.sum(axis=0)
    below, up_to = _before(weights[order], _places(ranked, scores[hits]))
    hits_below, hits_up_to = _before(gain, _places(scores[hits], scores[hits]))
    # A clip of weight 0 may stand alone at the top, where the precision is 0/0; its own weight removes it.
    precision = np.divide(positives - hits_below, everyone - below, out=np.zeros_like(gain), where=gain > 0)
    negatives_below = (below - hits_below + up_to - hits_up_to) / 2
    both = (positives > 0) & (positives < everyone)
    with np.errstate(divide="ignore", invalid="ignore"):
        ap = (gain * precision).sum(axis=0) / positives
        auc = (gain * negatives_below).sum(axis=0) / (positives * (everyone - positives))
    return np.where(both, ap, np.nan), np.where(both, auc, np.nan)


def _places(ranked: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """How many of `ranked` are below each of `scores`, and how many are not above it: (2, P)."""
    return np.stack([np.searchsorted(ranked, scores, "left"), np.searchsorted(ranked, scores, "right")])


def _before(weights: Array, ends: np.ndarray) -> Array:
    """Sums of the first `ends` rows of weights (N, R): (*ends.shape, R).

    Rows between two ends are added up at once: to write a sum at every row, and leave most, takes three times as long.
    """
    cuts, places = np.unique(np.append(0, ends), return_inverse=True)
    total = np.zeros((len(cuts), weights.shape[1]))
    if len(cuts) > 1:  # else nothing is before any end
        np.cumsum(np.add.reduceat(weights[: cuts[-1]], cuts[:-1], axis=0), axis=0, out=total[1:])
    return total[places[1:].reshape(ends.shape)]


def _mean_of_counted(values: Array) -> Array:
    """Mean (1, R) over the classes (C, R) that are not NaN; NaN where there is none."""
    counted = np.isfinite(values).sum(axis=0, keepdims=True)
    total = np.nansum(values, axis=0, keepdims=True)
    return np.divide(total, counted, out=np.full(counted.shape, np.nan), where=counted > 0)


def ap_by_class(scores: np.ndarray, labels: Flags, weights: Array) -> Array:
    """AP of every class under each column of weights, (C, R)."""
    return weighted_ap_auc(scores, labels, weights)[0]


def auc_by_class(scores: np.ndarray, labels: Flags, weights: Array) -> Array:
    """AUC of every class, as `ap_by_class`."""
    return weighted_ap_auc(scores, labels, weights)[1]


def mean_ap(scores: np.ndarray, labels: Flags, weights: Array) -> Array:
    """Macro mAP (1, R) under each column of weights, over the classes that have both kinds of clips there."""
    return _mean_of_counted(ap_by_class(scores, labels, weights))


def mean_auc(scores: np.ndarray, labels: Flags, weights: Array) -> Array:
    """Macro AUC, as `mean_ap`."""
    return _mean_of_counted(auc_by_class(scores, labels, weights))


def mean_dprime(scores: np.ndarray, labels: Flags, weights: Array) -> Array:
    """d′ of the macro AUC, kept finite: an AUC of 1 counts as 1 − h, and one of 0 as h.

    The least that an imperfect macro AUC is away from 1 is one tie in the class with most pairs, 1 / (2·C·P·Q).  h is
    half of that, as for a hit rate of 1 in Macmillan and Creelman, Detection Theory (2005), chapter 1: from so many
    pairs no more can be told.
    """
    positives = labels.sum(axis=0)
    pairs = positives * (len(labels) - positives)
    h = 1 / (4 * max(1, np.count_nonzero(pairs) * pairs.max(initial=0)))
    return dprime(np.clip(mean_auc(scores, labels, weights), h, 1 - h))


def mean_lwlrap(scores: np.ndarray, labels: Flags, weights: Array) -> Array:
    """lwlrap (1, R), a ratio of two sums over clips."""
    return _ratio(*label_precisions(scores, labels), weights)


def broken(scores: np.ndarray, labels: Flags, weights: Array) -> Array:
    """Share (1, R) of the clips with a label whose top-scored class is none of them."""
    lost = top_label_lost(torch.from_numpy(scores), torch.from_numpy(labels)).numpy()
    return _ratio(lost, labels.sum(axis=1) > 0, weights)


def top1(scores: np.ndarray, labels: Flags, weights: Array) -> Array:
    """Share (1, R) of the clips with a label whose top-scored class is one of them: accuracy, where they have one."""
    return 1 - broken(scores, labels, weights)


def _ratio(part: np.ndarray, whole: np.ndarray, weights: Array) -> Array:
    """Σ part / Σ whole over the clips, (1, R); NaN where the whole is 0."""
    above, below = part[None] @ weights, whole[None] @ weights
    return np.divide(above, below, out=np.full(below.shape, np.nan), where=below > 0)


STATISTICS: dict[str, Statistic] = {
    "mAP": mean_ap,
    "auc": mean_auc,
    "dprime": mean_dprime,
    "lwlrap": mean_lwlrap,
    "broken": broken,
    "top1": top1,
    "ap_by_class": ap_by_class,
    "auc_by_class": auc_by_class,
}
