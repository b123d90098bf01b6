"""A first eye: each window of frames becomes a vector, and what the vectors do in time becomes tags."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from avlib.errors import AvlibError
from avlib.models.csn import Blocks
from avlib.models.pooling import Head
from avlib.models.tagger import Branch, Tagger


class WindowEncoder(Branch):
    """A two-dimensional convolutional network on each window: pixels (N, W, k, 3, H, W′) in [0, 1] → (N, W, width).

    The k frames of a window are the 3k channels of one picture, so that the first convolution sees what moved between
    them and what did not.  Three of its four 3×3 convolutions halve the sides; what is left of the picture is
    averaged, and its maximum taken: `width` numbers, half of each.

    Raises
    ------
    AvlibError
        When there is no frame in a window, or `width` is not a multiple of 8.
    """

    def __init__(self, window: int, width: int) -> None:
        super().__init__(width=width, sizes=(window, 3))
        if window < 1 or width < 8 or width % 8:
            raise AvlibError(f"window={window}, width={width}: at least one frame, and a positive multiple of 8")
        layers: list[nn.Module] = []
        channels = 3 * window
        for wider, stride in ((width // 8, 2), (width // 4, 2), (width // 4, 1), (width // 2, 2)):
            layers += [nn.Conv2d(channels, wider, 3, stride, padding=1, bias=False), nn.BatchNorm2d(wider)]
            layers.append(nn.ReLU(inplace=True))
            channels = wider
        self.layers = nn.Sequential(*layers)

    def fits(self, shape: Sequence[int]) -> bool:
        """Whether it takes pixels of `shape`: the pictures may have any size.

        >>> WindowEncoder(window=5, width=16).fits((2, 3, 5, 3, 32, 32))
        True
        """
        return len(shape) == 6 and super().fits(shape[:4])

    @property
    def allowed(self) -> str:
        """The shapes that it takes, in words.

        >>> WindowEncoder(window=5, width=16).allowed
        '(clips, at least 1, 5, 3, height, width)'
        """
        return super().allowed.replace(")", ", height, width)")

    def forward(self, x: Tensor) -> Tensor:
        pictures = x.flatten(0, 1).flatten(1, 2)  # (N, W, k, 3, H, W′) -> (N·W, 3k, H, W′)
        maps = self.layers(pictures).flatten(2)  # -> (N·W, width / 2, places)
        return torch.cat([maps.mean(dim=2), maps.amax(dim=2)], dim=1).unflatten(0, x.shape[:2])  # -> (N, W, width)


class TemporalCNN(Branch):
    """Two one-dimensional convolutions over windows (batch norm, ReLU, dropout): (N, W, features) → (N, W, width)."""

    def __init__(self, features: int, width: int, dropout: float) -> None:
        super().__init__(width=width, sizes=(features,))
        layers: list[nn.Module] = []
        for before in (features, width):
            layers += [nn.Conv1d(before, width, 3, padding=1, bias=False), nn.BatchNorm1d(width)]
            layers += [nn.ReLU(inplace=True), nn.Dropout(dropout)]
        self.layers = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x.transpose(1, 2)).transpose(1, 2)


class Seeing(Branch):
    """A `TemporalCNN` and two transformer blocks: (N, W, features) → (N, W, width)."""

    def __init__(self, features: int, width: int, *, dropout: float = 0.2, **transformer: Any) -> None:
        super().__init__(width=width, sizes=(features,))
        self.temporal = TemporalCNN(features, width, dropout)
        self.blocks = Blocks(width, **transformer)

    def forward(self, x: Tensor) -> Tensor:
        return self.blocks(self.temporal(x))


class WindowTagger(Tagger):
    """A `WindowEncoder` and a head that pools its windows: what an encoder is pre-trained as.

    >>> import torch
    >>> model = WindowTagger(classes=4, window=5, width=16)
    >>> model({"video": torch.zeros(2, 3, 5, 3, 32, 32)}).shape
    torch.Size([2, 4])
    """

    def __init__(self, classes: int, window: int, width: int) -> None:
        super().__init__({"video": WindowEncoder(window, width)}, Head(width, classes))


class VideoTagger(Tagger):
    """The part of the eye that is trained: window features (N, W, features) → `Seeing` → pooling over windows.

    Source: P1, section 3.2.

    >>> import torch
    >>> VideoTagger(classes=4, features=16, width=32)({"video": torch.zeros(2, 3, 16)}).shape
    torch.Size([2, 4])
    """

    def __init__(self, classes: int, features: int, width: int, **options: Any) -> None:
        super().__init__({"video": Seeing(features, width, **options)}, Head(width, classes))


class Watching(Branch):
    """A frozen encoder before a branch on its features: pixels (N, W, k, 3, H, W′) → (N, W, width).

    The encoder's weights need no gradient, and its batch norms keep their statistics whoever sets train mode.
    """

    def __init__(self, encoder: Branch, branch: Branch) -> None:
        super().__init__(width=branch.width, sizes=encoder.sizes, shortest=branch.shortest, longest=branch.longest)
        self.encoder = encoder.requires_grad_(False).eval()
        self.branch = branch

    def fits(self, shape: Sequence[int]) -> bool:
        """Whether encoder and branch take pixels of `shape`."""
        return self.encoder.fits(shape) and self.branch.fits((*shape[:2], self.encoder.width))

    @property
    def allowed(self) -> str:
        """The shapes that it takes, in words."""
        return super().allowed.replace(")", ", height, width)")

    def train(self, mode: bool = True) -> "Watching":
        super().train(mode)
        self.encoder.eval()
        return self

    def forward(self, x: Tensor) -> Tensor:
        return self.branch(self.encoder(x))


class PixelTagger(Tagger):
    """`tagger`, whose video branch reads window features, on the pixels that `encoder` makes them from.

    The weights are those of both, not copies, so that what is trained on stored features can be attacked in pixels.

    >>> import torch
    >>> eye, encoder = VideoTagger(classes=4, features=16, width=32).eval(), WindowEncoder(window=5, width=16)
    >>> model, pixels = PixelTagger(encoder, eye).eval(), torch.rand(2, 3, 5, 3, 32, 32)
    >>> torch.equal(model({"video": pixels}), eye({"video": encoder(pixels)}))
    True
    """

    def __init__(self, encoder: Branch, tagger: Tagger) -> None:
        video = Watching(encoder, tagger.branches["video"])
        super().__init__({**tagger.branches, "video": video}, tagger.head)
        self.tagger = tagger

    def fuse(self, encodings: Mapping[str, Tensor]) -> Tensor:
        return self.tagger.fuse(encodings)

    def classify(self, encodings: Mapping[str, Tensor]) -> Tensor:
        return self.tagger.classify(encodings)
