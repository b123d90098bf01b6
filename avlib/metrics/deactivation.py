"""How far δ must reach before a model is of no use: the question of P1's abstract, as one number."""

from collections.abc import Mapping, Sequence

import numpy as np

from avlib.errors import AvlibError
from avlib.metrics.apart import drawn_alike
from avlib.metrics.bootstrap import Interval, interval, percentiles
from avlib.metrics.tagging import Array


def deactivation(scores: Mapping[float, Interval], chance: float, share: float = 0.5) -> Interval:
    """The radius at which `share` of what a model has above chance is lost, from its score at some radii.

    `scores` maps ε to the attacked score; ε = 0 is the clean one.  Between two radii the score is taken to fall along a
    straight line in ε, and the first crossing counts.  The interval comes from the replicates of the scores, which must
    be of the same draws.  A curve (or a replicate) that does not cross within the radii has no number: NaN, to be told
    as "beyond the largest ε".

    Raises
    ------
    AvlibError
        When ε = 0 or a second radius is missing, `share` is not in (0, 1), or the scores were not drawn alike.

    >>> falling = {eps: interval(1 - eps, 1 - eps + np.zeros(3)) for eps in (0.0, 0.25, 0.75)}
    >>> deactivation(falling, chance=0.0).value
    0.5
    """
    radii = sorted(scores)
    if len(radii) < 2 or radii[0] != 0:
        raise AvlibError(f"radii {radii}: needed are 0, for the untouched model, and at least one more")
    if not 0 < share < 1:
        raise AvlibError(f"share = {share!r}: allowed is a number between 0 and 1")
    curve = [scores[eps] for eps in radii]
    drawn_alike(curve)
    eps = np.array(radii)
    plain = _crossing(eps, np.array([[score.plain for score in curve]]), chance, share)
    draws = _crossing(eps, np.stack([score.replicates for score in curve], axis=1), chance, share)
    return interval(float(plain[0]), draws, bounds=(0, eps[-1]), seeds=curve[0].seeds, clips=curve[0].clips)


def agreement(radii: Sequence[Sequence[Interval]]) -> Interval:
    """Kendall's τ between two norms' rankings of the same models, the mean over all pairs of norms.

    `radii` has a row a norm and in it the `deactivation` of each model, of the same draws.  τ is the share of pairs of
    models that both norms rank alike minus the share that they rank the other way round: 1 when every norm tells the
    same tale.  A radius beyond those tried counts as larger than all; two of them tell nothing about each other.

    Raises
    ------
    AvlibError
        For fewer than two norms or two models, and when the radii were not drawn alike.

    >>> near, far = (interval(v, v + np.array([-0.1, 0.1])) for v in (1.0, 2.0))
    >>> agreement([[near, far], [near, far]]).value, agreement([[near, far], [far, near]]).value
    (1.0, -1.0)
    """
    if len(radii) < 2 or min(map(len, radii)) < 2:
        raise AvlibError(f"{len(radii)} norms of {[len(row) for row in radii]} models: needed are two of each")
    drawn_alike([found for row in radii for found in row])
    table = np.array([[[found.plain, *found.replicates] for found in row] for row in radii])
    table = np.where(np.isnan(table), np.finfo(float).max, table)  # ∞ − ∞ would be no number
    one, other = np.triu_indices(table.shape[1], k=1)
    order = np.sign(table[:, one] - table[:, other])  # norms × pairs of models × (plain and replicates)
    first, second = np.triu_indices(len(table), k=1)
    tau = (order[first] * order[second]).mean(axis=(0, 1))
    return percentiles(float(tau[0]), tau[1:], seeds=radii[0][0].seeds, clips=radii[0][0].clips)


def _crossing(eps: Array, curves: Array, chance: float, share: float) -> Array:
    """Where each of `curves` (R, E) first comes down to its level, (R,)."""
    level = chance + (1 - share) * (curves[:, :1] - chance)
    below = curves <= level
    below[:, 0] = False
    after = below.argmax(axis=1)
    rows = np.arange(len(curves))
    high, low = curves[rows, after - 1], curves[rows, after]
    with np.errstate(divide="ignore", invalid="ignore"):
        part = (high - level[:, 0]) / (high - low)
    return np.where(below.any(axis=1), eps[after - 1] + part * (eps[after] - eps[after - 1]), np.nan)
