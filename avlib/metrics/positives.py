"""How many clips carry each class, and what an interval may be taken to say that rests on so many."""

from collections.abc import Sequence
from dataclasses import dataclass

from avlib.errors import AvlibError
from avlib.metrics.bootstrap import Interval
from avlib.metrics.tagging import ArrayLike, arrays

FEW = 5  # positives: from fewer, resampling meets the same clips again and again, and an interval is too narrow
NAMED = 6  # classes: a list of hundreds is no sentence


@dataclass(frozen=True)
class Positives:
    """The number of positive clips of each class, among `clips`.

    >>> import torch
    >>> found = Positives.of(torch.tensor([[1, 1, 0]] * 9 + [[1, 0, 0]] * 9))
    >>> found.counts, found.typical, found.unscored(["hum", "beep", "frog"])
    ((18, 9, 0), 9, ['hum', 'frog'])
    """

    counts: tuple[int, ...]
    clips: int

    @classmethod
    def of(cls, labels: ArrayLike) -> "Positives":
        """Those of `labels` (N, C).

        Raises
        ------
        AvlibError
            When no class is in some of the clips and not in all: then nothing can be ranked.
        """
        _, truth = arrays(labels, labels)
        found = cls(tuple(map(int, truth.sum(axis=0))), len(truth))
        if not any(map(found.scored, range(len(found.counts)))):
            raise AvlibError("no class is in some of the clips that are scored and not in all: list more clips")
        return found

    def scored(self, label: int) -> bool:
        """Whether the class has positives and negatives, as a score needs."""
        return 0 < self.counts[label] < self.clips

    def unscored(self, classes: Sequence[str]) -> list[str]:
        """The classes that have no score."""
        return [name for label, name in enumerate(classes) if not self.scored(label)]

    def untold(self, classes: Sequence[str]) -> str:
        """A sentence that names the classes without a score, behind a space; nothing where there are none.

        >>> Positives((0, 5, 9), 9).untold(["hum", "beep", "frog"])
        ' Not scored, because all eval clips carry them or none: hum, frog.'
        """
        names = self.unscored(classes)
        more = f" and {len(names) - NAMED} others" if len(names) > NAMED + 1 else ""
        shown = ", ".join(names[:NAMED] if more else names)
        return f" Not scored, because all eval clips carry them or none: {shown}{more}." if names else ""

    @property
    def fewest(self) -> int:
        """Positives of the rarest class that is scored."""
        return min(count for label, count in enumerate(self.counts) if self.scored(label))

    @property
    def typical(self) -> int:
        """Positives of the class in the middle of those that are scored (the lower of two)."""
        kept = sorted(count for label, count in enumerate(self.counts) if self.scored(label))
        return kept[(len(kept) - 1) // 2]

    def side(self, gap: Interval, of: float = 0.0, label: int | None = None) -> int:
        """1 where all of `gap` lies above `of`, −1 where it lies below; 0 where it does not tell.

        It does not tell either where the class in the middle, or the class `label`, has fewer than `FEW` positives.

        >>> import numpy as np
        >>> from avlib.metrics import interval
        >>> gap = interval(0.2, np.array([0.1, 0.2, 0.3]))
        >>> Positives((9,), 20).side(gap), Positives((9,), 20).side(gap, of=0.2), Positives((2,), 20).side(gap)
        (1, 0, 0)
        """
        if (self.typical if label is None else self.counts[label]) < FEW:
            return 0
        return int(gap.low > of) - int(gap.high < of)
