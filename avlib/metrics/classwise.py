"""Two models compared a class at a time."""

from collections.abc import Sequence
from typing import Any

import pandas as pd

from avlib.metrics.bootstrap import paired_each
from avlib.metrics.tagging import ArrayLike


def paired_by_class(
    scores_a: ArrayLike, scores_b: ArrayLike, labels: ArrayLike, classes: Sequence[str], **options: Any
) -> pd.DataFrame:
    """AP of a − AP of b for every class, with the columns class, positives, value, plain, low, high.

    Scores are (N, C), or (S, N, C) for S training seeds.  All classes are scored on one set of draws, as by
    `paired_each`, which takes `options`: at level .95 about one class in twenty misses 0 by luck.  NaN for a class
    without positives or without negatives.

    >>> import torch
    >>> labels = torch.tensor([[1.0, 0], [0, 0]] * 20)
    >>> paired_by_class(labels, -labels, labels, ["bell", "horn"], replicates=50)["plain"].tolist()
    [0.5, nan]
    """
    gaps = paired_each(scores_a, scores_b, labels, **options)
    positives = [int(count) for count in labels.sum(0)]
    rows = [
        (name, count, gap.value, gap.plain, gap.low, gap.high)
        for name, count, gap in zip(classes, positives, gaps, strict=True)
    ]
    return pd.DataFrame(rows, columns=["class", "positives", "value", "plain", "low", "high"])
