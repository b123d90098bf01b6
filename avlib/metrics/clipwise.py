"""How well each clip's labels rank among the classes: what a shift of whole classes can break, unlike AP and AUC."""

import numpy as np
import torch
from torch import Tensor

from avlib.metrics.tagging import Array, ArrayLike, arrays

PAIRS = 4096  # label-clip pairs compared with all classes at once: 2 MB at 527 classes


def label_precisions(scores: ArrayLike, labels: ArrayLike) -> tuple[Array, Array]:
    """For each clip the sum over its labels of their precision, and the number of its labels, both (N,).

    The precision of label c in clip i is the share of labels among the classes that score at least s_ic.
    """
    values, truth = arrays(scores, labels)
    clips, classes = np.nonzero(truth)
    sums = np.zeros(len(values))
    for start in range(0, len(clips), PAIRS):
        rows, columns = clips[start : start + PAIRS], classes[start : start + PAIRS]
        ahead = values[rows] >= values[rows, columns, None]
        precision = (ahead & truth[rows]).sum(axis=1) / ahead.sum(axis=1)
        np.add.at(sums, rows, precision)
    return sums, truth.sum(axis=1).astype(np.float64)


def lwlrap(scores: ArrayLike, labels: ArrayLike) -> float:
    """Label-weighted label-ranking average precision: the mean over all labels of all clips of the label's precision.

    Equal to scikit-learn's `label_ranking_average_precision_score` with each clip weighted by its number of labels;
    clips without labels do not count, and NaN is returned when there is no label at all.  1 = every label above every
    class that is not one.  Raises `AvlibError` as `tagging` does.

    >>> lwlrap(np.array([[3.0, 2.0, 1.0], [1.0, 2.0, 3.0]]), np.array([[1, 0, 0], [0, 1, 0]]))
    0.75
    """
    sums, counts = label_precisions(scores, labels)
    return float(sums.sum() / counts.sum()) if counts.any() else float("nan")


def top_label_lost(logits: Tensor, labels: Tensor) -> Tensor:
    """Whether a clip is broken (N,): some class that is not its label scores at least as high as its best label.

    So a clip is whole when its top-scored class is one of its labels, whatever the order of the classes.
    A clip without labels has nothing to lose: False.

    >>> top_label_lost(torch.tensor([[3.0, 1.0], [1.0, 3.0], [2.0, 2.0]]), torch.tensor([[1, 0], [1, 0], [1, 0]]))
    tensor([False,  True,  True])
    """
    truth = labels.bool()
    best_label = logits.masked_fill(~truth, -torch.inf).amax(dim=1)
    best_other = logits.masked_fill(truth, -torch.inf).amax(dim=1)
    return truth.any(dim=1) & (best_other >= best_label)
