"""A store that was damaged, killed in the making, or could not be written."""

import contextlib
import functools
import multiprocessing
import os
import resource
import signal
import time
from pathlib import Path

import h5py
import pytest
import torch

from avlib.data import read, render, store, write
from avlib.data.source import Clip
from avlib.data.store import stored
from avlib.errors import AvlibError
from tests.data.store.toy import SIZES, clip, made, source, the_file


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


def forked(target):
    process = multiprocessing.get_context("fork").Process(target=target)
    process.start()
    return process


PARTS = [("eval", 0), ("train", 0), ("train", 32), ("valid", 0)]


def left(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if path.is_file() and path.suffix not in (".lock", ""))


def test_file_that_cannot_grow_leaves_nothing_by_half(tmp_path):
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
    assert left(tmp_path) == ["train-000000000.npz"], "the rows that were whole before the set was too large"


def test_full_disk_is_one_line_and_loses_nothing(monkeypatch, cache):
    def refuse(*_):
        raise RuntimeError("Can't write data (file write failed: time = now\n, errno = 28, error message = 'No space')")

    monkeypatch.setattr(write, "_checksum", refuse)
    with pytest.raises(AvlibError, match="disk is full") as error:
        stored(source())
    assert "\n" not in str(error.value)
    assert left(cache) == [f"{split}-{first:09d}.npz" for split, first in PARTS]
    monkeypatch.undo()
    monkeypatch.setenv("AVLIB_CACHE", str(cache))
    made.clear()
    assert len(stored(source()).train) == 37
    assert made == [], "what was done is not lost"
    assert left(cache) == [the_file().name]


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
    assert not list((cache / "data").glob("toy-*.h5")), "what is half lies under another name"
    assert stored(toy).checksums == stored(source()).checksums
    assert left(cache) == sorted(path.name for path in (cache / "data").glob("*.h5"))


@pytest.mark.parametrize("cores", [1, 2])
def test_killed_render_goes_on_where_it_ended(cores, cache, monkeypatch):
    monkeypatch.setattr(render, "CHUNK", 4)
    if cores > 1:
        monkeypatch.setattr(render, "WORTHWHILE", -1.0)
    log = cache / "log"
    toy = source(clip=functools.partial(slowly, log=log))
    process = forked(lambda: stored(toy))
    while not log.exists() or log.read_text().count("\n") < 30:
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    time.sleep(0.3)  # its workers end what they are at
    done = {path.stem for path in cache.rglob("*.npz") if not path.name.startswith(".")}
    assert len(done) >= 4
    before = log.read_text().splitlines()
    assert stored(toy).checksums == stored(source(key="whole")).checksums
    again = [line for line in log.read_text().splitlines()[len(before) :] if line in before]
    ended = {f"{split}-{int(first) + i}" for split, first in (stem.split("-") for stem in done) for i in range(4)}
    assert not ended & set(again)
    assert not list(cache.rglob("*.parts"))


def test_a_damaged_part_is_named_and_made_again(cache, monkeypatch):
    monkeypatch.setattr(write, "_checksum", lambda *_: (_ for _ in ()).throw(OSError("stop")))
    with pytest.raises(OSError, match="stop"):
        stored(source())
    monkeypatch.undo()
    monkeypatch.setenv("AVLIB_CACHE", str(cache))
    part = next(cache.rglob("train-000000032.npz"))
    part.write_bytes(part.read_bytes()[:100])
    with pytest.raises(
        AvlibError, match=r"train-000000032.npz is damaged, and was removed: run the same command again"
    ):
        stored(source())
    made.clear()
    assert len(stored(source()).train) == 37
    assert made == [("train", i) for i in range(32, 37)]


def test_two_processes_that_want_the_same_set_render_it_once(cache):
    log = cache / "log"
    toy = source(clip=functools.partial(slowly, log=log))
    processes = [forked(lambda: stored(toy)) for _ in range(2)]
    for process in processes:
        process.join()
        assert process.exitcode == 0
    assert log.read_text().count("\n") == sum(SIZES.values())
