"""Training that is stopped, by a kill, a full disk or a cache that cannot be written."""

import dataclasses
import errno
import multiprocessing
import signal
import time
from pathlib import Path

import pytest
import torch

from avlib.errors import AvlibError
from avlib.mixup import MixUp
from avlib.specaugment import SpecAugment
from avlib.training import cache as kept
from avlib.training import predict, trained
from avlib.training.checkpoint import read


def test_leftovers_of_a_killed_run_are_cleared(data, factory, recipe, cache, monkeypatch, suffixes):
    with monkeypatch.context() as patch:
        patch.setattr(kept, "write", lambda *a: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            trained(factory, data, recipe)
    (resume,) = cache.glob("*.resume.safetensors")
    leftover = cache / f".{resume.stem}-01234567.part.safetensors"
    leftover.write_bytes(b"half")
    trained(factory, data, recipe)
    assert suffixes(cache) == [".json", ".safetensors"]


def test_read_only_cache_is_one_line(data, factory, recipe, cache, monkeypatch):
    def refuse(*args, **kwargs):
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(Path, "mkdir", refuse)
    with pytest.raises(AvlibError, match=r"the file system is read-only; .* AVLIB_CACHE") as caught:
        trained(factory, data, recipe)
    assert "\n" not in str(caught.value)


def test_read_only_cache_still_gives_what_it_has(data, factory, recipe, cache, monkeypatch):
    trained(factory, data, recipe)

    def refuse(*args):
        raise AssertionError("no lock is needed to read")

    monkeypatch.setattr(kept, "locked", refuse)
    trained(factory, data, recipe)


def test_full_disk_is_one_line_and_the_next_run_goes_on(data, factory, recipe, cache, epochs, monkeypatch, suffixes):
    real, writes = Path.write_bytes, []

    def full(path, content):
        writes.append(path)
        if len(writes) == 2:
            real(path, content[:100])
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(path, content)

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(AvlibError, match="the disk is full"):
        trained(factory, data, recipe)
    trained(factory, data, recipe)
    assert len(epochs) == 2 + 2  # the second epoch was lost with the disk, the first was kept
    assert suffixes(cache) == [".json", ".safetensors"]


def test_killed_run_goes_on_and_ends_as_if_never_stopped(
    data, factory, recipe, tmp_path, monkeypatch, epochs, suffixes
):
    recipe = dataclasses.replace(recipe, epochs=15, transforms=(SpecAugment(4, 4), MixUp()))
    folder = tmp_path / "killed" / "models"
    monkeypatch.setenv("AVLIB_CACHE", str(folder.parent))
    child = multiprocessing.get_context("fork").Process(target=trained, args=(factory, data, recipe, 7))
    child.start()
    deadline = time.monotonic() + 60
    while not list(folder.glob("CSN-*.resume.safetensors")) and time.monotonic() < deadline:
        time.sleep(0.01)
    child.kill()
    child.join()
    assert child.exitcode == -signal.SIGKILL
    (resume,) = folder.glob("CSN-*.resume.safetensors")
    done = len(read(resume)[1]["history"])
    assert 1 <= done < 15

    resumed, _ = trained(factory, data, recipe, 7)
    assert len(epochs) == 15 - done
    assert suffixes(folder) == [".json", ".safetensors"]
    monkeypatch.setenv("AVLIB_CACHE", str(tmp_path / "whole"))
    whole, _ = trained(factory, data, recipe, 7)
    assert torch.equal(predict(resumed, data.eval), predict(whole, data.eval))
