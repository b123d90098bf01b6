"""What the published book holds, and what keeps it from being published; the gate on broken pages."""

import re
import subprocess
import sys

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell

from avlib.clock import KINDS
from avlib.errors import AvlibError
from book.check_html import problems
from book.exercises import EMPTY
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


def test_statistics_say_where_the_time_goes(book):
    page = (book.places.html / "book" / "statistics.html").read_text()
    head, first, second = re.findall(r"<tr.*?</tr>", page[page.index('id="where-the-time-goes"') :], re.DOTALL)
    cells = [re.findall(r"<p>(.*?)</p>", row, re.DOTALL) for row in (head, first, second)]
    assert cells[0] == ["page", *KINDS, "other"]
    assert [row[0] for row in cells[1:]] == ["10 first", "20 second"]  # names of words, which may wrap
    for row in cells[1:]:
        shown = dict(zip(cells[0], row, strict=True))
        assert shown["training"] == "<strong>1234.5</strong>"  # more than the page took: nothing is left for the rest
        assert shown["attacks"] == shown["other"] == "0.0"


def test_an_absent_page_and_a_stale_one_are_a_notice_and_their_numbers_a_dash(book):
    pages = plan("smoke", places=book.places)
    book.places.facts(pages[0]).unlink()
    book.write("20_second", "1 + 1")
    publish(pages, {}, book.places)
    for page in pages:
        notice = re.sub("<[^>]+>", "", (book.places.html / f"{page.document}.html").read_text())
        assert f"Page {page.slot[:2]}" in notice
        assert f"make book PROFILE=smoke ONLY={page.slot}" in notice
    text = " ".join(book.published().split())
    assert "The first page found –, the second –." in text
    assert problems(book.places.html) == []


def test_a_link_to_a_place_on_a_page_that_is_absent_leads_to_its_notice(book):
    for name, text in (("10_first", "(there)=\n## A place"), ("20_second", "See {ref}`that place <there>`.")):
        path = book.places.notebooks / f"{name}.ipynb"
        notebook = nbformat.read(path, as_version=4)
        notebook.cells[1:1] = [new_markdown_cell(text)]
        nbformat.write(notebook, path)
    pages = plan("smoke", places=book.places)
    book.places.facts(pages[0]).unlink()
    publish(pages, {}, book.places)
    assert "Not computed yet" in (book.places.html / "notebooks" / "10_first.html").read_text()
    shown = (book.places.html / "notebooks" / "20_second.html").read_text()
    assert re.search(r'href="10_first.html(#[\w-]+)?"', shown)


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


def test_the_book_of_a_student_asks_and_does_not_answer(book):
    path = book.places.notebooks / "20_second.ipynb"
    notebook = nbformat.read(path, as_version=4)
    answer = new_code_cell("6 * 7", metadata={"tags": ["hide-cell"]})
    notebook.cells[-1:-1] = [new_markdown_cell("## Exercises\n\n### Exercise 1: the answer\n\nWhat is it?"), answer]
    nbformat.write(notebook, path)
    shown = {}
    for student in ("", "1"):
        assert book.make_book("--student", student) == 0
        page = (book.places.html / "notebooks" / "20_second.html").read_text()
        shown[student] = re.sub("<[^>]+>", "", page)
        shown[student] = " ".join(shown[student].split())
        assert "Exercise 1 (The answer) What is it?" in shown[student]
    assert "Solution to Exercise 1 (The answer)" in shown[""]
    assert "42" in shown[""]
    assert "Solution" not in shown["1"]
    assert "42" not in shown["1"]
    assert EMPTY in shown["1"]


def test_a_broken_page_is_refused_and_the_last_good_book_stays(book):
    intro, whole = book.places.root / "book" / "intro.md", book.published()
    intro.write_text(intro.read_text() + '\n![](picture.svg)\n\n<audio src="none.wav"></audio>\n')
    intro.with_name("picture.svg").write_text('<svg xmlns="http://www.w3.org/2000/svg"/>')
    with pytest.raises(AvlibError, match=r"^the built book is broken in 2 places: ") as caught:
        publish(plan("smoke", places=book.places), {}, book.places)
    assert set(str(caught.value).partition("places: ")[2].split(" | ")) == {
        "book/intro.html: picture without alt text: ../_images/picture.svg",
        "book/intro.html: nothing is there: none.wav",
    }
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
