"""What scores that know nothing get, and what the worst ones get: the two marks on the scale of mAP."""

from collections.abc import Callable

import numpy as np

from avlib.metrics.tagging import ArrayLike, arrays


def chance_ap(positives: int, clips: int, found: int = 0) -> float:
    """Expected AP where K of R positives lead and the other N − K clips follow in random order; K = `found`.

    E[AP] = (K + Σ_{k=1..n} r/n · (K + 1 + (k − 1)(r − 1)/(n − 1)) / (K + k)) / R with n = N − K and r = R − K: the k-th
    clip of the rest is positive with probability r/n, and each one before it then with (r − 1)/(n − 1).  For K = 0
    that is a little above R / N.  NaN without positives.

    >>> chance_ap(1, 2), chance_ap(2, 2)  # first or second of two, equally likely: (1 + 1/2) / 2
    (0.75, 1.0)
    >>> chance_ap(2, 3, found=1)  # the other positive comes second or third: (1 + 1) / 2 or (1 + 2/3) / 2
    0.9166666666666666
    """
    if not positives:
        return float("nan")
    rest, left = clips - found, positives - found
    k = np.arange(1, rest + 1)
    precision = (found + 1 + (k - 1) * (left - 1) / max(1, rest - 1)) / (found + k)
    return float((found + left * precision.sum() / max(1, rest)) / positives)


def floor_ap(positives: int, clips: int) -> float:
    """The lowest average precision that R positives among N clips can have: (1/R) Σ_{k=1..R} k / (N − R + k).

    All positives come last; the k-th of them stands at rank N − R + k.

    >>> floor_ap(1, 4), floor_ap(4, 4)
    (0.25, 1.0)
    """
    last = np.arange(1, positives + 1)
    return float((last / (clips - positives + last)).mean())


def chance_map(labels: ArrayLike) -> float:
    """Expected mAP of scores in random order on `labels` (N, C), over the classes that `tagging` counts.

    Above the prevalence, and the more so the fewer the clips.  NaN where no class has both kinds of clips.

    >>> chance_map(np.array([[1, 1], [0, 1]]))  # the second class has no negative clip
    0.75
    """
    return _mean(chance_ap, labels)


def floor_map(labels: ArrayLike) -> float:
    """The lowest mAP that any scores can have on `labels` (N, C), over the classes that `tagging` counts.

    >>> floor_map(np.array([[1], [0], [0], [0]]))
    0.25
    """
    return _mean(floor_ap, labels)


def _mean(of_class: Callable[[int, int], float], labels: ArrayLike) -> float:
    _, truth = arrays(labels, labels)
    counts = [int(positives) for positives in truth.sum(axis=0) if 0 < positives < len(truth)]
    return float(np.mean([of_class(positives, len(truth)) for positives in counts])) if counts else float("nan")
