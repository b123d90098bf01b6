"""Executing one page: what is kept of a failure, what makes a page stale, and what never counts as executed."""

import errno
import os
import time

import nbformat
import pytest

from avlib.errors import AvlibError
from book.execute import execute, execute_all
from book.fresh import stale
from book.plan import plan


@pytest.fixture
def first(checkout):
    """The first page of a checkout in which nothing has been executed."""
    return plan("smoke", "10", places=checkout.places)[0]


@pytest.fixture
def page(book):
    """The first page of a built book."""
    return plan("smoke", "10", places=book.places)[0]


def test_a_failure_keeps_what_ran_before_it(checkout, first):
    checkout.write("10_first", 'print("so far")', 'raise ValueError("no such clip")')
    with pytest.raises(AvlibError, match=r"^10_first failed: ValueError: no such clip; its partial output is in .*$"):
        execute_all([first], checkout.places, 1)
    partial = nbformat.read(checkout.places.failed(first), as_version=4)
    outputs = [output for cell in partial.cells for output in cell.get("outputs", [])]
    assert any(output.get("text") == "so far\n" for output in outputs)
    assert not fresh(first, checkout.places)


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


@pytest.mark.parametrize("changed", ["constraints.txt", "avlib/parameters.py", "notebooks/10_first.ipynb"])
def test_every_ingredient_makes_a_page_stale(book, page, changed):
    assert fresh(page, book.places)
    path = book.places.root / changed
    path.write_text(path.read_text().replace("torch", "Torch").replace("pydantic", "Pydantic").replace("FACTOR", "2"))
    assert not fresh(page, book.places)


def test_a_changed_table_or_parameter_makes_a_page_stale(book, page):
    [other] = plan("smoke", "10", overrides={"epsilon": "2"}, places=book.places)
    assert key(other, book.places) != key(page, book.places)
    (book.places.root / "data").mkdir(exist_ok=True)
    (book.places.root / "data" / "published.csv").write_text("table,value\n")
    assert not fresh(page, book.places)


def test_changed_recordings_make_only_their_pages_stale(book, page, tmp_path, monkeypatch):
    [digits] = plan("smoke", "10", "avdigits", places=book.places)
    monkeypatch.setenv("AVLIB_DATA", str(tmp_path / "recordings"))
    (tmp_path / "recordings").mkdir()
    before = key(digits, book.places)
    (tmp_path / "recordings" / "zero.wav").write_bytes(b"sound")
    assert key(digits, book.places) != before
    assert fresh(page, book.places)


def test_outputs_of_the_committed_notebook_do_not_matter(book, page):
    source = book.places.source(page)
    notebook = nbformat.read(source, as_version=4)
    notebook.cells[-1].execution_count = 9
    nbformat.write(notebook, source)
    assert fresh(page, book.places)


@pytest.mark.parametrize("lost", ["executed", "facts", "results"])
def test_a_page_that_lost_a_part_is_not_fresh(book, page, lost):
    getattr(book.places, lost)(page).unlink()
    assert not fresh(page, book.places)


def test_sounds_belong_to_their_page(checkout, first):
    listen = 'folder = run.out / "media" / profile / run.page\nfolder.mkdir(parents=True)\n'
    checkout.write("10_first", listen + '(folder / "clean.wav").write_bytes(b"sound")')
    execute(first, checkout.places)
    assert fresh(first, checkout.places)
    (checkout.places.media(first) / "clean.wav").unlink()
    assert not fresh(first, checkout.places)
    checkout.write("10_first", listen + '(folder / "other.wav").write_bytes(b"sound")')
    execute(first, checkout.places)
    assert os.listdir(checkout.places.media(first)) == ["other.wav"]
