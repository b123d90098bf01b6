"""SpecAugment: what a model has learnt to do without."""

from dataclasses import dataclass

import torch
from torch import nn

from avlib.data.split import Batch, Split
from avlib.errors import AvlibError
from avlib.transform import Labels, one_of


@dataclass(frozen=True)
class SpecAugment:
    """Hide one band of bins and one stretch of frames of each clip (Park et al. 2019; P3, recipe).

    Widths are uniform over 0 … `freq` − 1 bins and 0 … `time` − 1 frames, starts uniform over all places where the
    mask fits.  Hidden cells become 0, the training mean, because spectrograms (N, T, F) are z-scored already.  The
    released recipe of P3 hides 12 bins and 60 or 75 frames at most, of 64 × 400, and fills before z-scoring.

    Raises
    ------
    AvlibError
        For a negative width, and for a batch without `modality`.

    >>> batch, labels = {"audio": torch.ones(1, 8, 4)}, Labels(torch.ones(1, 1), torch.ones(1, 1))
    >>> hide, generator = SpecAugment(freq=0, time=4), torch.Generator().manual_seed(1)
    >>> hide(nn.Identity(), batch, labels, generator)[0]["audio"][0, :, 0]
    tensor([1., 0., 0., 0., 1., 1., 1., 1.])
    """

    freq: int
    time: int
    modality: str = "audio"

    def __post_init__(self) -> None:
        if self.freq < 0 or self.time < 0:
            raise AvlibError(f"SpecAugment: freq={self.freq}, time={self.time}: widths are at least 0")

    def prepare(self, train: Split) -> "SpecAugment":
        return self

    def __call__(
        self, model: nn.Module, batch: Batch, labels: Labels, generator: torch.Generator
    ) -> tuple[Batch, Labels]:
        x = one_of(batch, self.modality, "SpecAugment")
        clips, frames, bins = x.shape
        hidden = torch.zeros(clips, frames, bins, dtype=torch.bool)
        for size, widest, shape in ((frames, self.time, (clips, frames, 1)), (bins, self.freq, (clips, 1, bins))):
            # torchaudio's masks draw from the global generator, and hardly ever reach the last bin; these do not.
            draw = torch.rand(2, clips, 1, generator=generator)
            width = (draw[0] * min(widest, size)).long()
            start = (draw[1] * (size - width + 1)).long()
            place = torch.arange(size)
            hidden |= ((place >= start) & (place < start + width)).reshape(shape)
        return {**batch, self.modality: x.masked_fill(hidden.to(x.device), 0.0)}, labels
