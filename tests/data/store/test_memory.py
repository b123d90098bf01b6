"""What a store takes in memory does not follow the number of its clips, nor their size."""

import functools
import tracemalloc

import h5py
import pytest
import torch

from avlib.data import read, render, write
from avlib.data.source import Clip
from avlib.data.split import Media
from avlib.data.store import stored
from tests.data.store.toy import SIZES, source, the_file

FRAMES = torch.rand(8, 3, 64, 64, generator=torch.Generator().manual_seed(0))  # 96 KiB of pixels


def picture(split: str, i: int, modalities: tuple[str, ...], frames: torch.Tensor) -> Clip:
    return Clip(f"{split}-{i}", Media(torch.randn(4000), 8000, frames, 4.0), torch.zeros(2))


def peak(times: int, frames: torch.Tensor = FRAMES) -> int:
    """Bytes held at most while `times` as many clips as the toy has are rendered and stored."""
    many = {split: times * size for split, size in SIZES.items()}
    toy = source(sizes=many, clip=functools.partial(picture, frames=frames))
    tracemalloc.start()
    stored(toy, ("video",))
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return most


@pytest.fixture(autouse=True)
def small(monkeypatch):
    monkeypatch.setattr(read, "IN_MEMORY", 0)
    monkeypatch.setattr(write, "BLOCK", 2**20)
    monkeypatch.setattr(render, "CHUNK", 8)


def test_memory_does_not_grow_with_the_number_of_clips():
    few, many = peak(1), peak(4)
    more = 3 * sum(SIZES.values()) * FRAMES.numel()
    assert many < few + 0.1 * more


@pytest.mark.parametrize(("times", "rows"), [(1, 10), (4, 2), (11, 1)])
def test_clips_are_held_together_as_long_as_they_are_small(times, rows):
    stored(source(clip=functools.partial(picture, frames=FRAMES.tile(times, 1, 1, 1))), ("video",))
    with h5py.File(the_file("video")) as file:
        blocks = list(write._blocks(file["train/features"]))
    assert {block.stop - block.start for block in blocks[:-1]} == {rows}
    assert (blocks[0].start, blocks[-1].stop) == (0, SIZES["train"])


def test_chunks_are_as_many_as_clips_for_features_alone():
    """Reading takes kilobytes a chunk, however small it is: the labels of a million clips would take gigabytes."""
    toy = source(sizes={split: 8 * size for split, size in SIZES.items()})
    stored(toy)
    with h5py.File(the_file()) as file:
        chunks = {name: dataset.id.get_num_chunks() for name, dataset in file["train"].items()}
    assert chunks.pop("features") == 8 * 37
    assert set(chunks.values()) == {2}
