"""Early fusion as the authors released it: both senses reshaped into one picture of numbers."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from avlib.models.conv import ConvFront
from avlib.models.csn import Blocks
from avlib.models.fusion.tap import Fusion, stretched
from avlib.models.pooling import Head
from avlib.models.tagger import Identity

ROW = 5  # frames of sound side by side in one row


class Reshaped(Fusion):
    """Five frames of sound side by side, and beside them a piece of the picture's vector, are a row; then comes a CSN.

    Sound (N, T, F) becomes T/5 rows of 5F numbers; each window's vector is cut into `pieces`, one beside each of the
    rows that last as long as it (four, where a window is half a second).  At 400 frames, 64 bins and ten windows of
    2,048 features in 8 pieces that is the released 80 × (320 + 256), and 21,535,870 parameters at 527 classes.  What is
    neighbour here need not be neighbour in time or in frequency; the book has it beside `Early`, where it is.  It can
    begin with the layers of an ear, and not with its answers.
    Source: the released code of P1, ``MMTEncoder`` with ``fusion_module=0``; P1, section 3.3.

    >>> model = Reshaped(classes=5, features=16, width=64)
    >>> model({"audio": torch.zeros(2, 100, 64), "video": torch.zeros(2, 5, 16)}).shape
    torch.Size([2, 5])
    >>> paper = Reshaped(classes=5, features=2048, width=64, pieces=8)
    >>> paper.rows({"audio": torch.zeros(2, 400, 64), "video": torch.zeros(2, 10, 2048)}).shape
    torch.Size([2, 80, 576])
    """

    def __init__(
        self, classes: int, features: int, mels: int = 64, width: int = 1024, *, pieces: int = 4, **transformer: Any
    ) -> None:
        branches = {
            "audio": Identity(width=mels, sizes=(mels,), shortest=4 * ROW),
            "video": Identity(width=features, sizes=(features,), shortest=1),
        }
        super().__init__(branches, Head(width, classes))
        self.pieces = pieces
        self.front = ConvFront(mels, width)
        columns = ROW * mels + -(-features // pieces)
        self.join = nn.Linear(32 * width // mels * (columns // 32), width)
        self.blocks = Blocks(width, **transformer)

    def rows(self, encodings: Mapping[str, Tensor]) -> Tensor:
        """Both senses as one picture, (N, T // 5, 5F + D / pieces)."""
        sound, picture = encodings["audio"], encodings["video"]
        count = sound.shape[1] // ROW
        sound = sound[:, : count * ROW].unflatten(1, (count, ROW)).flatten(2)
        picture = F.pad(picture, (0, -picture.shape[2] % self.pieces))
        pieces = picture.unflatten(2, (self.pieces, -1)).flatten(1, 2)  # (N, W · pieces, D / pieces)
        return torch.cat([sound, stretched(pieces, count)], dim=2)

    def fuse(self, encodings: Mapping[str, Tensor]) -> Tensor:
        return self.blocks(self.join(self.front(self.rows(encodings))).relu())

    def begin(self, ear: Any, eye: Any) -> None:
        branch = ear.branches["audio"]
        self.front.load_state_dict(branch.front.state_dict())
        self.blocks.load_state_dict(branch.blocks.state_dict())
        self.head.load_state_dict(ear.head.state_dict())
