"""Executing one page: what is kept of a failure, what makes a page stale, and what never counts as executed."""

import errno
import json
import os
import re
import time
from dataclasses import replace

import nbformat
import papermill
import pytest

from avlib.errors import AvlibError
from book import engine, fresh
from book.execute import execute
from book.fresh import stale
from book.plan import plan
from book.workers import execute_all


@pytest.fixture
def first(checkout):
    """The first page of a checkout in which nothing has been executed."""
    return plan("smoke", "10", places=checkout.places)[0]


def test_a_failure_keeps_what_ran_before_it(checkout, first):
    checkout.write("10_first", 'print("so far")', 'raise ValueError("no such clip")')
    with pytest.raises(AvlibError, match=r"^10_first failed: ValueError: no such clip; its partial output is in .*$"):
        execute_all([first], checkout.places, 1)
    partial = nbformat.read(checkout.places.failed(first), as_version=4)
    outputs = [output for cell in partial.cells for output in cell.get("outputs", [])]
    assert any(output.get("text") == "so far\n" for output in outputs)
    assert stale(first, checkout.places)


def test_a_page_is_written_now_and_then_and_not_twice_a_cell(checkout, first, monkeypatch):
    checkout.write("10_first", *["1 + 1"] * 20)
    written, real = [], papermill.engines.write_ipynb

    def write(notebook, path):
        written.append(sum(bool(cell.metadata.papermill.end_time) for cell in notebook.cells))
        real(notebook, path)

    monkeypatch.setattr("papermill.engines.write_ipynb", write)
    execute(first, checkout.places)
    assert len(written) < 6
    assert written[-1] > 20
    monkeypatch.setattr(engine, "EVERY", 0.0)
    del written[:]
    execute(first, checkout.places)
    assert len(written) > 40
    assert written == sorted(written)


def test_a_failure_leaves_the_other_pages_done(checkout):
    checkout.write("10_first", "1 / 0")
    pages = plan("smoke", places=checkout.places)
    with pytest.raises(AvlibError, match=r"^10_first failed: ZeroDivisionError"):
        execute_all(pages, checkout.places, 2)
    assert set(checkout.executed()) == {"20_second"}


def test_a_dead_kernel_fails_within_seconds(checkout, first):
    checkout.write("10_first", "import os\n\nos.kill(os.getpid(), 9)", "1 + 1")
    started = time.monotonic()
    with pytest.raises(AvlibError, match=r"^10_first failed: DeadKernelError"):
        execute_all([first], checkout.places, 1)
    assert time.monotonic() - started < 30
    assert not checkout.executed()


@pytest.mark.parametrize("deaths", [1, 2])
def test_a_kernel_that_never_came_up_is_started_once_more(checkout, first, monkeypatch, deaths):
    real, left = papermill.execute_notebook, [RuntimeError("Kernel died before replying to kernel_info")] * deaths

    def unlucky(*asked: object, **options: object) -> None:
        if left:
            raise left.pop()
        real(*asked, **options)

    monkeypatch.setattr("papermill.execute_notebook", unlucky)
    if deaths == 1:
        execute(first, checkout.places)
        assert stale(first, checkout.places) is None
    else:
        with pytest.raises(AvlibError, match=r"10_first failed: RuntimeError: Kernel died before replying"):
            execute(first, checkout.places)


def test_a_page_that_leaves_no_results_fails(checkout, first):
    checkout.write("10_first", finish="FACTOR")
    with pytest.raises(AvlibError, match=r"10_first wrote no results: its last cell must call run.finish\(\)"):
        execute(first, checkout.places)
    assert not checkout.executed()


def test_a_killed_worker_is_one_line(checkout, first):
    checkout.write("10_first", "import os\n\nos.kill(os.getppid(), 9)", "import time\n\ntime.sleep(30)")
    with pytest.raises(AvlibError, match="a worker was killed, mostly for want of memory; run again with JOBS=1"):
        execute_all([first], checkout.places, 1)


def test_a_full_disk_is_one_line(checkout, first, monkeypatch):
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("papermill.execute_notebook", full)
    with pytest.raises(AvlibError, match="the disk is full; free some space and run the same command again"):
        execute(first, checkout.places)
    assert not checkout.executed()


def test_code_that_is_edited_while_the_page_runs_makes_it_stale(checkout, first):
    tiny = checkout.places.root / "avlib" / "tiny.py"
    edit = f'from pathlib import Path\n\nPath("{tiny}").write_text(Path("{tiny}").read_text() + "X = 1")'
    checkout.write("10_first", edit)
    execute(first, checkout.places)
    assert stale(first, checkout.places) == "avlib/tiny.py changed"


def test_a_hung_cell_is_named_and_ended(checkout, first):
    checkout.write("10_first", "import time", "time.sleep(100)  # hangs\n1 + 1")
    started = time.monotonic()
    with pytest.raises(AvlibError) as caught:
        execute_all([replace(first, limit=2)], checkout.places, 1)
    told = r"10_first failed: code cell 5 \(time.sleep\(100\)  # hangs\) took longer than the 2 s of book/profiles/"
    assert re.match(told, str(caught.value))
    assert time.monotonic() - started < 30
    assert nbformat.read(checkout.places.failed(first), as_version=4).cells[3].execution_count == 3  # what ran is kept


class Awkward(Exception):
    """An error that cannot travel between processes: its constructor wants more than it gives to its base."""

    def __init__(self, first: str, second: str) -> None:
        super().__init__(f"{first}\n{second}")


def test_what_nobody_foresaw_in_a_worker_is_one_line(checkout, monkeypatch, capfd):
    def burst(page, places):
        if page.slot == "10_first":
            raise Awkward("a line", "and another")
        return 1.0

    monkeypatch.setattr("book.workers.execute", burst)
    with pytest.raises(AvlibError, match=r"^10_first failed: Awkward: a line$"):
        execute_all(plan("smoke", places=checkout.places), checkout.places, 1)
    assert "20_second                                    done" in capfd.readouterr().err


READS = 'got = run.results("{}")["answer"]["value"]'


def _inputs(checkout, **entries: str) -> list:
    """Pages of a profile whose entries read others."""
    lines = [f"  {slot}: {entry}" for slot, entry in entries.items()]
    text = "limit: 60\nparameters: {profile: smoke}\npages:\n" + "\n".join(lines) + "\n"
    (checkout.places.profiles / "smoke.yml").write_text(text)
    return plan("smoke", places=checkout.places)


# All that `results_digest` asks of torch: a kernel that reads a page does not import the real one, for two seconds.
NO_TORCH = """
class Tensor: pass
"""


def test_a_page_waits_for_what_it_reads_and_follows_its_results(checkout, capfd):
    (checkout.places.notebooks / "torch.py").write_text(NO_TORCH)
    checkout.write("10_first", READS.format("20_second"), finish="run.finish(got + 1)")
    pages = _inputs(checkout, **{"10_first": "{inputs: [20_second]}", "20_second": ""})
    execute_all(pages, checkout.places, 2)
    assert json.loads(checkout.places.results(pages[0]).read_text())["values"] == {"answer": {"value": 21.0}}
    states = [line.split()[:2] for line in capfd.readouterr().err.splitlines()]
    assert states.index(["20_second", "done"]) < states.index(["10_first", "running"])

    checkout.write("20_second", "2 + 2")  # other code, equal results: who reads them is not executed
    execute_all(pages, checkout.places, 2)
    states = [line.split()[:2] for line in capfd.readouterr().err.splitlines()]
    assert states == [["20_second", "running"], ["20_second", "done"], ["10_first", "unchanged"]]

    checkout.write("20_second", finish="run.finish(7)")
    assert stale(pages[0], checkout.places) == "20_second, which it reads: its code changed"
    execute_all(pages, checkout.places, 2)
    assert (
        "10_first                                     running   results of 20_second changed" in capfd.readouterr().err
    )
    assert json.loads(checkout.places.results(pages[0]).read_text())["values"] == {"answer": {"value": 8}}


def test_a_failed_page_fails_those_that_read_it(checkout):
    checkout.write("20_second", "1 / 0")
    pages = _inputs(checkout, **{"10_first": "{inputs: [20_second]}", "20_second": ""})
    with pytest.raises(AvlibError) as caught:
        execute_all(pages, checkout.places, 2)
    told = str(caught.value).split("; ")
    assert told[0].startswith("20_second failed: ZeroDivisionError")
    assert told[-1] == "10_first was not executed: it reads the results of 20_second"
    assert not checkout.executed()


def test_two_slots_with_equal_parameters_are_one_page(checkout, capfd):
    pages = _inputs(checkout, **{"10_first": "", "10_first@two": "{epsilon: 2}"})
    assert [page.name for page in pages] == ["10_first", "10_first@synthav,epsilon=2"]
    same = plan("smoke", overrides={"epsilon": "2"}, places=checkout.places)
    execute_all(same, checkout.places, 2)
    assert capfd.readouterr().err.count("running") == 1
    assert all(stale(page, checkout.places) is None for page in same)


@pytest.mark.parametrize(("part", "damage"), [("executed", b'{"cells": ['), ("facts", b"null"), ("facts", b"\xff\x00")])
def test_a_damaged_page_is_executed_again(book, capfd, part, damage):
    page = plan("smoke", "10", places=book.places)[0]
    getattr(book.places, part)(page).write_bytes(damage)
    execute_all([page], book.places, 1)
    assert [line.split()[1] for line in capfd.readouterr().err.splitlines()] == ["running", "done"]
    assert stale(page, book.places) is None


def test_the_facts_of_a_fresh_page_are_read_once(book, monkeypatch, capfd):
    reads, real = [], fresh.facts
    monkeypatch.setattr(fresh, "facts", lambda page, places: reads.append(page.slot) or real(page, places))
    execute_all(plan("smoke", places=book.places), book.places, 1)
    assert capfd.readouterr().err.count("unchanged") == 2
    assert reads == ["10_first", "20_second"]


def test_sounds_belong_to_their_page(checkout, first):
    listen = 'folder = run.out / "media" / profile / run.page\nfolder.mkdir(parents=True)\n'
    checkout.write("10_first", listen + '(folder / "clean.wav").write_bytes(b"sound")')
    execute(first, checkout.places)
    assert stale(first, checkout.places) is None
    (checkout.places.media(first) / "clean.wav").unlink()
    assert stale(first, checkout.places)
    checkout.write("10_first", listen + '(folder / "other.wav").write_bytes(b"sound")')
    execute(first, checkout.places)
    assert os.listdir(checkout.places.media(first)) == ["other.wav"]
