"""Ctrl-C and a kill, at every stage of a build: one line at most, no process left, and the next build goes on."""

import multiprocessing
import os
import signal
import subprocess
import time
from pathlib import Path

import psutil
import pytest

STOPPED = "make book: stopped; run it again and it goes on from here"
# A cell as chapters have them: it renders on several processes, and one of them is at work for long.
CROWD = """
import pathlib, subprocess, sys, time
import joblib

def work(number):
    pathlib.Path("{note}").with_suffix(f".{{number}}").touch()
    time.sleep(100)

joblib.Parallel(2, "loky")(joblib.delayed(work)(number) for number in range(4))
"""


def _until(true, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def _interrupted(running: subprocess.Popen[str]) -> list[str]:
    """What a build says from Ctrl-C on; it has ended, and all that it started has ended too."""
    crowd = psutil.Process(running.pid).children(recursive=True)
    os.killpg(running.pid, signal.SIGINT)  # as Ctrl-C in a terminal does
    told = running.communicate(timeout=30)[1].splitlines()  # at its end nobody is left who could write there
    assert running.returncode == 130
    _until(lambda: not any(_alive(process) for process in crowd), 2)
    return told


def _alive(process: psutil.Process) -> bool:
    try:
        return process.status() != psutil.STATUS_ZOMBIE  # nobody may be there to bury the dead
    except psutil.NoSuchProcess:
        return False


def test_an_interrupted_page_ends_with_all_that_it_started(checkout):
    note = checkout.places.root / "started"
    for name in ("10_first", "20_second"):
        checkout.write(name, CROWD.format(note=f"{note}-{name}"))
    running = checkout.start("--jobs", "1")
    _until(lambda: note.with_name("started-10_first.1").exists())
    *before, last = _interrupted(running)
    assert last == STOPPED
    assert [line.split()[:2] for line in before] == [["Executing", "profile"], ["10_first", "running"]]
    assert not list(note.parent.glob("started-20_second*"))


def _pausing(checkout, name: str, before: str) -> Path:
    """Let the source `name` of a checkout make a note and wait before the line that begins with `before`."""
    path, note = checkout.places.root / name, checkout.places.root / "paused"
    text = path.read_text()
    assert f"\n{before}" in text
    pause = f'\n__import__("pathlib").Path("{note}").touch(); __import__("time").sleep(100)\n{before}'
    path.write_text(text.replace(f"\n{before}", pause, 1))
    return note


@pytest.mark.parametrize(
    ("name", "before"),
    [("book/build.py", "from avlib.data import"), ("avlib/data/synthav/__init__.py", "from avlib.data")],
    ids=["while it starts", "while it plans"],
)
def test_a_build_that_is_interrupted_before_any_page_says_one_line(checkout, name, before):
    note = _pausing(checkout, name, before)
    running = checkout.start()
    _until(note.exists)
    assert _interrupted(running) == [STOPPED]


def test_a_build_that_is_interrupted_while_it_publishes_says_one_line_and_leaves_the_last_book(book):
    whole, note = book.published(), book.places.root / "paused"
    slow = f'import pathlib, time\n\npathlib.Path("{note}").touch()\ntime.sleep(100)\n'
    (book.places.root / "slow.py").write_text(slow)  # an extension that Sphinx waits for
    settings = book.places.root / "_config.yml"
    settings.write_text(settings.read_text().replace("    extensions: [", "    extensions: [slow, "))
    running = book.start()
    _until(note.exists)
    *before, last = _interrupted(running)
    assert (before[-1], last) == ("Publishing", STOPPED)
    assert book.published() == whole


def test_a_killed_build_ends_with_all_that_it_started_and_goes_on_where_it_was(checkout, monkeypatch):
    monkeypatch.setattr("book.build.publish", lambda *_: "nowhere")
    note = checkout.places.root / "started"
    checkout.write("20_second", CROWD.format(note=note))
    running = multiprocessing.get_context("fork").Process(target=checkout.make_book)
    running.start()
    _until(lambda: note.with_suffix(".1").exists() and "10_first" in checkout.executed())
    crowd = psutil.Process(running.pid).children(recursive=True)
    assert len(crowd) > 4  # two workers, a kernel and its own
    running.kill()
    running.join()
    _until(lambda: not any(_alive(process) for process in crowd), 5)
    before = checkout.executed()
    assert set(before) == {"10_first"}

    checkout.write("20_second")
    assert checkout.make_book() == 0
    assert checkout.executed() == before | {"20_second": checkout.executed()["20_second"]}
