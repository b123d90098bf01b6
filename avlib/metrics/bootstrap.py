"""Intervals for metrics by resampling what chance decided: the training seed, then the clips."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from avlib.errors import AvlibError
from avlib.metrics.tagging import Array, ArrayLike, Flags, arrays
from avlib.metrics.weighted import STATISTICS, Statistic

SHARES = ("mAP", "auc", "lwlrap", "top1")  # within [0, 1]
CELLS = 2**22  # clips × replicates held at once: 32 MB of weights


@dataclass(frozen=True)
class Interval:
    """A value with the interval of the given level that its bootstrap `replicates` (R,) lead to.

    >>> str(Interval(0.41234, 0.38, 0.44, 0.95, np.zeros(0)))
    '0.412 [0.380, 0.440]'
    """

    value: float
    low: float
    high: float
    level: float
    replicates: Array

    def __str__(self) -> str:
        return f"{self.value:.3f} [{self.low:.3f}, {self.high:.3f}]"


def interval(
    value: float, replicates: Array, level: float = 0.95, bounds: tuple[float, float] = (-np.inf, np.inf)
) -> Interval:
    """The middle `level` of the replicates, mirrored at `value`: [2v − q_high, 2v − q_low], kept within `bounds`.

    AP of few positives is too high on average, and resampling adds the same bias once more (+.008 in macro mAP at 60
    positives a class).  Mirrored, the second bias takes back the first; unmirrored, the interval of a mean over
    hundreds of classes would not even hold the value itself.  Measured on 32 classes of 60 positives and known mAP:
    the mirrored 95 % interval holds the truth 97 times in 100, the plain percentile interval 68 times.
    Replicates that are NaN (a resample without any positive has no mAP) are left out.
    """
    tails = np.array([(1 + level) / 2, (1 - level) / 2])
    mirrored = 2 * value - np.nanquantile(replicates, tails) if np.isfinite(replicates).any() else np.full(2, np.nan)
    low, high = np.clip(mirrored, *bounds)
    return Interval(value, float(low), float(high), level, replicates)


def bootstrap(
    scores: ArrayLike,
    labels: ArrayLike,
    statistic: str | Statistic = "mAP",
    *,
    replicates: int = 1000,
    level: float = 0.95,
    generator: np.random.Generator | None = None,
) -> Interval:
    """Hierarchical bootstrap of a metric, averaged over training seeds.

    Each replicate draws S seeds with replacement and, once for all of them, N clips with replacement: every seed is
    scored on the same eval clips, so seeds and clips cross, and drawing clips anew for each seed would average away
    the luck of the eval set.  From few seeds the spread between them is underestimated, by √((S − 1)/S).

    Parameters
    ----------
    scores : (N, C), or (S, N, C) for S training seeds.
    labels : (N, C) of 0 and 1.
    statistic : "mAP", "auc", "dprime", "lwlrap", "top1", or a function (scores (N, C), labels, weights (N, R)) -> (R,)
        where weights count how often each clip was drawn.
    generator : decides the draws; `np.random.default_rng(0)` when left out.

    Raises
    ------
    AvlibError
        When the statistic is unknown, or the scores do not fit the labels.

    >>> scores, labels = np.array([[2.0], [1.0], [0.0]] * 20), np.array([[1], [0], [0]] * 20)
    >>> str(bootstrap(scores, labels, replicates=50))
    '1.000 [1.000, 1.000]'
    """
    (value,), (draws,) = _replicate([scores], labels, statistic, replicates, generator)
    return interval(float(value), draws, level, (0, 1) if statistic in SHARES else (-np.inf, np.inf))


def paired(
    scores_a: ArrayLike,
    scores_b: ArrayLike,
    labels: ArrayLike,
    statistic: str | Statistic = "mAP",
    *,
    replicates: int = 1000,
    level: float = 0.95,
    generator: np.random.Generator | None = None,
) -> Interval:
    """The interval of a − b, both scored on the same draws of seeds and clips: as `bootstrap`.

    Seed s of a belongs to seed s of b (the same model clean and attacked, or two models of the same training seed).
    An interval that leaves out 0 says that the difference is more than the luck of clips and seeds.

    >>> scores, labels = np.array([[2.0], [1.0], [0.0]] * 20), np.array([[1], [0], [0]] * 20)
    >>> str(paired(scores, -scores, labels, "auc", replicates=50))
    '1.000 [1.000, 1.000]'
    """
    (a, b), (draws_a, draws_b) = _replicate([scores_a, scores_b], labels, statistic, replicates, generator)
    return interval(float(a - b), draws_a - draws_b, level, (-1, 1) if statistic in SHARES else (-np.inf, np.inf))


def _replicate(
    sets: list[ArrayLike],
    labels: ArrayLike,
    statistic: str | Statistic,
    replicates: int,
    generator: np.random.Generator | None,
) -> tuple[Array, Array]:
    """The statistic of each set of scores on all clips, (sets,), and on each draw, (sets, R)."""
    measure = _statistic(statistic)
    generator = np.random.default_rng(0) if generator is None else generator
    scores, truth = _by_seed(sets, labels)
    seeds, clips = len(scores[0]), len(truth)
    seed_counts = _counts(generator, seeds, replicates)  # (S, R)

    def all_of(weights: Array) -> Array:
        return np.array([[measure(seed, truth, weights) for seed in one] for one in scores])  # (sets, S, R)

    value = all_of(np.ones((clips, 1))).mean(axis=(1, 2))
    by_seed = np.concatenate([all_of(weights) for weights in _draws(generator, clips, replicates)], axis=2)
    return value, (by_seed * seed_counts).sum(axis=1) / seeds


def _statistic(statistic: str | Statistic) -> Statistic:
    if callable(statistic):
        return statistic
    if statistic not in STATISTICS:
        raise AvlibError(
            f"statistic {statistic!r} is unknown: choose one of {', '.join(STATISTICS)}, or give a function"
        )
    return STATISTICS[statistic]


def _by_seed(sets: list[ArrayLike], labels: ArrayLike) -> tuple[list[list[np.ndarray]], Flags]:
    grouped = [[one] if one.ndim == 2 else list(one) for one in sets]
    if len({len(one) for one in grouped}) > 1:
        sizes = " and ".join(str(len(one)) for one in grouped)
        raise AvlibError(f"scores of {sizes} seeds cannot be paired: give the same seeds on both sides")
    checked = [[arrays(seed, labels) for seed in one] for one in grouped]
    return [[values for values, _ in one] for one in checked], checked[0][0][1]


def _draws(generator: np.random.Generator, clips: int, replicates: int) -> Iterator[Array]:
    """Weights (N, r), r replicates at a time, `replicates` in all."""
    step = max(1, CELLS // clips)
    for start in range(0, replicates, step):
        yield _counts(generator, clips, min(step, replicates - start))


def _counts(generator: np.random.Generator, population: int, replicates: int) -> Array:
    """How often each of `population` things was drawn in `population` draws with replacement: (population, R)."""
    drawn = generator.integers(population, size=(replicates, population)) + population * np.arange(replicates)[:, None]
    counts = np.bincount(drawn.ravel(), minlength=population * replicates)
    return np.ascontiguousarray(counts.reshape(replicates, population).T, dtype=np.float64)
