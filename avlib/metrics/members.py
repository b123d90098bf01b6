"""The clips of each class, as measures of whole classes go through them: all classes in one list."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from avlib.errors import AvlibError
from avlib.metrics.tagging import ArrayLike, Flags

FEWEST = 3  # members: of two, both are equally far from their centroid, and there is one pair
TOO_FEW = f"fewer than {FEWEST} members"

Indices = np.ndarray


@dataclass(frozen=True, eq=False)
class Members:
    """All M members of all classes, class by class: `clip` and `label` (M,); `first` and `count` (C,) find a class.

    >>> found = Members.of(np.array([[True, True], [False, True]]))
    >>> found.clip.tolist(), found.label.tolist(), found.first.tolist(), found.count.tolist()
    ([0, 0, 1], [0, 1, 1], [0, 1], [1, 2])
    """

    clip: Indices
    label: Indices
    first: Indices
    count: Indices

    @classmethod
    def of(cls, flags: Flags) -> "Members":
        """Those of `flags` (N, C)."""
        label, clip = np.nonzero(flags.T)
        count = np.bincount(label, minlength=flags.shape[1])
        return cls(clip, label, count.cumsum() - count, count)


def flagged(features: ArrayLike, labels: ArrayLike) -> Flags:
    """The labels as booleans (N, C), once they and the features (N, …) fit each other.

    Raises
    ------
    AvlibError
        When there is another number of clips in the two, a feature is NaN or infinite, or a label is not 0 or 1.

    >>> flagged(np.zeros((2, 3)), np.array([[1.0], [0.0]])).tolist()
    [[True], [False]]
    """
    truth = labels.detach().cpu().numpy() if isinstance(labels, Tensor) else np.asarray(labels)
    if truth.ndim != 2 or features.ndim < 2 or len(features) != len(truth):
        told = f"features {tuple(features.shape)} and labels {truth.shape}"
        raise AvlibError(f"{told}: (clips, …) and (clips, classes) of the same clips are needed")
    flags = truth.astype(bool)
    if not np.array_equal(flags, truth):
        raise AvlibError(f"labels must be 0 or 1, found {truth[flags != truth][0]}: threshold soft labels first")
    whole = torch.as_tensor(features).isfinite().flatten(1).all(1)
    if not whole.all():
        raise AvlibError(
            f"features are not finite in {int((~whole).sum())} of {len(whole)} clips: look for it upstream"
        )
    return flags


def thinned(labels: ArrayLike, size: int, generator: np.random.Generator) -> Flags:
    """`labels` (N, C) in which each class has `size` members, drawn at random: what is compared is then equally large.

    Classes that have fewer are left without any.

    >>> thinned(np.array([[1.0, 1.0], [1.0, 0.0], [1.0, 0.0]]), 2, np.random.default_rng(0)).sum(axis=0).tolist()
    [2, 0]
    """
    flags = np.asarray(labels).astype(bool)
    kept = np.zeros_like(flags)
    for label, column in enumerate(flags.T):
        own = np.flatnonzero(column)
        if len(own) >= size:
            kept[generator.choice(own, size, replace=False), label] = True
    return kept


def recognised(logits: Tensor, labels: Tensor, each: int) -> tuple[Tensor, Tensor]:
    """The first `each` clips of every class that a tagger gives more than probability ½: (M,) clips, (M,) classes.

    A clip of several classes may be there for each of them.

    >>> recognised(torch.tensor([[1.0, 1.0], [2.0, -1.0], [3.0, 4.0]]), torch.ones(3, 2), each=2)
    (tensor([0, 1, 0, 2]), tensor([0, 0, 1, 1]))
    """
    known = (labels > 0) & (logits > 0)
    label, clip = (known & (known.cumsum(dim=0) <= each)).T.nonzero(as_tuple=True)
    return clip, label
