"""Whether some classes moved more than the others did."""

from collections.abc import Collection

import numpy as np
from numpy.typing import ArrayLike

from avlib.metrics.bootstrap import Interval, percentiles


def moved(
    change: ArrayLike, chosen: Collection[int], replicates: int = 1000, generator: np.random.Generator | None = None
) -> Interval:
    """The mean `change` (C,) of the `chosen` classes minus that of all others, with what drawing classes again gives.

    Whatever moves all classes alike, such as longer training, cancels.  Classes are drawn with replacement within
    either group; one whose change is NaN is left out.  NaN where a group is empty.

    >>> print(moved([1.0, 1.2, 0.1, 0.0, -0.1], chosen=[0, 1], replicates=50))
    1.100 [0.967, 1.267]
    """
    values = np.asarray(change, float)
    inside = np.isin(np.arange(len(values)), list(chosen))
    groups = [values[side & np.isfinite(values)] for side in (inside, ~inside)]
    if not all(map(len, groups)):
        return percentiles(np.nan, np.full(replicates, np.nan))
    generator = np.random.default_rng(0) if generator is None else generator
    means = [group[generator.integers(len(group), size=(replicates, len(group)))].mean(axis=1) for group in groups]
    return percentiles(float(groups[0].mean() - groups[1].mean()), means[0] - means[1])
