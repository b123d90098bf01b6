"""Ranks of classes: correlations, what is left of one when a third quantity is held still, and lists of the best."""

from collections.abc import Iterable

import numpy as np
from scipy.stats import rankdata

from avlib.errors import AvlibError
from avlib.metrics.apart import drawn_alike
from avlib.metrics.bootstrap import Interval, percentiles
from avlib.metrics.tagging import Array

FEWEST = 4  # classes: with a covariate, three always lie on a plane


def rank_correlation(
    x: Array, y: Array, given: Array | None = None, *, replicates: int = 1000, generator: np.random.Generator
) -> Interval:
    """Spearman's ρ of x and y (C,), with its interval over resampled classes.

    `given` holds a third quantity still: the correlation of what a straight line on the ranks of `given` leaves of the
    ranks of x and y, ρ_xy·z = (ρ_xy − ρ_xz ρ_yz) / √((1 − ρ_xz²)(1 − ρ_yz²)).  Classes of which a number is missing
    are left out; NaN where fewer than four are left, or where one quantity does not vary.

    Raises
    ------
    AvlibError
        When the lengths differ.

    >>> made = np.random.default_rng(0)
    >>> x = np.arange(30.0)
    >>> round(rank_correlation(x, x**3, generator=made).plain, 3), rank_correlation(x[:3], x[:3], generator=made).plain
    (1.0, nan)
    """
    columns = [np.asarray(column, dtype=float) for column in (x, y, *([] if given is None else [given]))]
    if len({len(column) for column in columns}) > 1:
        raise AvlibError(f"rank_correlation got {[len(column) for column in columns]} numbers: one a class is needed")
    table = np.stack(columns)
    table = table[:, np.isfinite(table).all(axis=0)]
    count = table.shape[1]
    if count < FEWEST:
        return percentiles(np.nan, np.full(replicates, np.nan))
    draws = generator.integers(count, size=(replicates, count))
    return percentiles(_correlation(table), np.array([_correlation(table[:, draw]) for draw in draws]))


def kept_on_top(before: Iterable[Interval], after: Iterable[Interval], k: int) -> Interval:
    """The share of the `k` classes of highest score `before` that are among the k highest `after`, less that of luck.

    Two lists of k out of C classes that have nothing to do with each other share k²/C on average, so k/C is taken off:
    0 is luck, and 1 − k/C the same list.  Scores are intervals, one a class, of the same draws.

    Raises
    ------
    AvlibError
        When the scores were not drawn alike, or k is not in 1, …, C.

    >>> from avlib.metrics import interval
    >>> scores = [interval(v, v + np.array([-0.1, 0.1])) for v in (0.9, 0.8, 0.4, 0.1)]
    >>> kept_on_top(scores, scores, 2).value, kept_on_top(scores, scores[::-1], 2).value
    (0.5, -0.5)
    """
    before, after = list(before), list(after)
    drawn_alike([*before, *after])
    count = len(before)
    if not 1 <= k <= count or len(after) != count:
        raise AvlibError(f"k = {k} of {count} classes before and {len(after)} after: allowed is 1 to their number")
    first, second = (_table(scores).argsort(axis=0)[-k:] for scores in (before, after))
    shared = np.array([len(np.intersect1d(*lists)) for lists in zip(first.T, second.T, strict=True)]) / k - k / count
    return percentiles(float(shared[0]), shared[1:], seeds=before[0].seeds, clips=before[0].clips)


def _table(scores: Iterable[Interval]) -> Array:
    """Plain value and replicates of each class, (C, 1 + R); one without a number is below all."""
    table = np.array([[score.plain, *score.replicates] for score in scores])
    return np.where(np.isnan(table), -np.inf, table)


def _correlation(table: Array) -> float:
    ranks = rankdata(table, axis=1)
    if (np.ptp(ranks, axis=1) == 0).any():
        return float("nan")
    rho = np.corrcoef(ranks)
    if len(table) == 2:
        return float(rho[0, 1])
    spare = (1 - rho[0, 2] ** 2) * (1 - rho[1, 2] ** 2)
    return float((rho[0, 1] - rho[0, 2] * rho[1, 2]) / np.sqrt(spare)) if spare > 1e-12 else float("nan")
