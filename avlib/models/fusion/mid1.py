"""Fusion before the transformer."""

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from avlib.models.conv import ConvFront
from avlib.models.csn import Blocks
from avlib.models.fusion.tap import Fusion, beside, unmoved
from avlib.models.pooling import Head
from avlib.models.video import TemporalCNN


class Mid1(Fusion):
    """Convolutions of each sense, joined frame by frame; then the transformer blocks and the head.

    Source: P1, section 3.3 and figure 1.

    >>> import torch
    >>> model = Mid1(classes=5, features=16, width=64)
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
        branches = {"audio": ConvFront(mels, width), "video": TemporalCNN(features, width, dropout)}
        super().__init__(branches, Head(width, classes))
        self.join = nn.Linear(2 * width, width)
        self.blocks = Blocks(width, **transformer)

    def fuse(self, encodings: Mapping[str, Tensor]) -> Tensor:
        return self.blocks(self.join(beside(encodings)))

    def begin(self, ear: Any, eye: Any) -> None:
        branch = ear.branches["audio"]
        self.branches["audio"].load_state_dict(branch.front.state_dict())
        self.branches["video"].load_state_dict(eye.branches["video"].temporal.state_dict())
        self.blocks.load_state_dict(branch.blocks.state_dict())
        self.head.load_state_dict(ear.head.state_dict())
        unmoved(self.join)
