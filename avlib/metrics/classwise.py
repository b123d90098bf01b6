"""Two models compared a class at a time."""

from collections.abc import Sequence
from typing import Any

import pandas as pd

from avlib.metrics.bootstrap import paired
from avlib.metrics.tagging import ArrayLike


def paired_by_class(
    scores_a: ArrayLike, scores_b: ArrayLike, labels: ArrayLike, classes: Sequence[str], **options: Any
) -> pd.DataFrame:
    """AP of a − AP of b for every class, with the columns class, positives, value, low, high.

    Each interval is that of `paired` on its class alone, which takes `options`: at level .95 about one class in twenty
    misses 0 by luck.  NaN for a class without positives or without negatives.

    >>> import torch
    >>> labels = torch.tensor([[1.0, 0], [0, 0]] * 20)
    >>> paired_by_class(labels, -labels, labels, ["bell", "horn"], replicates=50)["value"].round(2).tolist()
    [0.5, nan]
    """
    rows = []
    for c, name in enumerate(classes):
        gap = paired(scores_a[:, [c]], scores_b[:, [c]], labels[:, [c]], **options)
        rows.append((name, int(labels[:, c].sum()), gap.value, gap.low, gap.high))
    return pd.DataFrame(rows, columns=["class", "positives", "value", "low", "high"])
