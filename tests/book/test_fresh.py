"""Which pages run again after which change, and in which words; nothing is executed here."""

import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

import nbformat
import pytest

from avlib.data import store
from avlib.provenance import cells, sources
from book.fresh import Facts, data_state, facts, ingredients, left, opened, stale
from book.places import Page, Places
from book.plan import plan

ROOT = Path(__file__).resolve().parents[2]
NOISE = {"04_one_noise", "04_one_noise@avdigits", "04_one_noise@linf"}
ALL = {"01_listening_and_looking", "02_models_that_tag", "03_breaking_a_model", *NOISE}


@dataclass
class Copy:
    """A copy of this checkout whose pages count as executed."""

    places: Places
    pages: list[Page]

    def settle(self, page: Page, *calls: dict) -> None:
        """Write what an execution of `page` would have left that loaded its data set, and those of `calls`."""
        calls = ({"name": page.parameters["dataset"], "profile": page.profile, "seed": 0}, *calls)
        files = ["data/published.csv"] if "avlib.published" in sources(code="\n".join(self.code(page))) else []
        files += ["data/claims.yml", f"data/reference/full/{page.notebook}@{page.parameters['dataset']}.json"]
        used = {
            "data": {f"set {number}": {"call": call} for number, call in enumerate(calls)},
            "file": dict.fromkeys(files, ""),
            "page": {},
        }
        for path, text in ((self.places.executed(page), "{}"), (self.places.results(page), '{"values": {"a": 1}}')):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        state = ingredients(page, self.places) | opened(page, self.places, used) | left(page, self.places, [])
        kept = Facts(state=state, used=used, media=[], seconds=1.0, spent={}, device="CPU")
        self.places.facts(page).write_text(kept.model_dump_json())

    def code(self, page: Page) -> list[str]:
        return cells(self.places.source(page))

    def edit(self, name: str, old: str, new: str) -> None:
        path = self.places.root / name
        text = path.read_text()
        assert text.count(old) >= 1, (name, old)
        path.write_text(text.replace(old, new, 1))

    def notebook(self, name: str, change) -> None:
        path = self.places.notebooks / f"{name}.ipynb"
        read = nbformat.read(path, as_version=4)
        change(read.cells)
        nbformat.write(read, path)

    def stale(self) -> dict[str, str]:
        """Slots of the pages that would run, with the reason."""
        data_state.cache_clear()
        store._code.cache_clear()  # as in another process
        return {page.slot: reason for page in self.pages if (reason := stale(page, self.places))}


@pytest.fixture(scope="module")
def _settled(tmp_path_factory):
    root = tmp_path_factory.mktemp("settled")
    for folder in ("avlib", "book"):
        shutil.copytree(ROOT / folder, root / folder, ignore=shutil.ignore_patterns("__pycache__"))
    for pattern in ("notebooks/*.ipynb", "data/*.*", "constraints.txt"):
        for path in ROOT.glob(pattern):
            (root / path.relative_to(ROOT)).parent.mkdir(exist_ok=True)
            shutil.copy(path, root / path.relative_to(ROOT))
    for path in (root / "notebooks").iterdir():  # their outputs are most of what there is to read and to copy
        notebook = nbformat.read(path, as_version=4)
        for cell in (cell for cell in notebook.cells if cell.cell_type == "code"):
            cell.outputs = []
        nbformat.write(notebook, path)
    recordings = root / "recordings" / "fsdd" / "recordings"
    recordings.mkdir(parents=True)
    (recordings / "0_george_0.wav").write_bytes(b"sound")
    copy = Copy(Places(root), plan("smoke", places=Places(root)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("avlib.provenance.ROOT", root / "avlib")
        patch.setenv("AVLIB_DATA", str(root / "recordings"))
        for page in copy.pages:
            copy.settle(page)
    return copy


@pytest.fixture
def copy(_settled, tmp_path, monkeypatch):
    """The chapters of this book, all of them fresh, in a folder that the test may change."""
    shutil.copytree(_settled.places.root, tmp_path / "checkout", dirs_exist_ok=True)
    recordings = tmp_path / "recordings"  # what keeps its place and its times
    shutil.copytree(_settled.places.root / "recordings", recordings)
    monkeypatch.setattr("avlib.provenance.ROOT", tmp_path / "checkout" / "avlib")
    monkeypatch.setenv("AVLIB_DATA", str(recordings))
    return Copy(Places(tmp_path / "checkout"), _settled.pages)


def test_where_nothing_changed_every_page_is_fresh(copy):
    assert copy.stale() == {}


# --- one change of each kind ------------------------------------------------------------------------------------------

CODE = [
    ("avlib/plots/universal.py", NOISE),
    ("avlib/plots/breaking.py", {"03_breaking_a_model"}),
    ("avlib/plots/style.py", ALL),
    ("avlib/attacks/released.py", NOISE),
    ("avlib/attacks/pgd.py", NOISE | {"03_breaking_a_model"}),
    ("avlib/metrics/localisation.py", {"02_models_that_tag"}),
    ("avlib/notebook.py", ALL),
    ("avlib/data/avdigits.py", {"04_one_noise@avdigits"}),
    ("avlib/data/synthav/sound.py", ALL - {"04_one_noise@avdigits"}),
    ("avlib/data/media.py", {"04_one_noise@avdigits"}),
    ("avlib/data/folder.py", set()),
    ("avlib/parameters.py", set()),
    ("avlib/attacks/__init__.py", set()),  # a face only hands on
]


@pytest.mark.parametrize(("module", "pages"), CODE, ids=[module for module, _ in CODE])
def test_an_edit_of_a_module_runs_the_pages_that_use_it(copy, module, pages):
    path = copy.places.root / module
    path.write_text(path.read_text() + "\nADDED = 1\n")
    told = copy.stale()
    assert told.keys() == pages
    if module.startswith("avlib/plots"):
        assert set(told.values()) == {f"{module} changed"}


def test_a_parameter_for_another_chapter_runs_nothing(copy):
    copy.edit(
        "avlib/parameters.py", "    clip: Annotated", "    tau: Annotated[Real, Field(gt=0)] = 1\n    clip: Annotated"
    )
    assert copy.stale() == {}


def test_a_value_that_is_read_differently_runs_its_pages(copy):
    pages = {page.slot: page for page in plan("smoke", overrides={"passes": "6"}, places=copy.places)}
    assert stale(pages["03_breaking_a_model"], copy.places) is None
    assert stale(pages["04_one_noise"], copy.places) == "not executed yet"  # a page of its own
    copy.edit("book/profiles/smoke.yml", "epsilon: 0.25", "epsilon: 0.2500001")  # named alike to six digits
    copy.pages = plan("smoke", places=copy.places)
    assert copy.stale() == {"04_one_noise@linf": "parameter epsilon changed"}


def _comment(cells):
    [cell] = [cell for cell in cells if cell.source.startswith("from avlib.notebook import begin")]
    cell.source = "# where it begins\n" + cell.source


def _prose(cells):
    cells[0].source += "\n\nAnother sentence."


def _caption(cells):
    [first, *_] = [cell for cell in cells if "mystnb" in cell.metadata]
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
    assert copy.stale() == {}


def test_an_edit_of_a_cell_runs_its_chapter(copy):
    def change(cells):
        cells[-1].source += "\nprint('done')"

    copy.notebook("04_one_noise", change)
    assert copy.stale() == dict.fromkeys(NOISE, "its code changed")


def test_a_tracked_table_runs_the_pages_that_read_it(copy):
    reading = {page.slot for page in copy.pages if "avlib.published" in sources(code="\n".join(copy.code(page)))}
    assert reading == {"01_listening_and_looking", "02_models_that_tag", *NOISE}
    copy.edit("data/published.csv", "0.", "0.9")
    assert copy.stale() == dict.fromkeys(reading, "data/published.csv changed")


def test_a_rule_runs_every_page_and_new_evidence_the_page_that_it_is_of(copy):
    evidence = copy.places.root / "data" / "reference" / "full" / "03_breaking_a_model@synthav.json"
    evidence.parent.mkdir(parents=True)
    evidence.write_text("{}")
    name = evidence.relative_to(copy.places.root).as_posix()
    assert copy.stale() == {"03_breaking_a_model": f"{name} changed"}
    copy.edit("data/claims.yml", "margin: 0.02", "margin: 0.03")
    assert copy.stale().keys() == ALL


def test_a_pin_runs_every_page(copy):
    copy.edit("constraints.txt", "numpy==", "numpy==9.")
    assert copy.stale() == dict.fromkeys(ALL, "constraints.txt changed")


@pytest.mark.parametrize("name", ["data/notes.csv", "avlib/plots/universal.py~", "avlib/.#notebook.py", "avlib/new.py"])
def test_a_stray_file_runs_nothing(copy, name):
    (copy.places.root / name).write_text("x = 1")
    assert copy.stale() == {}


def test_recordings_run_the_pages_on_them_and_their_neighbours_do_not(copy):
    folder = Path(os.environ["AVLIB_DATA"])
    (folder / "other").mkdir()
    (folder / "other" / "a.wav").write_bytes(b"unrelated")
    assert copy.stale() == {}
    (folder / "fsdd" / "recordings" / "0_george_0.wav").write_bytes(b"another sound")
    assert copy.stale() == {"04_one_noise@avdigits": "set 0 changed"}
    shutil.rmtree(folder)
    assert copy.stale() == {"04_one_noise@avdigits": "set 0 changed"}  # gone is no traceback


# --- a person's own media ---------------------------------------------------------------------------------------------


@pytest.fixture
def media(copy, tmp_path):
    """The first page, which has loaded a manifest that reaches its media in three ways; those three files."""
    away, here = tmp_path / "away", tmp_path / "own" / "table"
    away.mkdir()
    here.mkdir(parents=True)
    files = [away / "linked.wav", away / "absolute.wav", here.parent / "above.wav"]
    for file in files:
        file.write_bytes(b"sound")
    (here / "link.wav").symlink_to(files[0])
    rows = ["link.wav,train", f"{files[1]},valid", "../above.wav,eval"]
    table = [f"{number},{row.split(',')[0]},a,{row.split(',')[1]}" for number, row in enumerate(rows)]
    (here / "manifest.csv").write_text("clip,media,labels,split\n" + "\n".join(table) + "\n")
    copy.pages = copy.pages[:1]
    manifest = os.path.relpath(here / "manifest.csv", copy.places.notebooks)  # as a cell would say it
    copy.settle(copy.pages[0], {"name": "folder", "manifest": manifest})
    assert copy.stale() == {}
    return files


@pytest.mark.parametrize("which", [0, 1, 2], ids=["behind a link", "absolute", "above"])
def test_media_replaced_in_place_run_their_page(copy, media, which):
    media[which].write_bytes(b"other")  # as long as before
    assert copy.stale() == {"01_listening_and_looking": "set 1 changed"}


def test_files_beside_the_media_run_nothing(copy, media):
    for file in media:
        file.with_name("unrelated.wav").write_bytes(b"other")
    assert copy.stale() == {}


def test_a_build_looks_at_a_data_set_once(copy, media, monkeypatch):
    looked = []
    monkeypatch.setattr("book.fresh.key", lambda **call: looked.append(call["name"]) or "key")
    data_state.cache_clear()
    for _ in range(3):
        stale(copy.pages[0], copy.places)
    assert sorted(looked) == ["folder", "synthav"]


# --- what a page left -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("part", "text", "reason"),
    [
        ("facts", '{"key": "abc", "seconds": 1.0, "device": "CPU", "media": []}', "a record that cannot be read"),
        ("facts", "", "a record that cannot be read"),
        ("facts", "[1]", "a record that cannot be read"),
        ("facts", None, "not executed yet"),
        ("executed", '{"cells": [', "the executed page changed"),
        ("executed", None, "the executed page changed"),
        ("results", '{"values": {"a": 2}}', "its results changed"),  # by a person's own run
        ("results", '{"val', "its results changed"),
        ("results", None, "its results changed"),
    ],
)
def test_what_is_lost_damaged_or_old_is_made_again(copy, part, text, reason):
    page = copy.pages[0]
    path = getattr(copy.places, part)(page)
    path.write_text(text) if text is not None else path.unlink()
    assert copy.stale() == {page.slot: reason}


def test_facts_of_another_format_are_none(copy):
    page = copy.pages[0]
    kept = json.loads(copy.places.facts(page).read_text())
    copy.places.facts(page).write_text(json.dumps({**kept, "more": 1}))
    assert facts(page, copy.places) is None


def test_the_same_results_written_again_are_the_same(copy):
    page = copy.pages[0]
    copy.places.results(page).write_text('{"provenance": {"seconds": 3}, "values":{"a":1}}')
    assert copy.stale() == {}
