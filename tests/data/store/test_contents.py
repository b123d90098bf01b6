"""What a store holds, modality by modality."""

import functools

import h5py
import numpy as np
import pytest
import torch

from avlib.data import read, synthav
from avlib.data.media import BadMedia
from avlib.data.source import Clip
from avlib.data.split import Event
from avlib.data.store import stored
from avlib.errors import AvlibError
from avlib.features import Normalizer
from avlib.files import cache_dir
from tests.data.store.toy import FRONT_END, SIZES, clip, source, the_file


def test_shapes_labels_events_and_normalisation():
    data = stored(source(), ("audio", "video"))
    batch, labels = data.eval.batch([3, 0])
    assert batch["audio"].shape == (2, 20, 12)
    assert batch["video"].shape == (2, 3, 2, 3, 4, 6)
    assert labels.tolist() == [[1, 1], [0, 1]]
    assert data.eval.ids[3] == "eval-3"
    assert data.eval.events[3] == (Event(0, 0.1, 0.25, heard=True, seen=False),)
    train = data.train.features["audio"]
    torch.testing.assert_close(train.mean(dim=(0, 1)), torch.zeros(12), atol=1e-5, rtol=0)
    spread = train.std(dim=(0, 1), correction=0)
    floored = data.normalizer.std == 1.0
    torch.testing.assert_close(spread[~floored], torch.ones(12)[~floored], atol=1e-4, rtol=0)
    assert (spread[floored] < 1).all()
    assert 0 < floored.sum() < 12
    level = FRONT_END(clip("eval", 3, ("audio",)).media.waveform)
    torch.testing.assert_close(data.normalizer.inverse(batch["audio"][0]), level, atol=1e-4, rtol=0)


def test_last_window_is_filled_with_the_last_frame():
    data = stored(source(), ("video",))
    video = data.valid.batch([2])[0]["video"][0]
    frames = clip("valid", 2, ("video",)).media.frames
    torch.testing.assert_close(video.flatten(0, 1)[:5], frames, atol=1 / 255, rtol=0)
    assert torch.equal(video[2, 1], video[2, 0])


def test_a_set_in_one_modality_is_a_view_of_the_set_in_both():
    both = stored(source(), ("audio", "video"))
    for name in ("audio", "video"):
        view, alone = both.only([name]), stored(source(), (name,))
        assert view.checksums == alone.checksums
        for split in SIZES:
            batch, labels = getattr(view, split).batch([3, 0])
            other, targets = getattr(alone, split).batch([3, 0])
            assert batch.keys() == other.keys() == {name}
            assert torch.equal(batch[name], other[name])
            assert torch.equal(labels, targets)


def picky(split: str, i: int, modalities: tuple[str, ...], deaf: tuple[int, ...], blind: tuple[int, ...]) -> Clip:
    """Clips whose sound (`deaf`) or picture (`blind`) cannot be read."""
    for name, bad in (("audio", deaf), ("video", blind)):
        if name in modalities and i in bad:
            raise BadMedia(f"{split}-{i}", "no file" if i in deaf and i in blind else f"no {name}")
    return clip(split, i, modalities)


@pytest.mark.parametrize("limit", [0, read.IN_MEMORY], ids=["on disk", "in memory"])
def test_a_clip_belongs_to_the_set_when_all_its_modalities_can_be_read(limit, monkeypatch, capsys):
    monkeypatch.setattr(read, "IN_MEMORY", limit)
    sound, pictures = (stored(source(clip=clip), (name,)) for name in ("audio", "video"))
    toy = source(key="bad", clip=functools.partial(picky, deaf=(1, 4), blind=(2, 4)))
    data = stored(toy, ("audio", "video"))
    for split, size in SIZES.items():
        part, left = getattr(data, split), [i for i in range(size) if i not in (1, 2, 4)]
        assert part.ids == tuple(f"{split}-{i}" for i in left)
        batch, labels = part.batch(range(len(left)))
        assert torch.equal(labels, getattr(sound, split).labels[left])
        assert torch.equal(batch["video"], getattr(pictures, split).batch(left)[0]["video"])
        level = data.normalizer.inverse(batch["audio"])
        whole = sound.normalizer.inverse(getattr(sound, split).batch(left)[0]["audio"])
        torch.testing.assert_close(level, whole, atol=1e-4, rtol=0)
        assert torch.equal(part.subset([1]).batch([0])[0]["audio"][0], batch["audio"][1])
        assert torch.equal(part.media(1).waveform, clip(split, left[1], ("audio",)).media.waveform)
        assert {fault for fault in data.ledger if fault[0].startswith(split)} == {
            (f"{split}-1", "no audio"), (f"{split}-2", "no video"), (f"{split}-4", "no file")
        }  # fmt: skip
    assert len(data.ledger) == 9, "each reason is kept once"
    assert "9 of 60 clips are left out" in capsys.readouterr().err.strip().splitlines()[-1]
    alone = stored(toy)
    assert data.checksums["audio"] != alone.checksums["audio"], "fewer clips are other features"
    assert data.checksums["labels"] != alone.checksums["labels"]


def test_modalities_without_a_common_clip_are_named():
    toy = source(clip=functools.partial(picky, deaf=(0, 2, 4), blind=(1, 3)))
    with pytest.raises(AvlibError, match="no clip of the valid split can be read in audio and video"):
        stored(toy, ("audio", "video"))


def test_bad_clips_go_to_the_ledger_and_the_rest_keeps_its_media(capsys):
    data = stored(source(clip=functools.partial(clip, bad=2)))
    assert len(data.train) == 36
    assert data.ledger == (("train-2", "silence"), ("valid-2", "silence"), ("eval-2", "silence"))
    said = capsys.readouterr().err
    assert "3 of 60 clips are left out" in said
    (table,) = (cache_dir() / "data").glob("*.ledger.csv")
    assert table.read_text().splitlines()[:2] == ["clip,reason", "train-2,silence"]
    assert data.train.ids[2] == "train-3"
    assert torch.equal(data.train.media(2).waveform, clip("train", 3, ("audio",)).media.waveform)
    assert torch.equal(data.train.subset([2]).media(0).waveform, clip("train", 3, ("audio",)).media.waveform)


def test_no_readable_clip_is_an_error_and_leaves_no_file():
    with pytest.raises(AvlibError, match="no readable clip in the valid split"):
        stored(source(sizes=SIZES | {"valid": 0}))
    assert not list((cache_dir() / "data").glob("*.h5"))


@pytest.mark.parametrize("modalities", [(), ("sound",), ("audio", "audio"), ("audio", "smell")])
def test_unknown_modality_is_refused(modalities):
    with pytest.raises(AvlibError, match="choose one or both of audio, video"):
        stored(source(), modalities)


def test_normaliser_of_video_only_is_the_identity():
    data = stored(source(), ("video",))
    assert isinstance(data.normalizer, Normalizer)
    assert np.allclose(data.normalizer.std, 1)


def test_pictures_are_packed_and_come_back_as_they_were():
    data = stored(source(), ("audio", "video"))
    with h5py.File(the_file("video")) as file:
        assert file["train/features"].compression == "gzip"
    with h5py.File(the_file("audio")) as file:
        assert file["train/features"].compression is None
    for i in (0, 17):
        frames = clip("eval", i, ("video",)).media.frames
        seen = data.eval.batch([i])[0]["video"][0].flatten(0, 1)[:5]
        assert torch.equal(seen, (frames * 255).round().to(torch.uint8).float() / 255)


def test_generated_pictures_take_no_more_room_than_their_sound():
    """At the length of `laptop`: packed pixels against the features of the sound, byte for byte on disk."""
    made = synthav.source("laptop", clips=(64, 1, 1))
    stored(made, ("audio", "video"))
    room = {}
    for modality in ("audio", "video"):
        with h5py.File(the_file(modality)) as file:
            room[modality] = file["train/features"].id.get_storage_size()
    assert room["video"] < 0.6 * room["audio"]  # .41; 2.4 with grain that flickers
