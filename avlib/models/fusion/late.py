"""Late fusion: the mean of two taggers' logits."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from avlib.models.fusion.tap import Apart, beside
from avlib.models.pooling import Head


class Late(Apart):
    """Two whole taggers; the clip's logits are the mean of theirs, so that what one hears the other cannot change.

    Additive in the logits, which the mean of probabilities of the released code (.6 and .4) is not.
    Source: P1, section 3.3 and figure 1.

    >>> model = Late(classes=5, features=16, width=64)
    >>> model({"audio": torch.zeros(2, 100, 64), "video": torch.zeros(2, 5, 16)}).shape
    torch.Size([2, 5])
    """

    def __init__(self, classes: int, features: int, mels: int = 64, width: int = 1024, **options: Any) -> None:
        super().__init__(classes, features, mels, width, **options)
        self.eye_head = Head(width, classes)

    def fuse(self, encodings: Mapping[str, Tensor]) -> Tensor:
        return beside(encodings)

    def each(self, encodings: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The logits (N, C) of each sense."""
        whole = self.complete(encodings)
        return {"audio": self.head(whole["audio"]), "video": self.eye_head(whole["video"])}

    def classify(self, encodings: Mapping[str, Tensor]) -> Tensor:
        return torch.stack(list(self.each(encodings).values())).mean(dim=0)

    def begin(self, ear: Any, eye: Any) -> None:
        super().begin(ear, eye)
        self.eye_head.load_state_dict(eye.head.state_dict())
