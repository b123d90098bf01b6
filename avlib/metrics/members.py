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
