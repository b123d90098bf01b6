"""The whole way of `make book`: what it leaves, what it does again, what it survives, and what it never publishes."""

import json
import subprocess
import sys

import nbformat
import pytest

from book.plan import plan
from book.workers import execute_all


def refused(code: int, stderr: str) -> str:
    """The one line with which a build failed."""
    lines = [line for line in stderr.splitlines() if line.startswith("make book: ")]
    assert code == 1, stderr
    assert len(lines) == 1, stderr
    assert "Traceback" not in stderr
    return lines[0]


def test_a_whole_book_stands(book):
    assert book.published().count("20.0") == 2
    assert (book.places.html / "index.html").exists()
    results = {p.name for p in (book.places.build / "results" / "smoke").iterdir()}
    assert results == {"10_first@synthav.json", "20_second@synthav.json"}


def test_an_edit_of_prose_is_published_without_an_execution(book, capfd):
    source, before = book.places.notebooks / "20_second.ipynb", book.executed()
    notebook = nbformat.read(source, as_version=4)
    notebook.cells[0].source = "# Another title\n\nAnother sentence."
    notebook.cells.insert(2, nbformat.v4.new_markdown_cell("An inserted paragraph."))
    notebook.cells[-1].source += "  # it ends"
    nbformat.write(notebook, source)
    assert book.make_book("--params", "epsilon=1") == 0
    assert capfd.readouterr().err.count("unchanged") == 2
    page = (book.places.html / "notebooks" / "20_second.html").read_text()
    for words in ("Another title", "Another sentence.", "An inserted paragraph.", "# it ends"):
        assert words in page
    assert book.published().count("20.0") == 2
    assert book.executed() == before


def test_a_changed_library_executes_every_page_again(book):
    before, pages = book.executed(), plan("smoke", places=book.places)
    tiny = book.places.root / "avlib" / "tiny.py"
    tiny.write_text(tiny.read_text().replace("FACTOR = 20", "FACTOR = 21"))
    execute_all(pages, book.places, 2)
    assert all(written > before[name] for name, written in book.executed().items())
    found = [json.loads(book.places.results(page).read_text())["values"] for page in pages]
    assert found == [{"answer": {"value": 21.0}}] * 2


def test_a_failed_notebook_fails_every_build_and_is_alone_executed_again_when_mended(book, capfd):
    book.write("20_second", 'print("so far")', 'raise ValueError("no such clip")')
    whole, before = book.published(), book.executed()
    for _ in range(2):  # the second build must not have forgotten the failure of the first
        line = refused(book.make_book(), capfd.readouterr().err)
        assert "20_second failed: ValueError: no such clip" in line
        assert str(book.places.build / "failed" / "smoke" / "20_second.ipynb") in line
        assert set(book.executed()) == {"10_first"}
        assert book.published() == whole
    book.write("20_second", finish="run.finish(8)")
    assert book.make_book() == 0
    after = book.executed()
    assert after["10_first"] == before["10_first"]
    assert after["20_second"] > before["20_second"]
    assert "20.0" in book.published()
    assert "the second 8.0" in book.published()


def test_a_parameter_reaches_the_page_which_shows_it_and_names_its_results(book):
    assert book.make_book("--only", "20", "--params", "epsilon=8/255") == 0
    assert "the second 0.6" in book.published()  # 20 · 8/255
    assert (book.places.build / "results" / "smoke" / "20_second@synthav,epsilon=0.0313725.json").exists()
    shown = nbformat.read(book.places.build / "src" / "notebooks" / "20_second.ipynb", as_version=4)
    assert [cell.source for cell in shown.cells if "profile:" in cell.source] == [
        f'profile: str = "smoke"  # size\ndataset: str = "synthav"  # data set\nepsilon: float = {8 / 255}  # radius'
    ]
    assert [cell.execution_count for cell in shown.cells if cell.cell_type == "code"] == [1, 2, 3]
    assert str(20 * 8 / 255) in str(shown.cells[-1].outputs)


def test_what_leads_nowhere_is_refused_and_the_last_good_book_stays(book, capfd):
    """A page and a source: one line names them both."""
    intro, whole = book.places.root / "book" / "intro.md", book.published()
    intro.write_text(intro.read_text() + "\n[there](nowhere.md) {cite}`nobody2020`\n")
    line = refused(book.make_book(), capfd.readouterr().err)
    told, _, where = line.removeprefix("make book: Jupyter Book refused: ").rpartition("; all of it is in ")
    for name in ("nowhere", "nobody2020"):
        assert name in told
    assert where == str(book.places.build / "jupyter-book.log")
    assert book.published() == whole


@pytest.mark.parametrize(
    ("question", "told"),
    [
        (("--params", "epsilom=1"), "'epsilom=1'"),
        (("--params", "epsilon=loud"), "epsilon = 'loud' is refused"),
        (("--dataset", "esc50"), "dataset = 'esc50' is refused"),
        (("--only", "30"), "ONLY=30 matches no page; there are: 10_first, 20_second"),
        (("--profile", "huge"), "PROFILE=huge is unknown; there are: smoke, laptop"),
        (("--params", "epsilon=1 epsilon=2"), "PARAMS: epsilon is given twice: epsilon=1 and epsilon=2"),
        (("--student", "yes"), "STUDENT=yes is refused: 1 for a book without answers, or nothing"),
        *((("--jobs", jobs), f"JOBS={jobs} is refused: a whole number, at least 1") for jobs in ("0", "-1", "two", "")),
    ],
)
def test_a_wrong_question_is_refused_before_a_kernel_starts(checkout, capfd, question, told):
    code, err = checkout.make_book(*question), capfd.readouterr().err
    assert told in refused(code, err)
    assert err.count("\n") == 1
    assert not checkout.places.build.joinpath("executed").exists()


def test_missing_recordings_leave_their_page_out_and_say_how_to_get_it(book, capfd):
    profile = book.places.profiles / "smoke.yml"
    profile.write_text(profile.read_text() + "  20_second@avdigits: {dataset: avdigits}\n")
    toc = book.places.root / "book" / "_toc.yml"
    toc.write_text(toc.read_text() + "  - file: notebooks/20_second-avdigits\n")
    assert book.make_book() == 0
    [line] = [line for line in capfd.readouterr().err.splitlines() if "left out" in line]
    assert "20_second@avdigits" in line
    assert "AVLIB_DATA" in line
    assert "AVLIB_DATA" in (book.places.html / "notebooks" / "20_second-avdigits.html").read_text()
    assert book.published().count("20.0") == 2
    assert "AVLIB_DATA" in refused(book.make_book("--dataset", "avdigits"), capfd.readouterr().err)


def test_a_page_that_needs_pictures_is_a_notice_where_there_are_none(book, capfd, tmp_path, monkeypatch):
    profile = book.places.profiles / "smoke.yml"
    profile.write_text(profile.read_text().replace("20_second: {}", "20_second: {needs: [video]}"))
    (tmp_path / "folder").mkdir()
    rows = [f"c{i},{i}.wav,{'xy'[i % 2]},{split}" for i, split in enumerate(["train"] * 4 + ["valid"] + ["eval"] * 2)]
    (tmp_path / "folder" / "manifest.csv").write_text("\n".join(["clip,media,labels,split", *rows]))
    monkeypatch.setenv("AVLIB_DATA", str(tmp_path))
    assert book.make_book("--dataset", "folder") == 0
    [line] = [line for line in capfd.readouterr().err.splitlines() if "left out" in line]
    assert line.split()[0] == "20_second"
    assert "video is needed" in line
    assert "10_first@folder" in book.executed()
    assert not any(name.startswith("20_second@") for name in book.executed())
    assert "video is needed" in (book.places.html / "notebooks" / "20_second.html").read_text()
    alone = refused(book.make_book("--dataset", "folder", "--only", "20"), capfd.readouterr().err)
    assert "video is needed" in alone


def test_a_page_that_may_do_without_is_made_without_and_again_when_it_need_not(book, tmp_path, monkeypatch):
    profile = book.places.profiles / "smoke.yml"
    whole = "limit: 60\nparameters: {profile: smoke}\npages:\n  10_first: {inputs: [20_second], partial: true}\n"
    profile.write_text(whole + "  20_second: {needs: [video]}\n")
    read = "try:\n    print('read', run.results('20_second'))\nexcept KeyError:\n    print('none to read')"
    book.write("10_first", read)
    (tmp_path / "folder").mkdir()
    rows = [f"c{i},{i}.wav,{'xy'[i % 2]},{split}" for i, split in enumerate(["train"] * 4 + ["valid"] + ["eval"] * 2)]
    (tmp_path / "folder" / "manifest.csv").write_text("\n".join(["clip,media,labels,split", *rows]))
    monkeypatch.setenv("AVLIB_DATA", str(tmp_path))

    def shown(dataset):
        assert book.make_book("--dataset", dataset) == 0
        return (book.places.html / "notebooks" / "10_first.html").read_text()

    assert "none to read" in shown("folder")
    done = book.executed()
    assert "none to read" in shown("folder")
    assert book.executed() == done  # fresh, though an input is not there
    profile.write_text(whole + "  20_second: {}\n")
    assert "read {" in shown("folder")


def test_a_second_build_in_the_same_folder_is_kept_out(checkout, capfd, monkeypatch):
    monkeypatch.setattr("book.build.PATIENCE", 0.2)
    checkout.places.build.mkdir()
    hold = (
        "import sys, time, filelock; lock = filelock.FileLock(sys.argv[1]).acquire(); print(flush=True); time.sleep(60)"
    )
    lock = str(checkout.places.build / "book.lock")
    with subprocess.Popen([sys.executable, "-c", hold, lock], stdout=subprocess.PIPE) as holding:
        assert holding.stdout is not None
        assert holding.stdout.readline()
        line = refused(checkout.make_book(), capfd.readouterr().err)
        holding.kill()
    assert "another make book is at work" in line


def test_a_build_folder_that_cannot_be_made_is_one_line(checkout, capfd):
    checkout.places.build.write_text("in the way")
    line = refused(checkout.make_book(), capfd.readouterr().err)
    assert "a file is where a folder should be" in line
