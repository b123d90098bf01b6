"""The share of clips of which something is true, with its interval."""

import numpy as np
from scipy.stats import beta
from torch import Tensor

from avlib.metrics.bootstrap import Interval, percentiles


def share(flags: Tensor, *, replicates: int = 1000, level: float = 0.95) -> Interval:
    """k / n for `flags` (n,) of which k are True, with the middle `level` of Beta(k + ½, n − k + ½) around it.

    A bootstrap of flags that are all alike draws nothing else, and would be sure of what ten clips have shown.
    Jeffreys' interval is not: it ends below 1 for k = n, the lower the fewer.  NaN without any flag.

    Source: Brown, Cai & DasGupta, Interval estimation for a binomial proportion (2001).

    >>> import torch
    >>> str(share(torch.tensor([True] * 10)))
    '1.000 [0.784, 1.000]'
    """
    held, count = int(flags.sum()), len(flags)
    if not count:
        return percentiles(float("nan"), np.full(replicates, np.nan), level)
    spaced = (np.arange(replicates) + 0.5) / replicates
    return percentiles(held / count, beta.ppf(spaced, held + 0.5, count - held + 0.5), level, clips=count)
