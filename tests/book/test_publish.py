"""What the published book holds, and what keeps it from being published; the gate on broken pages."""

import re
import subprocess
import sys

import nbformat
import pytest

from avlib.errors import AvlibError
from book.check_html import problems
from book.plan import plan
from book.publish import publish

PICTURE = '<img src="a.png" alt="A curve that rises">'


def test_the_built_book_has_no_problem_and_asks_the_network_for_nothing(book):
    assert problems(book.places.html) == []
    assert len(list(book.places.html.rglob("*.html"))) >= 6  # so that something was checked


def test_statistics_hold_one_line_a_page(book):
    table = (book.places.html / "book" / "statistics.html").read_text()
    for words in ("10_first", "20_second", "synthav", "CPU"):
        assert words in table


def test_an_absent_page_is_a_notice_and_its_numbers_a_dash(book):
    pages = plan("smoke", places=book.places)
    book.places.facts(pages[1]).unlink()
    publish(pages, {}, book.places)
    notice = re.sub("<[^>]+>", "", (book.places.html / "notebooks" / "20_second.html").read_text())
    assert "Page 20" in notice
    assert "make book PROFILE=smoke ONLY=20_second" in notice
    assert ">20.0<" in book.published()
    assert "the second –." in book.published()
    assert problems(book.places.html) == []


def test_a_page_that_is_stale_is_not_published(book):
    book.write("20_second", "1 + 1")
    publish(plan("smoke", places=book.places), {}, book.places)
    assert "the second –." in book.published()


def test_an_edit_of_prose_is_published_without_an_execution(book):
    source, before = book.places.notebooks / "20_second.ipynb", book.executed()
    notebook = nbformat.read(source, as_version=4)
    notebook.cells[0].source = "# Another title\n\nAnother sentence."
    notebook.cells.insert(2, nbformat.v4.new_markdown_cell("An inserted paragraph."))
    notebook.cells[-1].source += "  # it ends"
    nbformat.write(notebook, source)
    assert book.make_book("--params", "epsilon=1") == 0
    page = (book.places.html / "notebooks" / "20_second.html").read_text()
    for words in ("Another title", "Another sentence.", "An inserted paragraph.", "# it ends"):
        assert words in page
    assert ">20.0<" in book.published()
    assert book.executed() == before


def test_a_page_shows_the_parameters_that_it_was_given(book):
    assert book.make_book("--only", "20", "--params", "epsilon=1/4") == 0
    shown = nbformat.read(book.places.build / "src" / "notebooks" / "20_second.ipynb", as_version=4)
    assert [cell.source for cell in shown.cells if "profile" in cell.source] == [
        'profile: str = "smoke"  # size\ndataset: str = "synthav"  # data set\nepsilon: float = 0.25  # radius'
    ]
    assert [cell.execution_count for cell in shown.cells if cell.cell_type == "code"] == [1, 2, 3]
    assert "5.0" in str(shown.cells[-1].outputs)


def test_the_same_notebook_twice_is_two_pages(book):
    profile, toc = book.places.profiles / "smoke.yml", book.places.root / "book" / "_toc.yml"
    profile.write_text(profile.read_text() + "  20_second@far: {epsilon: 3}\n")
    toc.write_text(toc.read_text() + "  - file: notebooks/20_second-far\n")
    assert book.make_book() == 0
    folder, pages = book.places.build / "src" / "notebooks", {}
    for name in ("20_second", "20_second-far"):
        pages[name] = nbformat.read(folder / f"{name}.ipynb", as_version=4).cells
    assert "20.0" in str(pages["20_second"][-1].outputs)
    assert "60.0" in str(pages["20_second-far"][-1].outputs)
    assert "Page 20 (far)" in (book.places.html / "notebooks" / "20_second-far.html").read_text()


def test_a_missing_key_is_refused_and_the_last_good_book_stays(book):
    pages, whole = plan("smoke", places=book.places), book.published()
    intro = book.places.root / "book" / "intro.md"
    intro.write_text(intro.read_text().replace("10_first.ipynb::answer", "10_first.ipynb::anser"))
    with pytest.raises(AvlibError, match=r"^Jupyter Book refused: .*anser.*; all of it is in .*jupyter-book.log$"):
        publish(pages, {}, book.places)
    assert book.published() == whole


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("[there](nowhere.md)", "Jupyter Book refused: .*nowhere"),
        ("{cite}`nobody2020`", "Jupyter Book refused: .*nobody2020"),
        ("![](picture.svg)", "broken in 1 places: book/intro.html: picture without alt text: ../_images/picture.svg"),
        ('<audio src="none.wav"></audio>', "broken in 1 places: book/intro.html: nothing is there: none.wav"),
    ],
)
def test_a_broken_page_is_refused(book, line, told):
    intro, whole = book.places.root / "book" / "intro.md", book.published()
    intro.write_text(intro.read_text() + "\n" + line + "\n")
    intro.with_name("picture.svg").write_text('<svg xmlns="http://www.w3.org/2000/svg"/>')
    with pytest.raises(AvlibError, match=told):
        publish(plan("smoke", places=book.places), {}, book.places)
    assert book.published() == whole


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ('<a href="b.html">b</a>', "a.html: nothing is there: b.html"),
        ('<a href="#part">part</a>', "a.html: no such anchor: #part"),
        ('<a href="a.html#part">part</a>', "a.html: no such anchor: a.html#part"),
        ('<a href="/b.html">b</a>', "a.html: an address outside the book: /b.html"),
        ('<a href="../b.html">b</a>', "a.html: an address outside the book: ../b.html"),
        ('<a href="file:///b.html">b</a>', "a.html: an address of this machine: file:///b.html"),
        ('<img src="a.png">', "a.html: picture without alt text: a.png"),
        ('<img src="a.png" alt="">', "a.html: picture without alt text: a.png"),
        ('<img src="a.png" alt="../_images/a.png">', "a.html: picture without alt text: a.png"),
        ('<img src="a.png" alt="<Figure size 640x480>">', "a.html: picture without alt text: a.png"),
        ('<img src="b.png" alt="A curve">', "a.html: nothing is there: b.png"),
        ('<img src="//cdn.org/a.png" alt="A curve">', "a.html: load from the network: //cdn.org/a.png"),
        ('<img src="a.png" srcset="a.png 1x, b.png 2x" alt="A curve">', "a.html: nothing is there: b.png"),
        ("<audio controls></audio>", "a.html: player without a sound: a player"),
        ('<audio src="b.wav"></audio>', "a.html: nothing is there: b.wav"),
        ('<audio><source src="b.wav"></audio>', "a.html: nothing is there: b.wav"),
        ('<script src="https://cdn.org/a.js"></script>', "a.html: load from the network: https://cdn.org/a.js"),
        (
            '<link rel="stylesheet" href="https://cdn.org/a.css">',
            "a.html: load from the network: https://cdn.org/a.css",
        ),
        (
            '<script>import("https://cdn.org/a.js")</script>',
            'a.html: load from the network: import("https://cdn.org/a.js',
        ),
        ("<style>p {background: url(b.png)}</style>", "a.html: nothing is there: b.png"),
        ('<p style="background: url(https://cdn.org/b.png)">', "a.html: load from the network: https://cdn.org/b.png"),
    ],
)
def test_a_fault_of_a_page_is_named(tmp_path, body, told):
    (tmp_path / "a.png").touch()
    (tmp_path / "a.html").write_text(f"<html><body>{body}</body></html>")
    assert problems(tmp_path) == [told]


def test_a_fault_of_a_style_sheet_is_named(tmp_path):
    (tmp_path / "a.css").write_text('@import "https://cdn.org/a.css"; p {background: url("data:image/png;base64,AA")}')
    assert problems(tmp_path) == ["a.css: load from the network: https://cdn.org/a.css"]


def test_a_sound_page_has_no_fault(tmp_path):
    (tmp_path / "a.png").touch()
    (tmp_path / "b c.wav").touch()
    body = f'{PICTURE}<h1 id="top">A</h1><a href="#top">A</a><a href="a.html#top">A</a><a href="#">up</a>'
    body += (
        '<audio><source src="b%20c.wav"></audio><a href="https://example.org">out</a><a href="mailto:a@b.org">me</a>'
    )
    body += '<img src="data:image/png;base64,AA" alt="A ratio ‖δ‖/ε against time">'
    (tmp_path / "a.html").write_text(body)
    assert problems(tmp_path) == []


def test_the_command_ends_with_1_when_anything_is_broken(tmp_path):
    (tmp_path / "a.html").write_text('<img src="a.png" alt="A curve">')
    done = subprocess.run(
        [sys.executable, "-m", "book.check_html", str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (1, "a.html: nothing is there: a.png\n1 problems\n")
