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

from avlib.data import read, store, write
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
