"""A copy of this checkout whose chapters count as executed, though nothing is."""

import shutil
from dataclasses import dataclass
from pathlib import Path

import nbformat
import pytest

from avlib.data import store
from avlib.provenance import cells, sources
from book.fresh import Facts, data_state, ingredients, keep, left, opened, stale
from book.places import Page, Places
from book.plan import plan

ROOT = Path(__file__).resolve().parents[3]


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
        keep(kept, page, self.places)

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

    def own(self) -> dict[str, str]:
        """Those of them that would not run only because they read another."""
        return {slot: reason for slot, reason in self.stale().items() if ", which it reads: " not in reason}


@pytest.fixture(scope="session")
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
