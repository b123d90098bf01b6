"""Models a class at a time: two of them compared, and what each class loses under attack."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from avlib.metrics.bootstrap import paired_each
from avlib.metrics.chance import chance_ap
from avlib.metrics.tagging import Array, ArrayLike, tagging


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


def drops(
    clean: ArrayLike,
    attacked: ArrayLike,
    labels: ArrayLike,
    classes: Sequence[str],
    fewest: int = 5,
    least: float = 0.1,
) -> pd.DataFrame:
    """The share of its AP above chance π_c that each class loses, on each half of the clips by itself.

        drop_c = 1 − (AP′_c − π_c) / (AP_c − π_c)

    Columns: AP (clean), drop and plain drop, 1 − AP′_c / AP_c, of the clips of even number; "AP elsewhere" and
    "drop elsewhere", of the others.  What
    is related to the drop is taken from the other half, so that the luck of the clips does not show in both.  Scores
    are (N, C), or (S, N, C) for S trainings, over which the APs are averaged.  There is no drop (NaN) of a class with
    fewer than `fewest` positives in the half, or whose clean AP is not more than `least` above chance.

    >>> import torch
    >>> labels = torch.tensor([[1.0], [1.0], [0], [0]] * 10)
    >>> drops(labels, -labels, labels, ["bell"]).round(1).iloc[0].to_dict()
    {'AP': 1.0, 'drop': 1.2, 'plain drop': 0.5, 'AP elsewhere': 1.0, 'drop elsewhere': 1.2}
    """
    columns = {}
    for start, half in enumerate(("", " elsewhere")):
        there = np.asarray(labels)[start::2]
        counts = there.sum(axis=0).astype(int)
        odds = np.array([chance_ap(int(count), len(there)) for count in counts])
        before, after = (_mean_ap(np.asarray(scores)[..., start::2, :], there) for scores in (clean, attacked))
        usable = (counts >= fewest) & (before - odds > least)
        columns[f"AP{half}"] = before
        columns[f"drop{half}"] = np.where(usable, 1 - (after - odds) / np.where(usable, before - odds, 1), np.nan)
        if not start:
            columns["plain drop"] = np.where(usable, 1 - after / np.where(usable, before, 1), np.nan)
    return pd.DataFrame(columns, index=list(classes))


def _mean_ap(scores: Array, labels: Array) -> Array:
    trainings = scores.reshape(-1, *scores.shape[-2:])
    return np.mean([tagging(one, labels).per_class["AP"] for one in trainings], axis=0)
