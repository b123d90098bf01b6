"""What all taps share: two branches, a common clock, and a beginning as the ear alone."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from avlib.models.csn import SelfAttentive
from avlib.models.pooling import Head
from avlib.models.tagger import Tagger
from avlib.models.video import Seeing


class Fusion(Tagger):
    """A tagger of sound (N, T, F) and of window features of the picture (N, W, D).

    It may begin where a trained CSN and a trained VideoTagger of the same classes ended (`begin`).  Its first answers
    are then those of the CSN, which the picture has no part in yet, or, where logits are joined, the mean of both.
    """

    head: Head

    def begin(self, ear: Any, eye: Any) -> None:
        """Take over the weights of a trained `CSN` and a trained `VideoTagger` of the same sizes."""
        raise NotImplementedError


class Apart(Fusion):
    """A fusion of two whole branches, which meet after the last layer of both; options as of `CSN`."""

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

    def begin(self, ear: Any, eye: Any) -> None:
        for sense, trained in (("audio", ear), ("video", eye)):
            self.branches[sense].load_state_dict(trained.branches[sense].state_dict())
        self.head.load_state_dict(ear.head.state_dict())


def stretched(picture: Tensor, frames: int) -> Tensor:
    """Windows (N, W, d) as `frames` encodings (N, T, d), each for as long as it lasts.

    >>> stretched(torch.tensor([[[1.0], [2.0]]]), 4)[0, :, 0]
    tensor([1., 1., 2., 2.])
    """
    return picture[:, torch.arange(frames, device=picture.device) * picture.shape[1] // frames]


def beside(encodings: Mapping[str, Tensor]) -> Tensor:
    """Sound (N, T, a) and picture (N, W, b) as one sequence, (N, T, a + b)."""
    sound, picture = encodings["audio"], encodings["video"]
    return torch.cat([sound, stretched(picture, sound.shape[1])], dim=2)


def widen(narrow: nn.Linear, wide: nn.Linear) -> None:
    """Give `wide` the weights of `narrow` for its first inputs, and none for the others."""
    with torch.no_grad():
        wide.weight.zero_()[:, : narrow.in_features] = narrow.weight
        wide.bias.copy_(narrow.bias)


def unmoved(layer: nn.Linear) -> None:
    """Let `layer` pass its first inputs on as they are, and leave out the others."""
    with torch.no_grad():
        nn.init.eye_(layer.weight)
        nn.init.zeros_(layer.bias)
