"""Late fusion of features, which the released code calls late."""

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from avlib.models.csn import SelfAttentive
from avlib.models.fusion.tap import Fusion, stretched, unmoved
from avlib.models.pooling import Head
from avlib.models.video import Seeing


class LateSum(Fusion):
    """What both full branches encode, each through a linear map, summed frame by frame; and one head on the sum.

    The sum is additive, and what comes after is not: attention pooling weighs the frames of the sum.
    Source: released code of P1 (MMTLF).

    >>> import torch
    >>> model = LateSum(classes=5, features=16, width=64)
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
        sound = SelfAttentive(mels, width, **transformer)
        super().__init__(
            {"audio": sound, "video": Seeing(features, width, dropout=dropout, **transformer)}, Head(width, classes)
        )
        self.heard, self.seen = nn.Linear(width, width), nn.Linear(width, width)

    def fuse(self, encodings: Mapping[str, Tensor]) -> Tensor:
        heard = self.heard(encodings["audio"])
        return heard + stretched(self.seen(encodings["video"]), heard.shape[1])

    def begin(self, ear: Any, eye: Any) -> None:
        for sense, trained in (("audio", ear), ("video", eye)):
            self.branches[sense].load_state_dict(trained.branches[sense].state_dict())
        self.head.load_state_dict(ear.head.state_dict())
        unmoved(self.heard)
        for parameter in self.seen.parameters():
            nn.init.zeros_(parameter)
