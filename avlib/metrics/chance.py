"""What a tagger's mAP means: the score of random scores, and the lowest score that there is."""

from collections.abc import Callable

import numpy as np

from avlib.metrics.tagging import Array, ArrayLike, arrays


def chance_ap(positives: int, clips: int) -> float:
    """Expected average precision of a random order with P positives among N clips, a little above P / N.

    E[AP] = (H + (P − 1)(N − H)/(N − 1)) / N with H = Σ_{k=1..N} 1/k.

    >>> chance_ap(1, 2), chance_ap(2, 2)  # first or second of two, equally likely: (1 + 1/2) / 2
    (0.75, 1.0)
    """
    harmonic = float((1 / np.arange(1, clips + 1)).sum())
    return (harmonic + (positives - 1) * (clips - harmonic) / max(1, clips - 1)) / clips


def floor_ap(positives: int, clips: int) -> float:
    """Average precision when every positive stands below every negative: (1/P) Σ_{k=1..P} k / (N − P + k).

    >>> floor_ap(1, 4), floor_ap(2, 4)
    (0.25, 0.41666666666666663)
    """
    k = np.arange(1, positives + 1)
    return float((k / (clips - positives + k)).mean())


def chance_map(labels: ArrayLike) -> float:
    """mAP that random scores are expected to get on `labels` (N, C): the mean of `chance_ap` over the counted classes.

    It lies above the mean prevalence, the more so the fewer clips there are (.116 against .094 on 128 clips of 32
    classes).

    >>> round(chance_map(np.eye(4)[:, :2]), 3)
    0.521
    """
    return _mean(chance_ap, labels)


def floor_map(labels: ArrayLike) -> float:
    """The lowest mAP that any scores can have on `labels` (N, C): all positives of every class last.

    >>> floor_map(np.eye(4)[:, :2])
    0.25
    """
    return _mean(floor_ap, labels)


def _mean(of: Callable[[int, int], float], labels: ArrayLike) -> float:
    _, truth = arrays(np.zeros(np.shape(labels)), labels)
    counts: Array = truth.sum(axis=0)
    counted = [int(count) for count in counts if 0 < count < len(truth)]
    return float(np.mean([of(count, len(truth)) for count in counted])) if counted else float("nan")
