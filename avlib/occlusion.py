"""Parts of a spectrogram: what lies in a band of bins or a stretch of frames, and what is left when it is hidden."""

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Literal

import torch
from torch import Tensor, nn

from avlib.data.split import Batch, Split
from avlib.errors import AvlibError
from avlib.transform import Labels, one_of


@dataclass(frozen=True)
class Part:
    """The cells of a spectrogram (N, T, F) whose bin, or frame, lies in [`first`, `last`).

    Its `mask` is one for a `Threat`.  Called as ``attack`` of `predict`, it is hidden: its cells become 0, the training
    mean.

    outside : the part is everything else.

    Raises
    ------
    AvlibError
        For an empty part; when it is used, for a batch without `modality` or with fewer bins or frames than `last`.

    >>> low, x = Part("bins", 0, 2), {"audio": torch.ones(1, 1, 4)}
    >>> low.mask(x["audio"])
    tensor([[[1., 1., 0., 0.]]])
    >>> low(x, torch.ones(1, 1))["audio"], low.rest(x, torch.ones(1, 1))["audio"]
    (tensor([[[0., 0., 1., 1.]]]), tensor([[[1., 1., 0., 0.]]]))
    """

    axis: Literal["bins", "frames"]
    first: int
    last: int
    outside: bool = False
    modality: str = "audio"

    def __post_init__(self) -> None:
        if not 0 <= self.first < self.last:
            raise AvlibError(
                f"{self.axis} {self.first} to {self.last}: the first must be at least 0 and before the last"
            )

    @property
    def rest(self) -> "Part":
        """All that is not in this part."""
        return replace(self, outside=not self.outside)

    def mask(self, x: Tensor) -> Tensor:
        """1 in the part and 0 elsewhere, (1, T, F), for features `x` (N, T, F)."""
        _, frames, bins = x.shape
        count = {"frames": frames, "bins": bins}[self.axis]
        if self.last > count:
            raise AvlibError(f"{self.axis} {self.first} to {self.last}: there are {count}")
        place = torch.arange(count, device=x.device)
        inside = ((place >= self.first) & (place < self.last)) != self.outside
        shape = (1, count, 1) if self.axis == "frames" else (1, 1, count)
        return inside.reshape(shape).to(x).expand(1, frames, bins)

    def alone(self, split: Split) -> Split:
        """The clips of `split` cut down to this part: (N, T, last − first) of bins, (N, last − first, F) of frames.

        The features are held in memory.

        >>> clips = Split({"audio": torch.rand(3, 5, 8)}, torch.ones(3, 1), ("a", "b", "c"))
        >>> Part("bins", 2, 4).alone(clips).batch([0, 2])[0]["audio"].shape
        torch.Size([2, 5, 2])
        """
        if self.outside:
            raise AvlibError(f"what lies outside of {self.axis} {self.first} to {self.last} is no one piece to cut out")
        cut = slice(self.first, self.last)
        place = (slice(None), cut) if self.axis == "frames" else (slice(None), slice(None), cut)
        return split.having({self.modality: split.whole(self.modality)[place]})

    def __call__(self, batch: Batch, labels: Tensor) -> Batch:
        """`batch` with this part hidden."""
        x = one_of(batch, self.modality, "Part")
        return {**batch, self.modality: x * (1 - self.mask(x))}


@dataclass(frozen=True)
class Hide:
    """The transform of a recipe that hides `part` of every training clip.

    >>> batch, labels = {"audio": torch.ones(1, 1, 4)}, Labels(torch.ones(1, 1), torch.ones(1, 1))
    >>> Hide(Part("bins", 0, 2))(nn.Identity(), batch, labels, torch.Generator())[0]["audio"]
    tensor([[[0., 0., 1., 1.]]])
    """

    part: Part

    def prepare(self, train: Split) -> "Hide":
        return self

    def __call__(
        self, model: nn.Module, batch: Batch, labels: Labels, generator: torch.Generator
    ) -> tuple[Batch, Labels]:
        return self.part(batch, labels.hard), labels


def thirds(bins: int) -> dict[str, Part]:
    """The bands of P1, table 2: 0–20, 20–40 and 40–64 of 64 bins, and in proportion of others.

    >>> [(part.first, part.last) for part in thirds(64).values()]
    [(0, 20), (20, 40), (40, 64)]
    """
    cuts = [0, round(bins * 20 / 64), round(bins * 40 / 64), bins]
    return _between("bins", cuts)


def equal(axis: Literal["bins", "frames"], count: int, parts: int) -> dict[str, Part]:
    """`parts` parts of `count` bins or frames, as equally long as can be.

    >>> list(equal("frames", 100, 2))
    ['frames 0–50', 'frames 50–100']
    """
    return _between(axis, [round(count * i / parts) for i in range(parts + 1)])


def _between(axis: Literal["bins", "frames"], cuts: list[int]) -> dict[str, Part]:
    return {f"{axis} {low}–{high}": Part(axis, low, high) for low, high in pairwise(cuts)}
