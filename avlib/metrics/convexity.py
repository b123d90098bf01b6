"""Whether what lies between two clips of a class is of that class too: the convexity of P2, for any space."""

from collections.abc import Callable
from typing import Literal, get_args

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from avlib.errors import AvlibError
from avlib.metrics.members import FEWEST, TOO_FEW, Members, flagged
from avlib.metrics.tagging import Array

Rule = Literal["argmax", "threshold"]
Endpoints = Literal["correct", "all"]
Z = 1.959963984540054  # of a 95 % interval


@torch.no_grad()
def convexity(
    features: Tensor,
    labels: Tensor,
    classify: Callable[[Tensor], Tensor],
    *,
    pairs: int = 2000,
    rule: Rule = "argmax",
    endpoints: Endpoints = "correct",
    threshold: float | Tensor = 0.0,
    batch: int = 256,
    generator: torch.Generator,
) -> pd.DataFrame:
    """The share κ of points between two clips of a class that the model says are of that class.

        κ_c = mean over the pairs of 1{f(λ x_i + (1 − λ) x_j) = c},  λ ~ U[0, 1],  i ≠ j

    A space is where `features` lie together with what the model does from there on: `classify` takes (n, …) of them
    and gives logits (n, C).  Pairs are drawn anew for each class, both members alike: none comes first.  With
    a linear head on one vector, argmax and correct endpoints, κ is 1 whatever was learnt, and with all of them at
    least k (k − 1) / (n (n − 1)) on average, where k of n are recognised.

    Rows are the classes; columns n (members), ends (those that pairs are drawn from), recall (the share of members that
    the rule says are of the class), kappa, its 95 % Wilson interval low to high, and the reason for NaN.  The interval
    holds the luck of the pairs, not that of the clips.

    Parameters
    ----------
    features : (N, …).  labels : (N, C) of 0 and 1.
    pairs : for each class; P2 draws 2,000.
    rule : a point is of class c when c has the highest logit ("argmax"), or when its logit exceeds `threshold`, one
        number or one a class.
    endpoints : pairs of recognised members ("correct") or of all.
    batch : points that are classified at a time; only so many are held.
    generator : of the pairs, on the CPU.

    Raises
    ------
    AvlibError
        When features and labels are not of the same clips, a feature or a logit is NaN, the logits are not (n, C), or
        an option is unknown.

    Source: P2, section 5.2, eq. 8.

    >>> x = torch.tensor([[0.0], [1.0], [2.0], [3.0]])
    >>> middle = lambda x: 1 - (x - 1.5).abs()  # 1 between .5 and 2.5
    >>> found = convexity(x, torch.ones(4, 1), middle, rule="threshold", generator=torch.Generator().manual_seed(0))
    >>> found[["n", "ends", "recall", "kappa"]].values.tolist()
    [[4.0, 2.0, 0.5, 1.0]]
    """
    if rule not in get_args(Rule) or endpoints not in get_args(Endpoints) or pairs < 1:
        raise AvlibError(
            f"rule={rule!r}, endpoints={endpoints!r}, pairs={pairs}: allowed are argmax or threshold, "
            "correct or all, and at least 1 pair"
        )
    flags = flagged(features, labels)
    classes = flags.shape[1]
    least = torch.as_tensor(threshold, dtype=torch.float32).expand(classes).to(features.device)

    def decided(points: Tensor) -> Tensor:
        """Whether each point is of each class, (n, C)."""
        logits = classify(points)
        if logits.shape != (len(points), classes) or logits.isnan().any():
            told = f"shape {tuple(logits.shape)}" if logits.shape != (len(points), classes) else "NaN"
            raise AvlibError(f"classify gave logits of {told} for {len(points)} points and {classes} classes")
        if rule == "threshold":
            return logits > least
        return torch.zeros_like(logits, dtype=torch.bool).scatter_(1, logits.argmax(1, keepdim=True), True)

    right = flags & torch.cat([decided(some).cpu() for some in features.split(batch)]).numpy()
    members = Members.of(flags)
    ends = Members.of(right if endpoints == "correct" else flags)
    few = members.count < FEWEST
    lonely = ~few & (ends.count < 2)
    usable = np.flatnonzero(~few & ~lonely)
    hits = np.zeros(classes, dtype=int)
    for start in range(0, len(usable) * pairs, batch):
        label = usable[np.arange(start, min(start + batch, len(usable) * pairs)) // pairs]
        one, other, share = _drawn(ends, label, generator)
        weight = share.to(features).view(-1, *[1] * (features.ndim - 1))
        points = weight * features[one.to(features.device)] + (1 - weight) * features[other.to(features.device)]
        found = decided(points)[torch.arange(len(label)), torch.from_numpy(label).to(features.device)]
        hits += np.bincount(label[found.cpu().numpy()], minlength=classes)
    kappa = np.where(few | lonely, np.nan, hits / pairs)
    low, high = _wilson(kappa, pairs)
    with np.errstate(invalid="ignore"):
        recall = right.sum(axis=0) / members.count
    reason = np.select([few, lonely], [TOO_FEW, "fewer than 2 of them recognised"], "")
    columns = {"n": members.count, "ends": ends.count, "recall": recall, "kappa": kappa, "low": low, "high": high}
    return pd.DataFrame(columns | {"reason": reason})


def _drawn(ends: Members, label: np.ndarray, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
    """For each class named, two of its ends, never the same one twice, and the share of the first."""
    draw = torch.rand(len(label), 3, generator=generator, dtype=torch.float64)
    count, first = (torch.from_numpy(column[label]) for column in (ends.count, ends.first))
    one = (draw[:, 0] * count).long()
    other = (one + 1 + (draw[:, 1] * (count - 1)).long()) % count
    clips = torch.from_numpy(ends.clip)
    return clips[first + one], clips[first + other], draw[:, 2]


def _wilson(share: Array, count: int) -> tuple[Array, Array]:
    middle = (share + Z**2 / (2 * count)) / (1 + Z**2 / count)
    half = Z / (1 + Z**2 / count) * np.sqrt(share * (1 - share) / count + Z**2 / (4 * count**2))
    return np.maximum(middle - half, 0), np.minimum(middle + half, 1)
