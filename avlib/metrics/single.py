"""Metrics of clips that carry one label: accuracy, what guessing gets, and accuracy once each class is moved back.

Where clips carry several labels, accuracy is the share whose top-scored class is one of theirs.
"""

from torch import Tensor

from avlib.metrics.robustness import broken_share
from avlib.metrics.tagging import ArrayLike, arrays


def accuracy(logits: ArrayLike, labels: ArrayLike) -> float:
    """Share of the clips with a label whose top-scored class, alone at the top, is one of their labels.

    `bootstrap(logits, labels, "top1")` gives its interval.

    >>> import torch
    >>> accuracy(torch.tensor([[3.0, 1.0], [1.0, 3.0]]), torch.tensor([[1, 0], [1, 0]]))
    0.5
    """
    return 1 - broken_share(logits, labels)


def chance_accuracy(labels: ArrayLike) -> float:
    """Expected accuracy of scores in random order on `labels` (N, C): the mean share of the classes that a clip has.

    1/C where each clip has one label; clips without any do not count, and NaN where none has one.

    >>> import torch
    >>> chance_accuracy(torch.tensor([[1, 0, 0, 0], [0, 1, 1, 0], [0, 0, 0, 0]]))
    0.375
    """
    _, truth = arrays(labels, labels)
    labelled = truth[truth.any(axis=1)]
    return float(labelled.mean()) if len(labelled) else float("nan")


def recalibrated(attacked: Tensor, clean_elsewhere: Tensor, attacked_elsewhere: Tensor) -> Tensor:
    """z′ − b: `attacked` logits (…, N, C) after each class has been moved back by its mean shift under the same attack.

    b_c = mean_i (z′_ic − z_ic) over *other* clips, whose logits without and with δ are (…, M, C); … are fits of δ, each
    with a shift of its own.  A constant for each class cannot change the order of clips within a class, so AP and AUC
    stay as they are (in float64, where no two logits of float32 fall together).  In a linear model a universal δ is
    nothing but b, and z′ − b is the clean logit exactly.

    >>> import torch
    >>> z, held = torch.tensor([[2.0, 1.0], [1.0, 2.0]]), torch.tensor([[0.0, 5.0], [7.0, 1.0], [1.0, 1.0]])
    >>> shift = torch.tensor([0.0, 9.0])
    >>> recalibrated(z + shift, held, held + shift).tolist()
    [[2.0, 1.0], [1.0, 2.0]]
    """
    shift = (attacked_elsewhere.double() - clean_elsewhere.double()).mean(dim=-2, keepdim=True)
    return attacked.double() - shift
