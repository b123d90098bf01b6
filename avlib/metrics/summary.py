"""The measures of one tagger under one attack side by side, as the rows of the book's tables."""

from statistics import fmean

from torch import Tensor

from avlib.metrics.bootstrap import Interval, bootstrap
from avlib.metrics.tagging import tagging


def summary(logits: Tensor, labels: Tensor, replicates: int = 300) -> dict[str, Interval | float]:
    """mAP, AUC and d′, which compare clips within a class; lwlrap and broken clips, which compare classes in a clip.

    mAP, lwlrap and the share of broken clips (top-scored class not a label) come with their 95 % bootstrap interval.
    `logits` are (N, C), or (S, N, C) of S trainings or fits, over which everything is averaged.

    >>> import torch
    >>> row = summary(torch.tensor([[2.0, 1.0], [1.0, 2.0]] * 9), torch.tensor([[1.0, 0.0], [0.0, 1.0]] * 9), 20)
    >>> list(row), str(row["broken"])
    (['mAP', 'AUC', 'd′', 'lwlrap', 'broken'], '0.000 [0.000, 0.000]')
    """
    scored = [tagging(each, labels) for each in logits.reshape(-1, *labels.shape)]

    def resampled(statistic: str) -> Interval:
        return bootstrap(logits, labels, statistic, replicates=replicates)

    return {
        "mAP": resampled("mAP"),
        "AUC": fmean(each.auc for each in scored),
        "d′": fmean(each.dprime for each in scored),
        "lwlrap": resampled("lwlrap"),
        "broken": resampled("broken"),
    }


def logit_slope(clean: Tensor, attacked: Tensor) -> float:
    """Slope of the line through attacked against clean logits (N, C) of each class, in the mean over the classes.

    Σ_i (z_ic − z̄_c)(z′_ic − z̄′_c) / Σ_i (z_ic − z̄_c)².  1 where every clip of a class was shifted alike, 0 where the
    logit no longer depends on what it was.  A class whose clean logit is the same for all clips has no slope and is
    left out; NaN when there is no other.

    >>> import torch
    >>> z = torch.tensor([[0.0], [1.0], [2.0]])
    >>> logit_slope(z, z + 5), logit_slope(z, torch.full((3, 1), 5.0))
    (1.0, 0.0)
    """
    varies = clean.amax(dim=0) > clean.amin(dim=0)
    before, after = (z[:, varies].double() for z in (clean, attacked))
    before, after = before - before.mean(dim=0), after - after.mean(dim=0)
    return float(((before * after).sum(dim=0) / before.square().sum(dim=0)).mean())
