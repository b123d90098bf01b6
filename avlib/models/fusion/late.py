"""Late fusion: the mean of two taggers' logits."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from avlib.models.csn import SelfAttentive
from avlib.models.fusion.tap import Fusion, beside
from avlib.models.pooling import Head
from avlib.models.video import Seeing


class Late(Fusion):
    """Two whole taggers; the clip's logits are the mean of theirs, so that what one hears the other cannot change.

    Additive in the logits, which the mean of probabilities of the released code (.6 and .4) is not.
    Source: P1, section 3.3 and figure 1.

    >>> model = Late(classes=5, features=16, width=64)
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
        branches = {"audio": sound, "video": Seeing(features, width, dropout=dropout, **transformer)}
        super().__init__(branches, Head(width, classes))
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
        for sense, trained in (("audio", ear), ("video", eye)):
            self.branches[sense].load_state_dict(trained.branches[sense].state_dict())
        self.head.load_state_dict(ear.head.state_dict())
        self.eye_head.load_state_dict(eye.head.state_dict())
