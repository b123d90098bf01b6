"""A set is rendered once, the same to the bit however that was done, and read ever after."""

from pathlib import Path

import h5py
import torch

from avlib import clock
from avlib.data import read, render, store
from avlib.data.store import stored
from tests.data.store.toy import SIZES, contents, made, source, the_file


def test_a_page_waits_for_the_rendering_and_not_for_the_cache():
    clock.restart()
    stored(source())
    took = clock.seconds()
    assert took["rendering"] > 0
    stored(source())
    assert clock.seconds() == took


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


def test_only_the_files_that_are_asked_for_are_opened(monkeypatch):
    stored(source(), ("audio", "video"))
    opened, real = [], h5py.File
    monkeypatch.setattr(
        h5py, "File", lambda path, *rest, **more: opened.append(Path(path)) or real(path, *rest, **more)
    )
    stored(source())
    assert opened == [the_file("audio")]


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


def test_cache_that_is_there_is_read_without_a_lock(monkeypatch):
    stored(source())
    monkeypatch.setattr(store, "locked", None)  # as in a checkout that cannot be written
    assert len(stored(source()).train) == 37
