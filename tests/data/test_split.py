"""A split hands out the right clips whatever order they are asked for in."""

import pytest
import torch

from avlib.data.split import Event, Media, Split
from avlib.errors import AvlibError

COUNT = 11


def rendered(i: int) -> Media:
    return Media(torch.full((4,), float(i)), 4, torch.zeros(1, 3, 2, 2), 1.0)


@pytest.fixture
def split():
    numbers = torch.arange(COUNT)
    return Split(
        features={
            "audio": numbers[:, None, None].float().expand(-1, 5, 3),
            "video": numbers[:, None, None, None, None, None].to(torch.uint8).expand(-1, 2, 1, 3, 2, 2),
        },
        labels=torch.eye(COUNT),
        ids=tuple(f"c{i}" for i in range(COUNT)),
        events=tuple((Event(i, 0.0, 1.0),) for i in range(COUNT)),
        render=rendered,
    )


def numbers(batch):
    assert torch.equal((batch["video"][:, 0, 0, 0, 0, 0] * 255).round(), batch["audio"][:, 0, 0])
    return batch["audio"][:, 0, 0].long().tolist()


def visited(split, generator=None):
    return [number for batch, _ in split.batches(4, generator) for number in numbers(batch)]


@pytest.mark.parametrize("indices", [[3], [7, 2, 2, 0], torch.tensor([10, 9]), range(4)])
def test_batch_is_in_the_order_asked_for(split, indices):
    batch, labels = split.batch(indices)
    wanted = list(indices) if not isinstance(indices, torch.Tensor) else indices.tolist()
    assert numbers(batch) == wanted == labels.argmax(dim=1).tolist()
    assert {values.dtype for values in batch.values()} == {torch.float32}


def test_batches_visit_every_clip_once(split):
    assert [len(labels) for _, labels in split.batches(4)] == [4, 4, 3]
    assert visited(split) == list(range(COUNT))
    shuffled = [visited(split, torch.Generator().manual_seed(seed)) for seed in (1, 1, 2)]
    assert sorted(shuffled[0]) == list(range(COUNT))
    assert shuffled[0] == shuffled[1] != shuffled[2]


def test_subset_of_a_subset_keeps_everything_together(split):
    inner = split.subset([8, 6, 4, 2]).subset(torch.tensor([3, 0, 0]))
    assert len(inner) == 3
    assert inner.ids == ("c2", "c8", "c8")
    assert [events[0].label for events in inner.events] == [2, 8, 8]
    assert numbers(inner.batch([0, 1, 2])[0]) == [2, 8, 8]
    assert inner.batch([1])[1].argmax() == 8
    assert inner.media(1).waveform[0] == 8
    assert inner.subset([]).ids == ()


def test_features_alone_have_no_media(split):
    mute = Split(split.features, split.labels, split.ids)
    with pytest.raises(AvlibError, match="'c3' has features only"):
        mute.media(3)
    assert mute.subset([1]).events is None


def test_batches_come_out_on_the_device_asked_for(split):
    batch, labels = split.to("meta").subset([1, 2]).batch([0])
    assert {tensor.device.type for tensor in (*batch.values(), labels)} == {"meta"}
    assert split.batch([0])[1].device.type == "cpu"
