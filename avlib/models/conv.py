"""The convolutional front that CSN and CRNN share: 400 frames × 64 mel bins → 100 frames of one vector each."""

import torch
from torch import Tensor, nn

from avlib.errors import AvlibError
from avlib.models.tagger import Branch

LEAST = 8  # channels
POOLS = ((2, 2), (2, 2), (1, 2), (1, 2), (1, 2))  # (time, frequency) after every second convolution


class ConvFront(Branch):
    """Ten 3×3 convolutions (batch norm, ReLU) and five max-pools: (N, T, F) → (N, T // 4, width).

    Channels double as frequency halves, from 2·width/F on, so that a frame always has `width` numbers in the end
    (for F = 64: width/32 channels first, but never fewer than eight: a narrower beginning learns far more slowly, and
    saves no time, because processors compute eight at once).
    Convolutions have a bias before their batch norm, as in the released models.

    Source: P1 section 3; TALNet (Wang, Li & Metze, ICASSP 2019).

    Raises
    ------
    AvlibError
        When `mels` is not a multiple of 32, or 2·`width` not one of `mels`.
    """

    def __init__(self, mels: int = 64, width: int = 1024) -> None:
        super().__init__(width=width, sizes=(mels,), shortest=4)
        if mels < 32 or mels % 32:
            raise AvlibError(f"mels={mels} does not fit five poolings of frequency by 2; take a multiple of 32")
        if width < 1 or 2 * width % mels:
            raise AvlibError(f"width={width} cannot be spread over {mels} mel bins; take a multiple of {mels // 2}")
        layers: list[nn.Module] = []
        channels, bins = 1, mels
        for pool in POOLS:
            wider = max(LEAST, 2 * width // bins)
            layers += [nn.Conv2d(channels, wider, 3, padding=1), nn.BatchNorm2d(wider), nn.ReLU(inplace=True)]
            # The largest of the rectified is the rectified largest, and costs a half or a quarter of them.
            layers += [
                nn.Conv2d(wider, wider, 3, padding=1),
                nn.BatchNorm2d(wider),
                nn.MaxPool2d(pool),
                nn.ReLU(inplace=True),
            ]
            channels = wider
            bins //= 2
        self.layers = nn.Sequential(*layers)
        for layer in self.layers:
            if isinstance(layer, nn.Conv2d):
                nn.init.xavier_uniform_(layer.weight)
        nn.utils.convert_conv2d_weight_memory_format(self, torch.channels_last)  # a fifth faster on CPUs

    def forward(self, x: Tensor) -> Tensor:
        maps = self.layers(x.unsqueeze(1))  # (N, T, F) -> (N, 1, T, F) -> (N, 16·width/F, T // 4, F / 32)
        return maps.transpose(1, 2).flatten(2)  # -> (N, T // 4, channels · F / 32 = width)
