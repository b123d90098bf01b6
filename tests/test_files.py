"""Files are whole or not there, made by one process, and what cannot be written is said in one line."""

import errno
import multiprocessing
import os
import re
import signal
import time
from pathlib import Path

import pytest

from avlib.errors import AvlibError
from avlib.files import atomic, cache_dir, data_dir, locked, writing

# --- atomic -----------------------------------------------------------------------------------------------------------


def test_atomic_keeps_the_suffix_and_makes_the_folder(tmp_path):
    target = tmp_path / "deep" / "er" / "table.csv"
    with atomic(target) as part:
        assert part.suffix == ".csv"
        assert part.parent == target.parent
        part.write_text("1")
        assert not target.exists()
    assert target.read_text() == "1"
    assert list(target.parent.iterdir()) == [target]


def test_failure_leaves_the_old_file_and_nothing_else(tmp_path):
    target = tmp_path / "a.txt"
    target.write_text("old")

    def fail():
        with atomic(target) as part:
            part.write_text("half")
            raise RuntimeError("in the middle")

    with pytest.raises(RuntimeError, match="in the middle"):
        fail()
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def started(target, *args):
    """A process of its own (forked: importing torch again would take seconds), and the end of its pipe."""
    context = multiprocessing.get_context("fork")
    here, there = context.Pipe()
    process = context.Process(target=target, args=(*args, there))
    process.start()
    return process, here


def write_slowly(path, pipe):
    with atomic(path) as part, part.open("w") as file:
        print("half", file=file, flush=True)
        pipe.send("halfway")
        time.sleep(60)


def test_killed_writer_leaves_no_target(tmp_path):
    target = tmp_path / "a.txt"
    writer, pipe = started(write_slowly, target)
    assert pipe.recv() == "halfway"
    os.kill(writer.pid, signal.SIGKILL)
    writer.join()
    assert not target.exists()
    with atomic(target) as part:  # what the killed one left does not stand in the way
        part.write_text("whole")
    assert target.read_text() == "whole"


@pytest.mark.parametrize(
    ("code", "advice"),
    [
        (errno.ENOSPC, "disk is full; free some space"),
        (errno.EDQUOT, "quota"),
        (errno.EROFS, "read-only; .*AVLIB_CACHE"),
        (errno.EACCES, "permission denied; .*AVLIB_CACHE"),
        (errno.EPERM, "permission denied; .*AVLIB_CACHE"),
    ],
)
def test_what_the_disk_refuses_is_one_line_and_leaves_nothing(tmp_path, monkeypatch, code, advice):
    def refuse(*_):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "replace", refuse)
    target = tmp_path / "a.bin"
    with pytest.raises(AvlibError, match=advice) as error, atomic(target) as part:
        part.write_bytes(b"data")
    assert str(target) in str(error.value)
    assert "\n" not in str(error.value)
    assert list(tmp_path.iterdir()) == []


def test_a_really_full_device_is_one_line():
    if not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")
    with pytest.raises(AvlibError, match="disk is full"), writing(Path("x")):
        Path("/dev/full").write_text("data")


def try_as_nobody(path, pipe):
    if os.geteuid() == 0:  # root may write everywhere
        os.seteuid(65534)
    for attempt in (atomic, locked):
        try:
            with attempt(path):
                pipe.send("written")
        except AvlibError as error:
            pipe.send(str(error))


def test_folder_of_somebody_else_is_one_line(tmp_path):
    (tmp_path / "cache").mkdir(mode=0o500)
    _, pipe = started(try_as_nobody, tmp_path / "cache" / "deeper" / "a")
    for _ in (atomic, locked):
        assert re.search("permission denied; .*AVLIB_CACHE", pipe.recv())


def test_other_errors_keep_their_own_voice():
    with pytest.raises(FileNotFoundError), writing(Path("x")):
        Path("/nowhere/at/all").read_text()


# --- locked -----------------------------------------------------------------------------------------------------------


def count_up(path, pipe):
    for _ in range(20):
        with locked(path):
            count = int(path.read_text())
            time.sleep(0.002)  # long enough for another to come between, were there no lock
            path.write_text(str(count + 1))


def test_one_process_at_a_time(tmp_path):
    path = tmp_path / "count"
    path.write_text("0")
    workers = [started(count_up, path)[0] for _ in range(3)]
    for worker in workers:
        worker.join()
    assert path.read_text() == "60"


def hold(path, pipe):
    with locked(path):
        pipe.send("held")
        time.sleep(60)


def test_killed_holder_frees_the_lock(tmp_path):
    holder, pipe = started(hold, tmp_path / "a")
    assert pipe.recv() == "held"
    os.kill(holder.pid, signal.SIGKILL)
    holder.join()
    began = time.monotonic()
    with locked(tmp_path / "a"):
        assert time.monotonic() - began < 30


def test_error_inside_frees_the_lock(tmp_path):
    for _ in range(2):
        with pytest.raises(ValueError, match="inside"), locked(tmp_path / "a"):
            raise ValueError("inside")


# --- places -----------------------------------------------------------------------------------------------------------


def test_places_follow_the_environment(tmp_path, monkeypatch):
    monkeypatch.setenv("AVLIB_CACHE", str(tmp_path))
    monkeypatch.setenv("AVLIB_DATA", str(tmp_path))
    assert cache_dir() == data_dir() == tmp_path
    monkeypatch.setenv("AVLIB_CACHE", "")
    monkeypatch.setenv("AVLIB_DATA", "")
    assert cache_dir().parts[-2:] == ("data", "cache")
    assert data_dir() is None
