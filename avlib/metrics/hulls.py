"""Convex hulls of a class's features, where they mean something: in few dimensions, and on points held out.

In d dimensions a hull of n points holds hardly any new point of the same kind once d is some log n (Bárány & Füredi
1988), so that hulls in the full feature space hardly ever overlap, whatever the classes are.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.optimize import linprog
from scipy.spatial import ConvexHull, cKDTree

Points = NDArray[np.floating]
FEWEST = 3  # members below which nothing is said about a class
FLAT = 1e-9  # extent of the narrowest direction, as a share of the widest, below which points span no volume
TINY = 1e-9


@dataclass(frozen=True)
class Hull:
    """The hull of some points (n, d): {x : n_f · x + b_f ≤ 0 for all facets f}, ‖n_f‖ = 1.

    `facets` (F, d + 1) holds n_f and b_f, `vertices` the numbers of the points at its corners (counterclockwise in two
    dimensions), `volume` its area or volume.  Where there is no hull they are empty and NaN, and `reason` says why.
    """

    facets: Points
    vertices: NDArray[np.integer]
    volume: float
    reason: str = ""

    def beyond(self, points: Points) -> Points:
        """How far each of `points` (N, d) lies beyond the facet that it is furthest from, (N,): ≤ 0 inside.

        Never more than its distance to the hull, and equal to it beside a facet.  NaN where there is no hull.

        >>> square = hull(np.array([[0.0, 0], [1, 0], [1, 1], [0, 1]]))
        >>> square.beyond(np.array([[0.5, 0.5], [0.5, 3.0]])).round(3)
        array([-0.5,  2. ])
        """
        if self.reason:
            return np.full(len(points), np.nan)
        return (points @ self.facets[:, :-1].T + self.facets[:, -1]).max(axis=1)

    def inside(self, points: Points) -> float:
        """Share of `points` that lie in the hull or on it; NaN without a hull or without points."""
        return float((self.beyond(points) <= TINY).mean()) if len(points) and not self.reason else np.nan


def hull(points: Points) -> Hull:
    """The convex hull of `points` (n, d), d ≥ 2; one without volume has a reason in the place of one.

    >>> hull(np.array([[0.0, 0], [2, 0], [0, 2], [0.5, 0.5]])).volume
    2.0
    >>> hull(np.zeros((5, 2))).reason
    '5 points span 0 of 2 dimensions'
    """
    n, d = points.shape
    if n < FEWEST:
        return _none(d, f"{n} members, and at least {FEWEST} are needed")
    extents = np.linalg.svd(points - points.mean(axis=0), compute_uv=False)
    span = int((extents > FLAT * max(extents[0], TINY)).sum()) if extents[0] > TINY else 0
    if span < d:
        return _none(d, f"{n} points span {span} of {d} dimensions")
    found = ConvexHull(points)
    return Hull(found.equations, found.vertices, float(found.volume))


def _none(d: int, reason: str) -> Hull:
    return Hull(np.empty((0, d + 1)), np.empty(0, dtype=int), np.nan, reason)


def inner(points: Points, share: float = 0.8) -> Points:
    """The `share` of `points` that lie nearest to their centroid, at least one: a hull that no outlier stretches.

    >>> inner(np.array([[0.0, 0], [1, 0], [0, 1], [0.5, 0.5], [9, 9]]))[:, 0]
    array([0. , 1. , 0. , 0.5])
    """
    order = np.argsort(np.linalg.norm(points - points.mean(axis=0), axis=1), kind="stable")
    return points[np.sort(order[: max(1, round(share * len(points)))])]


def holds(cloud: Points, point: Points) -> bool:
    """Whether `point` (d,) is a convex combination of `cloud` (n, d), by a linear programme: for any d.

    There is w ≥ 0 with Σ w_i = 1 and Σ w_i x_i = `point`, or there is none.

    >>> corner = np.eye(3)
    >>> holds(corner, np.full(3, 1 / 3)), holds(corner, np.zeros(3))
    (True, False)
    """
    rows = np.vstack([cloud.T, np.ones(len(cloud))])
    return linprog(np.zeros(len(cloud)), A_eq=rows, b_eq=np.append(point, 1.0)).status == 0


def purity(features: Points, groups: Sequence[str], k: int = 10) -> pd.DataFrame:
    """Of the `k` nearest others of each point of `features` (n, d), the share of its own group; a row a point.

    Columns: group; purity; chance, (n_c − 1) / (n − 1), which neighbours drawn at random would have.  Both are NaN for
    a group of fewer than three, and the `reason` says so.

    >>> two = purity(np.array([[0.0], [0.1], [0.2], [5.0], [5.1], [5.2]]), list("aaabbb"), k=2)
    >>> two.purity.tolist(), two.chance.round(1).tolist()
    ([1.0, 1.0, 1.0, 1.0, 1.0, 1.0], [0.4, 0.4, 0.4, 0.4, 0.4, 0.4])
    """
    names, n = np.asarray(groups), len(groups)
    k = min(k, n - 1)
    sizes = pd.Series(names).map(pd.Series(names).value_counts()).to_numpy()
    near = cKDTree(features).query(features, k=k + 1)[1]
    own = np.array([[j for j in row if j != i][:k] for i, row in enumerate(near)])  # itself need not come first
    found = pd.DataFrame({"group": names, "purity": (names[own] == names[:, None]).mean(axis=1)})
    found["chance"] = (sizes - 1) / max(1, n - 1)
    few = sizes < FEWEST
    found.loc[few, ["purity", "chance"]] = np.nan
    found["reason"] = np.where(few, f"fewer than {FEWEST} members", "")
    return found
