"""Late fusion of features, which the released code calls late."""

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from avlib.models.fusion.tap import Apart, stretched, unmoved


class LateSum(Apart):
    """What both full branches encode, each through a linear map, summed frame by frame; and one head on the sum.

    The sum is additive, and what comes after is not: attention pooling weighs the frames of the sum.
    Source: released code of P1 (MMTLF).

    >>> import torch
    >>> model = LateSum(classes=5, features=16, width=64)
    >>> model({"audio": torch.zeros(2, 100, 64), "video": torch.zeros(2, 5, 16)}).shape
    torch.Size([2, 5])
    """

    def __init__(self, classes: int, features: int, mels: int = 64, width: int = 1024, **options: Any) -> None:
        super().__init__(classes, features, mels, width, **options)
        self.heard, self.seen = nn.Linear(width, width), nn.Linear(width, width)

    def fuse(self, encodings: Mapping[str, Tensor]) -> Tensor:
        heard = self.heard(encodings["audio"])
        return heard + stretched(self.seen(encodings["video"]), heard.shape[1])

    def begin(self, ear: Any, eye: Any) -> None:
        super().begin(ear, eye)
        unmoved(self.heard)
        for parameter in self.seen.parameters():
            nn.init.zeros_(parameter)
