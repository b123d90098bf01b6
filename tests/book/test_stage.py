"""What is put into the pages when they are published: the cover, what a download needs, tables, what a theme lacks."""

import re
from pathlib import Path

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from book.cover import MISSING, cover
from book.mend import mended
from book.needs import told
from book.numbers import CITED, HEADLINES
from book.places import Places
from book.plan import plan
from book.publish import publish
from book.reference import measured_pages, names_of
from book.sentences import SENTENCES
from book.stage import PLACE
from book.tables import expected, lessons

ROOT = Path(__file__).resolve().parents[2]
CLIP = """<div>

<audio src="media/03@synthav/a.wav"></audio><script>x = "media/03@synthav/b.wav"</script>
</div>"""


def chapter(*tags):
    output = new_output("display_data", {"text/html": CLIP, "text/plain": "…"})
    other = new_output("display_data", {"text/plain": "a number"})
    return new_notebook(
        cells=[
            new_code_cell("1", outputs=[new_output("display_data", {"text/html": "<p>another</p>"})]),
            new_code_cell("show()", outputs=[other, output], metadata={"tags": ["hide-input", *tags]}),
        ]
    )


def test_the_cover_is_what_its_cell_shows_with_sounds_where_they_lie():
    shown = cover(chapter("cover"))
    assert shown.startswith("``````{raw} html\n<div")
    assert shown.endswith("</div>\n``````")
    assert re.findall(r'"([^"]*\.wav)"', shown) == [f"../notebooks/media/03@synthav/{name}.wav" for name in "ab"]
    assert "another" not in shown


def test_without_its_chapter_or_its_cell_the_cover_says_how_to_get_it():
    assert cover(None) == cover(chapter()) == MISSING
    assert "make book ONLY=03" in MISSING


def test_a_cover_stands_on_the_first_page_and_plays(book):
    """Made by a tiny chapter, and found where the first page says that it is."""
    name = "03_breaking_a_model"
    book.write(name, "run.profile")
    path = book.places.notebooks / f"{name}.ipynb"
    notebook = nbformat.read(path, as_version=4)
    shows = (
        "from pathlib import Path\nfrom IPython.display import HTML, display\n"
        'folder = run.out / "media" / run.profile / run.page\nfolder.mkdir(parents=True)\n'
        '(folder / "a.wav").write_bytes(b"RIFF")\n'
        "display(HTML(f'<p>Listen</p><audio src=\"media/{run.page}/a.wav\"></audio>'))"
    )
    notebook.cells.insert(3, new_code_cell(shows, id="cover", metadata={"tags": ["cover"]}))
    nbformat.write(notebook, path)
    profile, toc = book.places.profiles / "smoke.yml", book.places.root / "book" / "_toc.yml"
    profile.write_text(profile.read_text() + f"  {name}: {{}}\n")
    toc.write_text(toc.read_text() + f"  - file: notebooks/{name}\n")
    intro = book.places.root / "book" / "intro.md"
    intro.write_text(intro.read_text() + "\n%COVER%\n")
    assert book.make_book() == 0  # which checks that every sound is where a page looks for it
    assert '<audio src="../notebooks/media/03_breaking_a_model@synthav/a.wav">' in book.published()


def test_a_download_says_at_its_top_what_it_needs_and_the_page_does_not(book):
    downloads = {path.stem: nbformat.read(path, as_version=4) for path in book.places.html.rglob("20_second.ipynb")}
    first = downloads["20_second"].cells[0]
    words = " ".join(first.source.split())
    for needed in ("clone the project", "`notebooks/`", "`make lab`", "profile `smoke`", "data set `synthav`"):
        assert needed in words
    assert first.metadata["tags"] == ["remove-cell"]
    page = (book.places.html / "notebooks" / "20_second.html").read_text()
    assert "clone the project" not in page
    assert downloads["20_second"].cells[1].source.startswith("# Page 20")


def test_what_a_download_needs_names_its_own_data(book):
    [page] = [one for one in plan("smoke", dataset="avdigits", places=book.places) if one.slot == "10_first"]
    [cell] = told(new_notebook(cells=[]), page).cells
    assert "data set `avdigits`" in " ".join(cell.source.split())


def test_the_terms_of_a_page_lead_to_the_glossary(book):
    path = book.places.notebooks / "20_second.ipynb"
    notebook = nbformat.read(path, as_version=4)
    notebook.cells.insert(1, new_markdown_cell("Two clips, and $x$.", id="terms"))
    nbformat.write(notebook, path)
    assert book.make_book() == 0
    page = (book.places.html / "notebooks" / "20_second.html").read_text()
    assert re.search(r'<a class="reference internal" href="\.\./book/glossary\.html#term-clip">.*?clips', page)
    assert re.search(r'<div class="notation[^>]*>\s*<p>Symbols: <a [^>]*href="\.\./book/notation\.html"', page)


def test_the_numbers_to_expect_are_evidence_where_there_is_any_and_of_this_run_elsewhere(tmp_path):
    evidence = Path("data", "reference", "full", "04_one_noise@synthav.json")
    (tmp_path / "notebooks").symlink_to(ROOT / "notebooks")
    (tmp_path / evidence).parent.mkdir(parents=True)
    (tmp_path / evidence).symlink_to(ROOT / evidence)
    here = {"values": {"mAP": {"value": 0.5, "low": 0.4, "high": 0.6}}}
    here["provenance"] = {"parameters": {"profile": "smoke", "dataset": "synthav", "seeds": 1}}
    table = expected(plan("smoke"), {"01_listening_and_looking": here}, Places(tmp_path))
    assert "| 01 | mAP of the tagger | 0.500 [0.400,\xa00.600] | smoke, synthav, 1 training |" in table
    assert re.search(r"\| 04 \| mAP with one fitted δ \| \d.* \| full, synthav, 3 trainings \|", table)
    assert "| 03 | mAP on the victims, untouched | – | not computed yet |" in table


def test_lessons_hold_reading_and_computing_times_of_chapters_and_not_of_variants(book):
    pages = plan("smoke", places=book.places)
    rows = lessons(pages, {}, book.places).splitlines()
    assert rows[2:] == [f"| {{doc}}`../notebooks/{name}` | 0 min | – |" for name in ("10_first", "20_second")]
    assert len(lessons(plan("smoke"), {}, Places()).splitlines()) == 2 + len(
        [page for page in plan("smoke") if "@" not in page.slot]
    )


def test_every_place_in_the_prose_is_filled():
    places = {place for text in (ROOT / "book").glob("*.md") for place in PLACE.findall(text.read_text())}
    assert places == set(SENTENCES) | {"COVER", "EXPECTED", "LESSONS", "STATISTICS", "TIMES"}


def _written(notebook):
    """Keys that stand literally in the code of a notebook."""
    code = "\n".join(cell.source for cell in nbformat.read(notebook, as_version=4).cells if cell.cell_type == "code")
    return set(re.findall(r"""["'](\w+)["']""", code))


def test_every_number_that_the_prose_cites_is_one_that_its_page_keeps():
    """By the references, which name what is kept, and by the code of the notebooks, which may be newer."""
    keys = {path.stem: _written(path) for path in (ROOT / "notebooks").glob("*.ipynb")}
    for page in measured_pages(plan("smoke")):
        keys[page.notebook] |= names_of(page, Places())
    prose = [text.read_text() for text in (ROOT / "book").glob("*.md")]
    cited = [(page.partition("-")[0], key) for text in prose for page, key, _ in CITED.findall(text)]
    cited += [(page, key) for page, named in HEADLINES.items() for key in named]
    assert len(cited) > 40
    assert [f"{page} keeps no {key}" for page, key in cited if key not in keys.get(page, {key})] == []


def test_the_theme_is_mended():
    page = (
        '<link rel="preload" as="font" type="font/woff2" crossorigin href="a.woff2" />\n'
        '<link rel="preload" as="script" href="a.js" />'
        '<a class="reference" href="04.html">4. Noise</a><details><summary><span></span></summary>'
        "<details><summary>Words</summary>"
        '<div class="citation" role="doc-biblioentry">'
    )
    assert mended(page) == (
        '<link rel="preload" as="script" href="a.js" />'
        '<a class="reference" href="04.html">4. Noise</a><details>'
        '<summary aria-label="pages below 4. Noise"><span></span></summary>'
        "<details><summary>Words</summary>"
        '<div class="citation" role="listitem">'
    )


def test_a_link_that_a_cell_shows_leads_to_the_page_and_to_its_heading_where_there_is_one(book):
    link = """<a href="20_second.ipynb#Page-20">there</a>"""
    book.write("10_first", f"from IPython.display import HTML\n\nHTML('{link}')")
    page = book.places.html / "notebooks" / "10_first.html"
    assert book.make_book() == 0
    assert 'href="20_second.html#page-20">there' in page.read_text()
    pages = plan("smoke", places=book.places)
    publish(pages, {"20_second": "Nobody has it."}, book.places)
    assert 'href="20_second.html">there' in page.read_text()
