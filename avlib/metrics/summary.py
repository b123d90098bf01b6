"""The measures of one tagger under one attack side by side, as the rows of the book's tables."""

from torch import Tensor

from avlib.metrics.bootstrap import Interval, bootstrap
from avlib.metrics.tagging import tagging


def summary(logits: Tensor, labels: Tensor, replicates: int = 300) -> dict[str, Interval | float]:
    """mAP, AUC and d′, which compare clips within a class; lwlrap and broken clips, which compare classes in a clip.

    mAP, lwlrap and the share of broken clips (top-scored class not a label) come with their 95 % bootstrap interval.

    >>> import torch
    >>> row = summary(torch.tensor([[2.0, 1.0], [1.0, 2.0]] * 9), torch.tensor([[1.0, 0.0], [0.0, 1.0]] * 9), 20)
    >>> list(row), str(row["broken"])
    (['mAP', 'AUC', 'd′', 'lwlrap', 'broken'], '0.000 [0.000, 0.000]')
    """
    scored = tagging(logits, labels)
    whole = bootstrap(logits, labels, "top1", replicates=replicates)
    return {
        "mAP": bootstrap(logits, labels, "mAP", replicates=replicates),
        "AUC": scored.auc,
        "d′": scored.dprime,
        "lwlrap": bootstrap(logits, labels, "lwlrap", replicates=replicates),
        "broken": Interval(1 - whole.value, 1 - whole.high, 1 - whole.low, whole.level, 1 - whole.replicates),
    }


def logit_slope(clean: Tensor, attacked: Tensor) -> float:
    """Slope of the line through attacked against clean logits (N, C) of each class, in the mean over the classes.

    Σ_i (z_ic − z̄_c)(z′_ic − z̄′_c) / Σ_i (z_ic − z̄_c)².  1 where every clip of a class was shifted alike, 0 where the
    logit no longer depends on what it was.

    >>> import torch
    >>> z = torch.tensor([[0.0], [1.0], [2.0]])
    >>> logit_slope(z, z + 5), logit_slope(z, torch.full((3, 1), 5.0))
    (1.0, 0.0)
    """
    before, after = (z.double() - z.double().mean(dim=0) for z in (clean, attacked))
    return float(((before * after).sum(dim=0) / before.square().sum(dim=0)).mean())
