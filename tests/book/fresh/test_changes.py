"""Which pages run again after which change, and in which words."""

import os
import shutil
from pathlib import Path
from unittest.mock import ANY

import nbformat
import pytest

from avlib.provenance import sources
from book.fresh import stale
from book.plan import plan

NOISE = {"04_one_noise", "04_one_noise@avdigits", "04_one_noise@linf"}
EYE = "02b_first_eye"
TRUST = "05_trust_the_attack"
BANDS = {"06_which_frequencies", "06_which_frequencies@avdigits"}
MEET = {"07_where_senses_meet", "07_where_senses_meet@avdigits"}
ARCHITECTURES = "08_which_architecture"
CLASSES = "09_class_by_class"
SENSES = {"10_two_senses", "10_two_senses@avdigits"}
DENSE = "11_dense_and_convex"
MIXED = {"12_mixing_as_defence", "12_mixing_as_defence@avdigits"}
SEEN = {"13_when_the_eye_dominates", "13_when_the_eye_dominates@avdigits"}
LEDGER = "14_what_holds"  # reads what the pages have found that decide a claim
CHAPTERS = {
    "01_listening_and_looking",
    "02_models_that_tag",
    EYE,
    "03_breaking_a_model",
    *NOISE,
    TRUST,
    *BANDS,
    *MEET,
    ARCHITECTURES,
    CLASSES,
    *SENSES,
    DENSE,
    *MIXED,
    *SEEN,
}
ALL = {*CHAPTERS, LEDGER}
REAL = {page for page in ALL if page.endswith("@avdigits")}


def and_ledger(pages, reason):
    """`pages`, which run again for a `reason`, and the ledger where it reads one of them."""
    read = any("@" not in page and page != EYE for page in pages)
    return dict.fromkeys(pages, reason) | ({LEDGER: ANY} if read else {})


def test_where_nothing_changed_every_page_is_fresh(copy):
    assert copy.stale() == {}


CODE = [
    ("avlib/plots/universal.py", {*NOISE, *SEEN}),
    ("avlib/plots/breaking.py", {"03_breaking_a_model"}),
    ("avlib/plots/style.py", CHAPTERS),
    ("avlib/attacks/released.py", NOISE),
    ("avlib/plots/fusion.py", {*MEET, *SENSES}),
    ("avlib/plots/trust.py", {TRUST, ARCHITECTURES}),
    ("avlib/plots/bands.py", BANDS),
    ("avlib/occlusion.py", BANDS),
    ("avlib/plots/architectures.py", {ARCHITECTURES}),
    ("avlib/plots/classes.py", {CLASSES, DENSE}),
    ("avlib/data/descriptors.py", {CLASSES, DENSE}),
    ("avlib/models/guards.py", {TRUST}),
    ("avlib/data/exchanged.py", {*MEET, *SENSES, *SEEN}),
    ("avlib/attacks/pgd.py", CHAPTERS - {"01_listening_and_looking", "02_models_that_tag", *BANDS, CLASSES, *SEEN}),
    ("avlib/metrics/localisation.py", {"02_models_that_tag"}),
    ("avlib/plots/pictures.py", {"01_listening_and_looking", EYE}),
    ("avlib/notebook.py", CHAPTERS),
    ("avlib/data/avdigits.py", REAL),
    ("avlib/data/synthav/sound.py", CHAPTERS - REAL),
    ("avlib/data/media.py", REAL),
    ("avlib/data/folder.py", set()),
    ("avlib/parameters.py", set()),
    ("avlib/attacks/__init__.py", set()),  # a face only hands on
]


@pytest.mark.parametrize(("module", "pages"), CODE, ids=[module for module, _ in CODE])
def test_an_edit_of_a_module_runs_the_pages_that_use_it(copy, module, pages):
    path = copy.places.root / module
    path.write_text(path.read_text() + "\nADDED = 1\n")
    assert copy.stale() == and_ledger(pages, f"{module} changed" if module.startswith("avlib/plots") else ANY)


def test_a_parameter_for_another_chapter_runs_nothing(copy):
    copy.edit(
        "avlib/parameters.py", "    clip: Annotated", "    tau: Annotated[Real, Field(gt=0)] = 1\n    clip: Annotated"
    )
    assert copy.stale() == {}


def test_a_value_that_is_read_differently_runs_its_pages(copy):
    pages = {page.slot: page for page in plan("smoke", overrides={"passes": "6"}, places=copy.places)}
    assert stale(pages["03_breaking_a_model"], copy.places) is None
    assert stale(pages["04_one_noise"], copy.places) == "not executed yet"  # a page of its own
    copy.edit("book/profiles/smoke.yml", "epsilon: 0.125", "epsilon: 0.12500001")  # named alike to six digits
    copy.pages = plan("smoke", places=copy.places)
    assert copy.stale() == {"04_one_noise@linf": "parameter epsilon changed"}


def _comment(cells):
    [cell] = [cell for cell in cells if "run = begin(" in cell.source]
    cell.source = "# where it begins\n" + cell.source


def _prose(cells):
    cells[0].source += "\n\nAnother sentence."


def _caption(cells):
    [first, *_] = [cell for cell in cells if "figure" in cell.metadata.get("mystnb", {})]
    first.metadata["mystnb"]["figure"]["caption"] = "Another caption of this figure."


def _more_prose(cells):
    cells.insert(1, nbformat.v4.new_markdown_cell("A new paragraph."))


@pytest.mark.parametrize("change", [_prose, _more_prose, _comment, _caption])
def test_an_edit_of_prose_runs_nothing(copy, change):
    copy.notebook("03_breaking_a_model", change)
    assert copy.stale() == {}


def test_prose_of_the_library_and_of_the_book_runs_nothing(copy):
    copy.edit("avlib/attacks/pgd.py", '"""', '"""Another beginning. ')
    copy.edit("avlib/attacks/universal.py", "import", "# a comment\nimport")
    copy.edit("book/intro.md", "#", "# Another book, ")
    copy.edit("constraints.txt", "#", "# Another remark, ")
    copy.edit("book/fast.env", "#", "# Another remark, ")
    copy.edit("book/execute.py", '"""', '"""Another beginning. ')
    copy.edit("book/workers.py", "running", "executing")  # who waits for whom changes no page
    assert copy.stale() == {}


def test_an_edit_of_a_cell_runs_its_chapter(copy):
    def change(cells):
        cells[-1].source += "\nprint('done')"

    copy.notebook("04_one_noise", change)
    assert copy.stale() == and_ledger(NOISE, "its code changed")


def test_a_tracked_table_runs_the_pages_that_read_it(copy):
    reading = {page.slot for page in copy.pages if "avlib.published" in sources(code="\n".join(copy.code(page)))}
    assert reading == CHAPTERS - {EYE, "03_breaking_a_model", TRUST, DENSE}
    copy.edit("data/published.csv", "0.", "0.9")
    assert copy.stale() == and_ledger(reading, "data/published.csv changed")


def test_a_rule_runs_every_page_and_new_evidence_the_page_that_it_is_of(copy):
    evidence = copy.places.root / "data" / "reference" / "full" / "03_breaking_a_model@synthav.json"
    evidence.parent.mkdir(parents=True)
    evidence.write_text("{}")
    name = evidence.relative_to(copy.places.root).as_posix()
    assert copy.stale() == and_ledger({"03_breaking_a_model"}, f"{name} changed")
    copy.edit("data/claims.yml", "margin: 0.02", "margin: 0.03")
    assert copy.stale().keys() == ALL


def test_a_pin_runs_every_page(copy):
    copy.edit("constraints.txt", "numpy==", "numpy==9.")
    assert copy.stale() == and_ledger(CHAPTERS, "constraints.txt changed")


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [("book/execute.py", "page.parameters", "{}"), ("book/fast.env", "OMP_NUM_THREADS=1", "OMP_NUM_THREADS=2")],
)
def test_another_way_of_executing_runs_every_page(copy, name, old, new):
    copy.edit(name, old, new)
    assert copy.stale() == and_ledger(CHAPTERS, f"{name} changed")


STRAY = [
    "data/notes.csv",
    "data/published (copy).csv",
    "avlib/plots/universal.py~",
    "avlib/.#notebook.py",
    "avlib/#notebook.py#",
    "avlib/notebook (copy).py",
    "avlib/.notebook.py.swp",
    "avlib/new.py",
    "book/execute.py~",
]


@pytest.mark.parametrize("name", STRAY)
def test_a_stray_file_runs_nothing(copy, name):
    (copy.places.root / name).write_text("x = 1")
    assert copy.stale() == {}


def test_recordings_run_the_pages_on_them_and_their_neighbours_do_not(copy):
    folder = Path(os.environ["AVLIB_DATA"])
    (folder / "other").mkdir()
    (folder / "other" / "a.wav").write_bytes(b"unrelated")
    assert copy.stale() == {}
    (folder / "fsdd" / "recordings" / "0_george_0.wav").write_bytes(b"another sound")
    assert copy.stale() == dict.fromkeys(REAL, "set 0 changed")
    shutil.rmtree(folder)
    assert copy.stale() == dict.fromkeys(REAL, "set 0 changed")  # gone is no traceback
