"""Fusion after the transformer, before the head."""

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from avlib.models.csn import SelfAttentive
from avlib.models.fusion.tap import Fusion, beside, widen
from avlib.models.pooling import Head
from avlib.models.video import TemporalCNN


class Mid2(Fusion):
    """The picture's encoding beside what the sound has become after its transformer, and one head on both.

    The released code stops here with shapes that do not fit; this is what the paper describes.
    Source: P1, section 3.3 and figure 1.

    >>> import torch
    >>> model = Mid2(classes=5, features=16, width=64)
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
        branches = {"audio": SelfAttentive(mels, width, **transformer), "video": TemporalCNN(features, width, dropout)}
        super().__init__(branches, Head(2 * width, classes))

    def fuse(self, encodings: Mapping[str, Tensor]) -> Tensor:
        return beside(encodings)

    def begin(self, ear: Any, eye: Any) -> None:
        self.branches["audio"].load_state_dict(ear.branches["audio"].state_dict())
        self.branches["video"].load_state_dict(eye.branches["video"].temporal.state_dict())
        for name in ("event", "attention"):
            widen(getattr(ear.head, name), getattr(self.head, name))
