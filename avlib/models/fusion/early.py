"""Early fusion: the picture as further frequency bins of the sound."""

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from avlib.models.conv import ConvFront
from avlib.models.csn import Blocks
from avlib.models.fusion.tap import Fusion, beside, unmoved
from avlib.models.pooling import Head
from avlib.models.tagger import Identity
from avlib.models.video import TemporalCNN


class Early(Fusion):
    """The picture's encoding becomes `mels` bins, repeated along time above those of the sound; then a CSN.

    The released code reshapes five frames of sound and a second's vector of the picture into 80 × 576 numbers; here
    what is neighbour in the input is neighbour in time or in frequency.
    Source: P1, section 3.3 and figure 1.

    >>> import torch
    >>> model = Early(classes=5, features=16, width=64)
    >>> model({"audio": torch.zeros(2, 100, 64), "video": torch.zeros(2, 5, 16)}).shape
    torch.Size([2, 5])
    """

    def __init__(
        self,
        classes: int,
        features: int,
        mels: int = 64,
        width: int = 1024,
        *,
        dropout: float = 0.2,
        **transformer: Any,
    ) -> None:
        branches = {
            "audio": Identity(width=mels, sizes=(mels,), shortest=4),
            "video": TemporalCNN(features, width, dropout),
        }
        super().__init__(branches, Head(width, classes))
        self.mels = mels
        self.bins = nn.Linear(width, mels)
        self.front = ConvFront(2 * mels, 2 * width)  # the kernels of a CSN's, over twice the bins
        self.join = nn.Linear(2 * width, width)
        self.blocks = Blocks(width, **transformer)

    def fuse(self, encodings: Mapping[str, Tensor]) -> Tensor:
        x = beside({"audio": encodings["audio"], "video": self.bins(encodings["video"])})  # (N, T, 2F)
        maps = self.front(x).unflatten(2, (-1, 2, self.mels // 32))  # (N, T // 4, channels, sense, F / 32)
        return self.blocks(self.join(maps.transpose(2, 3).flatten(2)))  # -> (N, T // 4, 2·width) -> (N, T // 4, width)

    def begin(self, ear: Any, eye: Any) -> None:
        branch = ear.branches["audio"]
        self.branches["video"].load_state_dict(eye.branches["video"].temporal.state_dict())
        self.front.load_state_dict(branch.front.state_dict())
        self.blocks.load_state_dict(branch.blocks.state_dict())
        self.head.load_state_dict(ear.head.state_dict())
        unmoved(self.join)
