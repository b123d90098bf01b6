"""ResNet over the spectrogram as a picture: the convolutional model that P1 compares with."""

import torch
from torch import Tensor, nn

from avlib.errors import AvlibError
from avlib.models.pooling import Head
from avlib.models.tagger import Branch, Tagger

LAYERS = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3), 50: (3, 4, 6, 3)}


class Residual(nn.Module):
    """Basic (two 3×3) or bottleneck (1×1, 3×3, 1×1 to four times the width) block with a shortcut."""

    def __init__(self, channels: int, width: int, stride: int, *, bottleneck: bool) -> None:
        super().__init__()
        out = 4 * width if bottleneck else width
        if bottleneck:
            plan = [(channels, width, 1, 1), (width, width, 3, stride), (width, out, 1, 1)]
        else:
            plan = [(channels, width, 3, stride), (width, out, 3, 1)]
        layers: list[nn.Module] = []
        for before, after, kernel, step in plan:
            layers += [_conv(before, after, kernel, step), nn.BatchNorm2d(after), nn.ReLU(inplace=True)]
        self.residual = nn.Sequential(*layers[:-1])  # the last ReLU comes after the sum
        self.shortcut: nn.Module = nn.Identity()
        if stride > 1 or channels != out:
            self.shortcut = nn.Sequential(_conv(channels, out, 1, stride), nn.BatchNorm2d(out))

    def forward(self, x: Tensor) -> Tensor:
        return (self.residual(x) + self.shortcut(x)).relu()  # (N, C, T, F) -> (N, C′, T / stride, F / stride)


class Stages(Branch):
    """The residual network up to its last stage, frequency averaged away: (N, T, mels) → (N, ⌈T / 16⌉, width)."""

    def __init__(self, mels: int, depth: int, stem: int) -> None:
        if depth not in LAYERS:
            raise AvlibError(f"depth={depth} is no ResNet here; choose one of {', '.join(map(str, LAYERS))}")
        expansion = 4 if depth >= 50 else 1
        super().__init__(width=(stem << 3) * expansion, sizes=(mels,))
        self.stem = nn.Sequential(
            nn.Conv2d(1, stem, 7, padding=3, bias=False),
            nn.BatchNorm2d(stem),
            nn.MaxPool2d(3, stride=2, padding=1),
            nn.ReLU(inplace=True),  # after the pooling: equal, and a quarter of the work
        )
        blocks: list[nn.Module] = []
        channels = stem
        for stage, count in enumerate(LAYERS[depth]):
            for i in range(count):
                stride = 2 if stage > 0 and i == 0 else 1
                blocks.append(Residual(channels, stem << stage, stride, bottleneck=expansion > 1))
                channels = (stem << stage) * expansion
        self.blocks = nn.Sequential(*blocks)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        nn.utils.convert_conv2d_weight_memory_format(self, torch.channels_last)  # a quarter faster on CPUs

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x.unsqueeze(1))  # (N, T, F) -> (N, 1, T, F) -> (N, stem, T / 2, F / 2)
        x = self.blocks(x)  # -> (N, d, T / 16, F / 16), halves rounded up
        return x.mean(dim=3).transpose(1, 2)  # -> (N, T / 16, d)


class ResNet(Tagger):
    """Residual network of depth 18, 34 or 50 in torchvision's layout on sound, with a head that pools over time.

    The 7×7 stem has one input channel and stride 1; frequency is averaged away after the last stage.
    `stem` is the width of the first stage (64 in the paper); later ones have 2, 4 and 8 times as many channels.
    The released head normalises σ(a) over time, here attention is the softmax that CSN has.

    Parameters at 527 classes, depth 50, stem 64: 25,661,406.  Source: P1 section 5; He et al., CVPR 2016.

    >>> import torch
    >>> ResNet(classes=5, depth=18, stem=8)({"audio": torch.zeros(2, 100, 64)}).shape
    torch.Size([2, 5])
    """

    def __init__(
        self, classes: int, mels: int = 64, *, depth: int = 50, stem: int = 64, pooling: str = "attention"
    ) -> None:
        branch = Stages(mels, depth, stem)
        super().__init__({"audio": branch}, Head(branch.width, classes, pooling))


def _conv(before: int, after: int, kernel: int, stride: int) -> nn.Conv2d:
    return nn.Conv2d(before, after, kernel, stride=stride, padding=kernel // 2, bias=False)
