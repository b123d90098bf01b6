"""What a modality is to a data set: how a clip's sound or picture becomes features, and what else decides them."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from avlib.data.source import Source
from avlib.data.split import Media


@dataclass(frozen=True)
class Modality:
    """How clips become features of one modality.

    features : (source, media) → the features of one clip, the first axis being time.
    settings : what of a source, besides its key, decides them.
    zscored : whether the last axis is z-scored over the training split once all clips are there.
    """

    features: Callable[[Source, Media], Tensor]
    settings: Callable[[Source], object]
    zscored: bool = False


def windows(frames: Tensor, k: int) -> Tensor:
    """Frames (M, 3, H, W) in [0, 1] to uint8 windows (⌈M/k⌉, k, 3, H, W), the last one filled up with the last frame.

    >>> windows(torch.zeros(5, 3, 4, 4), 2).shape
    torch.Size([3, 2, 3, 4, 4])
    """
    missing = -len(frames) % k
    padded = torch.cat([frames, frames[-1:].expand(missing, -1, -1, -1)])
    return (padded * 255).round().to(torch.uint8).unflatten(0, (-1, k))


MODALITIES = {
    "audio": Modality(
        features=lambda source, media: source.front_end(media.waveform.float()),
        settings=lambda source: repr(source.front_end),
        zscored=True,
    ),
    "video": Modality(
        features=lambda source, media: windows(media.frames, source.window),
        settings=lambda source: source.window,
    ),
}
