"""One module says what a profile is, and everything takes its sizes from there."""

import ast
import itertools
import re
from pathlib import Path
from typing import get_args

import nbformat
import pytest

from avlib import profiles, provenance
from avlib.data import avkinetics, load, store, synthav
from avlib.data.source import SPLITS
from avlib.errors import AvlibError
from avlib.models import sized
from avlib.parameters import Parameters
from avlib.training import Recipe

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))


def test_profiles_grow_from_smoke_to_paper():
    each = [profiles.of(name) for name in profiles.NAMES]
    assert [size.name for size in each] == list(profiles.NAMES)
    for smaller, larger in itertools.pairwise(each):
        for field in (
            "width",
            "classes",
            "actions",
            "seconds",
            "depth",
            "batch_size",
            "victims",
            "fitting",
            "replicates",
        ):
            assert getattr(smaller, field) <= getattr(larger, field), field
        for field in ("clips", "digits", "films", "dials", "released"):
            assert all(a <= b for a, b in zip(getattr(smaller, field), getattr(larger, field), strict=True)), field


@pytest.mark.parametrize("name", profiles.NAMES)
def test_every_profile_can_be_run(name):
    """What is asked for is there: a universal fit has its clips, an attack its victims, the evidence its seeds."""
    size = profiles.of(name)
    for train, _, evaluation in (size.clips, size.digits, size.films):
        assert max(size.fitting, size.released[0]) < train
        assert max(size.victims, size.released[0], 2 * size.fitting) <= evaluation  # two disjoint sets to fit on
    assert (size.seeds >= 3) == (name in ("full", "paper"))
    assert size.width >= 64  # below, the first layers have too few channels to learn anything


@pytest.mark.parametrize(
    "ask",
    [profiles.of, Recipe.preset, lambda p: sized("csn", p, 4), lambda p: load("folder", profile=p), synthav.source],
)
def test_an_unknown_profile_is_refused_by_all_that_take_one(ask):
    with pytest.raises(AvlibError, match=r"^profile='huge' is unknown: choose one of smoke, laptop, full, paper$"):
        ask("huge")


def test_all_that_have_a_size_take_it_from_the_profile(monkeypatch):
    odd = profiles.Profile(
        "smoke", width=96, clips=(5, 3, 4), digits=(1, 1, 1), films=(6, 2, 5), classes=7, actions=9, events=(2, 2),
        seconds=3.0, dropout=0.3, stem=8, depth=50, eye=24, epochs=2, batch_size=3, lr=0.5, warmup=0.25, steps=9,
    )  # fmt: skip
    monkeypatch.setattr(profiles, "of", {"smoke": odd}.__getitem__)
    assert Recipe.preset("smoke") == Recipe(epochs=2, batch_size=3, lr=0.5, warmup=0.25, steps=9)
    assert sized("csn", "smoke", 4).keywords == {"width": 96, "transformer_dropout": 0.3}
    assert sized("crnn", "smoke", 4).keywords == {"width": 96}
    assert sized("resnet", "smoke", 4).keywords == {"depth": 50, "stem": 8}
    assert sized("glance", "smoke", 4).keywords == {"width": 24}
    assert sized("eye", "smoke", 4).keywords == {"features": 24, "width": 96, "transformer_dropout": 0.3}
    source = synthav.source("smoke")
    assert source.sizes == dict(zip(SPLITS, (5, 3, 4), strict=True))
    assert (len(source.classes), source.key["seconds"], source.key["events"]) == (7, 3.0, (2, 2))
    acted = avkinetics.source("smoke")
    assert (len(acted.classes), *acted.sizes.values()) == (9, 6, 2, 5)
    assert synthav.source("smoke", seconds=2.0).key["seconds"] == 2.0


def test_an_edit_of_the_table_renders_nothing_again(monkeypatch):
    """Clips and classes are in the key by value; a number of victims is nothing to a data set."""
    source = synthav.source("smoke")
    before = store.source_key(source)
    real = provenance._text
    monkeypatch.setattr(provenance, "_text", lambda name: real(name) + "\nEDITED = 1" * (name == "avlib.profiles"))
    store._code.cache_clear()
    assert store.source_key(source) == before
    monkeypatch.undo()
    store._code.cache_clear()


def test_the_parameter_of_the_notebooks_allows_the_profiles():
    assert get_args(Parameters.model_fields["profile"].annotation) == profiles.NAMES


def code():
    for path in [*(ROOT / "avlib").rglob("*.py"), *(ROOT / "book").glob("*.py")]:
        yield path.relative_to(ROOT).as_posix(), path.read_text()
    for path in NOTEBOOKS:
        for cell in nbformat.read(path, as_version=4).cells:
            if cell.cell_type == "code" and not re.search(r"^\s*%", cell.source, re.MULTILINE):
                yield f"{path.name} {cell.id}", cell.source


def test_nothing_else_decides_by_the_name_of_a_profile():
    """No comparison with a profile's name, and no table with one as its key."""
    told = []
    for where, text in code():
        if where == "avlib/profiles.py":
            continue
        for node in ast.walk(ast.parse(text)):
            parts = [node.left, *node.comparators] if isinstance(node, ast.Compare) else []
            parts += node.keys if isinstance(node, ast.Dict) else []
            if any(isinstance(part, ast.Constant) and part.value in ("smoke", "laptop", "full") for part in parts):
                told.append(f"{where}: {ast.unparse(node)}")
    assert not told


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebooks_type_no_size_of_a_bootstrap_or_a_fit(path):
    for cell in nbformat.read(path, as_version=4).cells:
        if cell.cell_type == "code":
            typed = re.findall(r"(?:replicates|batch_size)=\d+", cell.source)
            assert not typed, f"{cell.id}: {typed}"
