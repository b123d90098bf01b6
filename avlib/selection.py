"""Which classes a mix-up is given: by their convexity κ_c and density ρ_c, by half of that rule, or by chance."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from avlib.errors import AvlibError

PAIR = 2  # classes that it takes to mix


class Thresholds(NamedTuple):
    """The rule κ_c < T and ρ_c > D, and the share of the classes that pass either half of it."""

    T: float
    D: float
    share: float


def chosen(convexity: ArrayLike, density: ArrayLike, T: float = np.inf, D: float = -np.inf) -> tuple[int, ...]:
    """The classes with κ_c < `T` and ρ_c > `D`: P2, section 6, which has T = .5 and D = 8.

    A class whose κ_c or ρ_c is NaN is not chosen.  Left out, a threshold lets all others pass.

    Raises
    ------
    AvlibError
        When fewer than two classes pass, which make no pair.  The line names T and D, and what either would have to be
        while the other stays.

    >>> chosen([0.2, 0.4, 0.9], [9.0, 10.0, 11.0], T=0.5, D=8)
    (0, 1)
    """
    kappa, rho = _known(convexity, density)
    found = np.flatnonzero((kappa < T) & (rho > D))
    if len(found) >= PAIR:
        return tuple(map(int, found))
    low, high = np.sort(kappa[rho > D]), np.sort(rho[kappa < T])[::-1]
    T_needed = f"T would have to be above {low[PAIR - 1]:.3g}" if len(low) >= PAIR else "no T will do"
    D_needed = f"D would have to be below {high[PAIR - 1]:.3g}" if len(high) >= PAIR else "no D will do"
    spans = ", ".join(f"{name} {_span(values)}" for name, values in (("κ", kappa), ("ρ", rho)))
    raise AvlibError(f"T = {T:g} and D = {D:g} leave {len(found)} of {len(kappa)} classes ({spans}), and a pair needs "
                     f"two: with this D, {T_needed}; with this T, {D_needed}")  # fmt: skip


def by_quantile(convexity: ArrayLike, density: ArrayLike, least: float = 0.25) -> Thresholds:
    """The strictest T and D, at one quantile each, that leave a share `least` of the classes, and two of them.

    T lies just above the k-th smallest κ_c and D just below the k-th largest ρ_c, for the smallest k that does: so
    the rule keeps its meaning where the papers' absolute numbers select all or none.

    Raises
    ------
    AvlibError
        When fewer than two classes have both κ_c and ρ_c.

    >>> by_quantile([0.7, 0.8, 0.9, 1.0], [3.0, 4.0, 1.0, 2.0], least=0.5).share
    0.5
    """
    kappa, rho = _known(convexity, density)
    known = np.isfinite(kappa) & np.isfinite(rho)
    count = int(known.sum())
    if count < PAIR:
        raise AvlibError(f"{count} of {len(kappa)} classes have both a convexity and a density; a pair needs two")
    needed = max(PAIR, int(np.ceil(least * count)))
    lowest, highest = np.sort(kappa[known]), np.sort(rho[known])[::-1]
    for k in range(needed, count + 1):
        T, D = np.nextafter(lowest[k - 1], np.inf), np.nextafter(highest[k - 1], -np.inf)
        if ((kappa < T) & (rho > D)).sum() >= needed:
            break
    return Thresholds(float(T), float(D), k / count)


def by_chance(classes: Sequence[int], count: int, seed: int) -> tuple[int, ...]:
    """`count` of the `classes`, drawn without replacement: the control for every rule that chooses as many.

    >>> len(by_chance(range(8), 3, seed=0))
    3
    """
    return tuple(sorted(map(int, np.random.default_rng(seed).choice(list(classes), count, replace=False))))


def _known(convexity: ArrayLike, density: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    kappa, rho = np.asarray(convexity, float), np.asarray(density, float)
    missing = np.isnan(kappa) | np.isnan(rho)
    return np.where(missing, np.nan, kappa), np.where(missing, np.nan, rho)


def _span(values: np.ndarray) -> str:
    known = values[~np.isnan(values)]
    return f"from {known.min():.3g} to {known.max():.3g}" if len(known) else "unknown"
