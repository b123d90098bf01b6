"""A data set of noise and its store, small enough to be made many times."""

import dataclasses

import torch

from avlib.data.media import BadMedia
from avlib.data.source import Clip, Source
from avlib.data.split import Event, Media
from avlib.features import LogMel
from avlib.files import cache_dir

FRONT_END = LogMel(8000, n_fft=512, window=256, hop=200, mels=12)
SIZES = {"train": 37, "valid": 5, "eval": 18}
made: list[tuple[str, int]] = []


def clip(split: str, i: int, modalities: tuple[str, ...], bad: int = -1) -> Clip:
    made.append((split, i))
    if i == bad:
        raise BadMedia(f"{split}-{i}", "silence")
    seed = torch.Generator().manual_seed(1000 * len(split) + i)
    frames = torch.rand(5, 3, 4, 6, generator=seed)
    media = Media(torch.randn(4000, generator=seed), 8000, frames if "video" in modalities else torch.zeros(0), 10.0)
    return Clip(f"{split}-{i}", media, torch.tensor([i % 2, 1.0]), (Event(0, 0.1, 0.25, seen=False),))


def source(**changes) -> Source:
    plain = Source("toy", ("a", "b"), SIZES, clip, "v1", (), FRONT_END, window=2)
    return dataclasses.replace(plain, **changes)


def the_file(modality="audio"):
    (path,) = (cache_dir() / "data").glob(f"*.{modality}.h5")
    return path


def contents():
    return {path.name: path.read_bytes() for path in sorted((cache_dir() / "data").glob("*.h5"))}
