"""The store: rendered once, whole, the same to the bit however it was made."""

import contextlib
import dataclasses
import functools
import multiprocessing
import os
import resource
import signal
import sys
import time
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch

from avlib import clock, provenance
from avlib.data import read, render, store, synthav, write
from avlib.data.media import BadMedia
from avlib.data.source import Clip, Source
from avlib.data.split import Event, Media
from avlib.data.store import stored
from avlib.errors import AvlibError
from avlib.features import LogMel, Normalizer
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


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("AVLIB_CACHE", str(tmp_path))
    made.clear()
    return tmp_path


def source(**changes) -> Source:
    plain = Source("toy", ("a", "b"), SIZES, clip, "v1", (), FRONT_END, window=2)
    return dataclasses.replace(plain, **changes)


def the_file(modality="audio"):
    (path,) = (cache_dir() / "data").glob(f"*.{modality}.h5")
    return path


def contents():
    return {path.name: path.read_bytes() for path in sorted((cache_dir() / "data").glob("*.h5"))}


def test_a_page_waits_for_the_rendering_and_not_for_the_cache():
    clock.restart()
    stored(source())
    took = clock.seconds()
    assert took["rendering"] > 0
    stored(source())
    assert clock.seconds() == took


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


def test_each_modality_is_rendered_once_whatever_it_is_asked_for_with():
    total = sum(SIZES.values())
    sound = stored(source())
    assert len(made) == total
    before = contents()
    assert stored(source()).checksums == sound.checksums
    assert len(made) == total
    both = stored(source(), ("audio", "video"))
    assert len(made) == 2 * total, "the pictures alone"
    assert before.items() <= contents().items(), "the file of the sound is as it was"
    pictures = stored(source(), ("video",))
    assert len(made) == 2 * total
    assert (list(sound.train.features), list(pictures.train.features)) == (["audio"], ["video"])
    assert both.checksums == sound.checksums | pictures.checksums
    assert both.checksums.keys() == {"audio", "video", "labels"}


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


def test_only_the_files_that_are_asked_for_are_opened(monkeypatch):
    stored(source(), ("audio", "video"))
    opened, real = [], h5py.File
    monkeypatch.setattr(
        h5py, "File", lambda path, *rest, **more: opened.append(Path(path)) or real(path, *rest, **more)
    )
    stored(source())
    assert opened == [the_file("audio")]


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
    assert "9 unreadable among 60" in capsys.readouterr().err.strip().splitlines()[-1]
    alone = stored(toy)
    assert data.checksums["audio"] != alone.checksums["audio"], "fewer clips are other features"
    assert data.checksums["labels"] != alone.checksums["labels"]


def test_modalities_without_a_common_clip_are_named():
    toy = source(clip=functools.partial(picky, deaf=(0, 2, 4), blind=(1, 3)))
    with pytest.raises(AvlibError, match="no clip of the valid split can be read in audio and video"):
        stored(toy, ("audio", "video"))


def test_processes_and_neighbours_do_not_decide_a_bit(monkeypatch, cache):
    serial = stored(source())
    for env, changes in (("parallel", {}), ("chunked", {"CHUNK": 7})):
        monkeypatch.setenv("AVLIB_CACHE", str(cache / env))
        monkeypatch.setattr(render, "WORTHWHILE", -1.0)
        for name, value in changes.items():
            monkeypatch.setattr(render, name, value)
        other = stored(source())
        assert other.checksums == serial.checksums
        assert torch.equal(other.eval.features["audio"], serial.eval.features["audio"])


def test_large_sets_stay_on_disk_and_read_the_same(monkeypatch):
    small = stored(source(), ("audio", "video"))
    assert isinstance(small.train.features["audio"], torch.Tensor)
    monkeypatch.setattr(read, "IN_MEMORY", 0)
    large = stored(source(), ("audio", "video"))
    assert not isinstance(large.train.features["audio"], torch.Tensor)
    for index in ([5, 1, 5], torch.arange(37)):
        for name in ("audio", "video"):
            assert torch.equal(large.train.batch(index)[0][name], small.train.batch(index)[0][name])


@pytest.mark.parametrize("damage", ["truncated", "garbage", "flipped"])
def test_damaged_file_is_named_removed_and_made_again(damage, capsys):
    before = stored(source())
    path = the_file()
    content = bytearray(path.read_bytes())
    if damage == "truncated":
        content = content[: len(content) // 2]
    elif damage == "garbage":
        content = bytearray(b"not HDF5 at all")
    else:
        with h5py.File(path) as file:
            content[file["train/features"].id.get_chunk_info(3).byte_offset + 40] ^= 0xFF
    path.write_bytes(content)
    after = stored(source())
    assert after.checksums == before.checksums
    assert torch.equal(after.train.features["audio"], before.train.features["audio"])
    said = capsys.readouterr().err.strip()
    assert "damaged" in said
    assert "\n" not in said


def test_a_damaged_file_is_removed_only_under_its_lock(monkeypatch):
    """Another process may be making it again: then what it made is read, and not removed."""
    before = stored(source())
    path, good = the_file(), the_file().read_bytes()
    path.write_bytes(good[: len(good) // 2])
    made.clear()

    @contextlib.contextmanager
    def locked(asked):
        assert asked == path
        assert path.read_bytes() == good[: len(good) // 2], "touched before the lock was held"
        path.write_bytes(good)  # by the one that had the lock until now
        yield

    monkeypatch.setattr(store, "locked", locked)
    after = stored(source())
    assert not made
    assert path.read_bytes() == good
    assert torch.equal(after.train.features["audio"], before.train.features["audio"])


def test_damage_in_a_large_set_is_one_line(monkeypatch):
    monkeypatch.setattr(read, "IN_MEMORY", 0)
    data = stored(source())
    path = the_file()
    content = bytearray(path.read_bytes())
    with h5py.File(path) as file:
        content[file["train/features"].id.get_chunk_info(3).byte_offset + 40] ^= 0xFF
    path.write_bytes(content)
    with pytest.raises(AvlibError, match="damaged"):
        data.train.batch([3])


def test_bad_clips_go_to_the_ledger_and_the_rest_keeps_its_media(capsys):
    data = stored(source(clip=functools.partial(clip, bad=2)))
    assert len(data.train) == 36
    assert data.ledger == (("train-2", "silence"), ("valid-2", "silence"), ("eval-2", "silence"))
    said = capsys.readouterr().err
    assert "3 unreadable among 60" in said
    (table,) = (cache_dir() / "data").glob("*.ledger.csv")
    assert table.read_text().splitlines()[:2] == ["clip,reason", "train-2,silence"]
    assert data.train.ids[2] == "train-3"
    assert torch.equal(data.train.media(2).waveform, clip("train", 3, ("audio",)).media.waveform)
    assert torch.equal(data.train.subset([2]).media(0).waveform, clip("train", 3, ("audio",)).media.waveform)


def test_no_readable_clip_is_an_error_and_leaves_no_file():
    with pytest.raises(AvlibError, match="no readable clip in the valid split"):
        stored(source(sizes=SIZES | {"valid": 0}))
    assert not list((cache_dir() / "data").glob("*.h5"))


def test_content_decides_key_and_checksum():
    first = stored(source())
    second = stored(source(key="v2"))
    third = stored(source(front_end=LogMel(8000, n_fft=512, window=256, hop=200, mels=12, f_max=3000)))
    assert first.checksums == second.checksums
    assert first.checksums["audio"] != third.checksums["audio"]
    assert first.checksums["labels"] == third.checksums["labels"]
    assert len(list((cache_dir() / "data").glob("*.h5"))) == 3


def relabelled(split: str, i: int, modalities: tuple[str, ...]) -> Clip:
    return dataclasses.replace(clip(split, i, modalities), labels=torch.tensor([1.0, float(i == 3)]))


def test_labels_have_a_checksum_of_their_own():
    first, second = stored(source()), stored(source(key="v2", clip=relabelled))
    assert first.checksums["audio"] == second.checksums["audio"]
    assert first.checksums["labels"] != second.checksums["labels"]


CHANGES = {
    "key": ({"key": "v2"}, {"audio", "video"}),
    "sizes": ({"sizes": SIZES | {"valid": 6}}, {"audio", "video"}),
    "front end": ({"front_end": LogMel(8000, n_fft=512, window=256, hop=100, mels=12)}, {"audio"}),
    "window": ({"window": 3}, {"video"}),
}


def keys(toy):
    return {"all": store.source_key(toy), **{name: store._key(toy, name) for name in ("audio", "video")}}


@pytest.mark.parametrize("what", CHANGES)
def test_a_key_holds_what_touches_its_modality(what):
    change, touched = CHANGES[what]
    before, after = keys(source()), keys(source(**change))
    assert {name for name in before if before[name] != after[name]} == touched | {"all"}


@pytest.mark.parametrize(
    "package", ["numpy", "scipy", "scikit-learn", "soundfile", "av", "torch", "torchaudio", "h5py"]
)
def test_a_key_holds_the_libraries_that_render(package, monkeypatch):
    before, real = keys(source()), store.versions
    monkeypatch.setattr(
        store, "versions", lambda *names: real(*names) | {name: "0" for name in names if name == package}
    )
    after = keys(source())
    assert all(before[name] != after[name] for name in before)


def entered(toy, modality):
    """Modules of avlib whose functions run while `modality` of `toy` is rendered and written."""
    found = set()

    def profile(frame, event, _):
        if event == "call" and frame.f_code.co_name != "<module>":
            found.add(frame.f_globals.get("__name__", ""))

    sys.setprofile(profile)
    try:
        write.write(cache_dir() / "data" / f"{modality}.h5", toy, modality)
    finally:
        sys.setprofile(None)
    return {name for name in found if name.startswith("avlib.")}


def test_a_key_holds_the_source_of_every_module_that_renders(monkeypatch):
    """Found by running: whatever module a function was called from while a file was made."""
    toy = synthav.source(clips=(3, 2, 2))
    modules = {name: entered(toy, name) for name in ("audio", "video")}
    assert "avlib.features" in modules["audio"] - modules["video"]
    real = provenance._text

    def key(edited, text="\nEDITED = 1"):
        store._code.cache_clear()
        with monkeypatch.context() as patch:
            patch.setattr(provenance, "_text", lambda name: real(name) + text * (name in edited))
            return [store._key(toy, name) for name in modules]

    plain, everything = key([]), modules["audio"] | modules["video"]
    assert {"avlib.data.render", "avlib.data.write", "avlib.data.synthav.scene"} <= everything
    for edited in sorted(everything):
        assert not set(key([edited])) & set(plain), edited
    assert key(everything, "\n# a remark") == plain
    store._code.cache_clear()


@pytest.mark.parametrize("modalities", [(), ("sound",), ("audio", "audio"), ("audio", "smell")])
def test_unknown_modality_is_refused(modalities):
    with pytest.raises(AvlibError, match="choose one or both of audio, video"):
        stored(source(), modalities)


def forked(target):
    process = multiprocessing.get_context("fork").Process(target=target)
    process.start()
    return process


def test_file_that_cannot_grow_leaves_nothing_behind(tmp_path):
    here, there = multiprocessing.Pipe()

    def fill() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, 40_000))
        try:
            stored(source())
        except (AvlibError, OSError) as error:
            there.send(str(error))

    process = forked(fill)
    process.join()
    assert process.exitcode == 0
    assert here.poll()
    assert "File too large" in here.recv()
    assert [path.name for path in tmp_path.rglob("*") if path.suffix != ".lock" and path.is_file()] == []


def test_full_disk_is_one_line_and_leaves_nothing(monkeypatch, cache):
    def refuse(*_):
        raise RuntimeError("Can't write data (file write failed: time = now\n, errno = 28, error message = 'No space')")

    monkeypatch.setattr(write, "_checksum", refuse)
    with pytest.raises(AvlibError, match="disk is full") as error:
        stored(source())
    assert "\n" not in str(error.value)
    assert [path for path in cache.rglob("*") if path.is_file() and path.suffix != ".lock"] == []
    monkeypatch.undo()
    monkeypatch.setenv("AVLIB_CACHE", str(cache))
    assert len(stored(source()).train) == 37


def slowly(split: str, i: int, modalities: tuple[str, ...], log: Path) -> Clip:
    with log.open("a") as file:
        file.write(f"{split}-{i}\n")
    time.sleep(0.005)
    return clip(split, i, modalities)


def test_killed_render_is_not_taken_for_a_whole_one(cache):
    log = cache / "log"
    toy = source(clip=functools.partial(slowly, log=log))
    process = forked(lambda: stored(toy))
    while not log.exists() or log.read_text().count("\n") < 20:
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    (left,) = [path for path in (cache / "data").iterdir() if path.suffix != ".lock"]
    assert ".part" in left.name
    assert stored(toy).checksums == stored(source()).checksums
    assert not left.exists()


def test_two_processes_that_want_the_same_set_render_it_once(cache):
    log = cache / "log"
    toy = source(clip=functools.partial(slowly, log=log))
    processes = [forked(lambda: stored(toy)) for _ in range(2)]
    for process in processes:
        process.join()
        assert process.exitcode == 0
    assert log.read_text().count("\n") == sum(SIZES.values())


def test_cache_that_is_there_is_read_without_a_lock(monkeypatch):
    stored(source())
    monkeypatch.setattr(store, "locked", None)  # as in a checkout that cannot be written
    assert len(stored(source()).train) == 37


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
