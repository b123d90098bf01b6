"""Differences of numbers that were bootstrapped one by one, on the same draws of clips."""

from collections.abc import Sequence

import numpy as np

from avlib.errors import AvlibError
from avlib.metrics.bootstrap import Interval, interval


def apart(a: Interval, b: Interval) -> Interval:
    """The interval of a − b, of two numbers whose replicates come from the same draws, as for `paired`.

    They do in all that `bootstrap` and `paired` give on the same clips and seeds, with as many replicates and no
    generator of one's own: the luck of the clips cancels.

    Raises
    ------
    AvlibError
        When the numbers of replicates, seeds or clips differ: then the draws were others.

    >>> one, two = (interval(v, v + np.array([-0.1, 0.0, 0.1])) for v in (0.5, 0.3))
    >>> str(apart(one, two))
    '0.200 [0.200, 0.200]'
    """
    return contrast([a, b], [1, -1])


def contrast(scores: Sequence[Interval], weights: Sequence[float]) -> Interval:
    """The interval of Σ_i w_i · score_i, on the same draws, as for `apart`.

    With weights that add up to 0 and rise, it is a trend: (−3, −1, 1, 3) / 10 give the slope of the line through four
    scores.

    Raises
    ------
    AvlibError
        When the scores were not drawn alike, or there are fewer or more weights.

    >>> scores = [interval(v, v + np.array([-0.1, 0.0, 0.1])) for v in (0.2, 0.3, 0.7)]
    >>> str(contrast(scores, [-0.5, 0, 0.5]))
    '0.250 [0.250, 0.250]'
    """
    drawn_alike(scores)
    if len(scores) != len(weights):
        raise AvlibError(f"{len(weights)} weights for {len(scores)} scores: one each is needed")
    plain = np.dot(weights, [score.plain for score in scores])
    draws = np.dot(weights, [score.replicates for score in scores])
    return interval(float(plain), draws, seeds=scores[0].seeds, clips=scores[0].clips)


def spread(scores: Sequence[Interval]) -> Interval:
    """The interval of the largest of `scores` minus the smallest, on the same draws, as for `apart`.

    >>> str(spread([interval(v, v + np.array([-0.1, 0.0, 0.1])) for v in (0.5, 0.3, 0.4)]))
    '0.200 [0.200, 0.200]'
    """
    drawn_alike(scores)
    plain, draws = np.ptp([score.plain for score in scores]), np.ptp([score.replicates for score in scores], axis=0)
    return interval(float(plain), draws, seeds=scores[0].seeds, clips=scores[0].clips)


def drawn_alike(scores: Sequence[Interval]) -> None:
    """Raise `AvlibError` unless the replicates of all `scores` come from the same draws."""
    drawn = {(len(one.replicates), one.seeds, one.clips) for one in scores}
    if len(drawn) > 1:
        told = " and ".join(f"{n} replicates of {seeds} seeds and {clips} clips" for n, seeds, clips in sorted(drawn))
        raise AvlibError(f"{told}: only what was drawn alike can be subtracted")
