"""What a thing came from: equal values have equal digests, code is followed to where it is written, uses are noted."""

import json
import subprocess
import sys
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace

import nbformat
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

import avlib.data
from avlib import provenance
from avlib.files import CHECKOUT
from avlib.provenance import code_digest, digest, forget, notebook_digest, results_digest, sources, tracked, use, used

# --- values -----------------------------------------------------------------------------------------------------------

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
)


@settings(deadline=None, max_examples=40)
@given(first=JSON, second=JSON)
def test_digest_is_a_function_of_the_value(first, second):
    assert digest(first) == digest(first)
    assert len(digest(first)) == 16
    if repr(first) != repr(second):
        assert digest(first, second) != digest(second, first)
        assert digest(first) != digest(second) or first == second


def test_digest_knows_order_of_parts_but_not_of_keys():
    assert digest({"a": 1, "b": 2}) == digest({"b": 2, "a": 1})
    assert digest("ab", "c") != digest("a", "bc")
    assert digest() != digest("")
    assert digest((1, 2)) == digest([1, 2]) != digest([2, 1])
    assert digest({1, 2}) == digest({2, 1}) != digest([1, 2])
    assert len({digest(value) for value in (1, 1.0, "1", True, b"1", None, [1], {1}, {1: 1})}) == 9


@dataclass(frozen=True)
class Ball:
    radius: object


@dataclass(frozen=True)
class Box:
    radius: object


def _inside(container: str, value: object) -> object:
    return {"list": [value], "dict": {"mask": value}, "dataclass": Ball(value), "deep": {"a": [Ball((value,))]}}[
        container
    ]


@pytest.mark.parametrize("container", ["list", "dict", "dataclass", "deep"])
@pytest.mark.parametrize("kind", [torch.zeros, np.zeros])
def test_an_array_enters_by_its_bytes_wherever_it_stands(container, kind):
    """Long ones are printed with an ellipsis, so a digest of the print would not see one entry."""
    one, other = kind(9999), kind(9999)
    other[5000] = 1
    assert digest(_inside(container, one)) == digest(_inside(container, kind(9999)))
    assert digest(_inside(container, one)) != digest(_inside(container, other))


def test_dataclasses_of_another_name_are_other_values():
    assert digest(Ball(1)) == digest(Ball(1))
    assert len({digest(value) for value in (Ball(1), Ball(2), Box(1), {"radius": 1})}) == 4


@pytest.mark.parametrize("value", [object(), Fraction(1, 2), len, torch.nn.Linear(1, 1), np.array(["a", None])])
@pytest.mark.parametrize("container", ["list", "dict", "dataclass", "deep"])
def test_what_is_no_plain_value_is_refused(value, container):
    with pytest.raises(TypeError, match="is no plain value"):
        digest(_inside(container, value))


def test_digest_of_arrays_knows_content_shape_and_type():
    values = np.arange(6, dtype=np.float32)
    assert digest(values) == digest(torch.from_numpy(values)) == digest(values[::-1][::-1])
    kinds = [values, values.reshape(2, 3), values.astype(np.float64), values + np.float32(1e-6), values[:5]]
    assert len({digest(kind) for kind in kinds}) == len(kinds)


def test_digest_of_a_file_is_that_of_its_content(tmp_path):
    (tmp_path / "a").write_bytes(b"content")
    (tmp_path / "b").write_bytes(b"content")
    assert digest(tmp_path / "a") == digest(tmp_path / "b") == digest(b"content")


def test_digests_are_the_same_in_another_process():
    value = {"b": {"x", "y", "z"}, "a": (1.5, None)}
    code = f"from avlib.provenance import digest; print(digest({value!r}))"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=CHECKOUT)
    assert told.stdout.strip() == digest(value)


# --- code -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "other",
    ["def f(x):\n    return x  # same", 'def f(x):\n    """Say more."""\n    return x', "def f( x ): return (x)"],
)
def test_what_no_computer_reads_is_not_code(other):
    assert code_digest(other) == code_digest('"""A module."""\n\n\ndef f(x):\n    """Return x."""\n    return x\n')


@pytest.mark.parametrize(
    "other", ["def f(x):\n    return -x", "def f(y):\n    return y", 'def f(x):\n    "a"\n    return "b"']
)
def test_what_a_computer_reads_is_code(other):
    assert code_digest(other) != code_digest("def f(x):\n    return x")


def test_text_that_is_not_a_docstring_is_code():
    assert code_digest('x = "a"') != code_digest('x = "b"')


def test_a_notebook_is_its_code(tmp_path):
    def written(text: str, source: str, **more: object) -> Path:
        cells = [new_markdown_cell(text), new_code_cell(source, **more), new_code_cell("y = 1")]
        nbformat.write(new_notebook(cells=cells), tmp_path / "a.ipynb")
        return tmp_path / "a.ipynb"

    first = notebook_digest(written("text", "x = 1"))
    shown = new_output("stream", text="shown")
    assert first == notebook_digest(written("other", "x = 1  # one", outputs=[shown], metadata={"tags": ["hide-cell"]}))
    assert first != notebook_digest(written("text", "x = 2"))
    assert first != notebook_digest(written("text", "%magic\nx = 1"))


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package in which one face hands on names of two modules, one of which imports a third when it is called."""
    files = {
        "__init__.py": "",
        "face/__init__.py": "from avlib.face.one import f\nfrom avlib.face.two import g as h\n\nown = 1\n",
        "face/one.py": "def f():\n    from avlib import deep\n",
        "face/two.py": "g = 1\n",
        "face/three.py": "import avlib.face.two\n",
        "deep.py": "import math\n",
    }
    for name, text in files.items():
        (tmp_path / "avlib" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "avlib" / name).write_text(text)
    monkeypatch.setattr(provenance, "ROOT", tmp_path / "avlib")
    return tmp_path / "avlib"


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ("from avlib.face import f", {"face.one", "deep"}),
        ("from avlib.face import h", {"face.two"}),
        ("from avlib.face import three", {"face.three", "face.two"}),
        ("from avlib.face import own", {"face", "face.one", "face.two", "deep"}),
        ("import avlib.deep as d", {"deep"}),
        ("import numpy\nx = 1", set()),
        ("%matplotlib inline\nif x:\n    from avlib import deep", {"deep"}),
    ],
)
def test_an_import_leads_to_where_a_name_is_written(package, code, found):
    assert sources(code=code).keys() == {f"avlib.{name}" for name in found}


def test_only_the_code_that_is_reached_counts(package):
    before = sources(code="from avlib.face import h")
    (package / "face" / "one.py").write_text("def f():\n    return 2\n")
    assert sources(code="from avlib.face import h") == before
    (package / "face" / "two.py").write_text("g = 2\n")
    assert sources(code="from avlib.face import h") != before


def test_a_module_that_is_not_there_is_named(package):
    with pytest.raises(ModuleNotFoundError, match=r"avlib\.nowhere"):
        sources("avlib.nowhere")


# --- what a run opened ------------------------------------------------------------------------------------------------


def test_uses_are_noted_until_a_new_run_begins():
    forget()
    use("file", "b", "2")
    use("file", "a", "1")
    tracked(CHECKOUT / "data" / "published.csv")
    noted = used()
    assert list(noted["file"]) == ["a", "b", "data/published.csv"]
    assert noted["file"]["data/published.csv"] == digest(CHECKOUT / "data" / "published.csv")
    forget()
    assert used() == {"data": {}, "file": {}, "page": {}}
    assert noted["file"]


def test_results_are_the_same_whoever_wrote_them(tmp_path):
    path = tmp_path / "a.json"
    digests = []
    for record in (
        {"provenance": {"seconds": 1}, "values": {"a": float("nan")}, "figures": {}},
        {"values": {"a": float("nan")}, "figures": {}, "provenance": {"seconds": 2}},
        {"provenance": {"seconds": 1}, "values": {"a": 1.0}, "figures": {}},
        {"provenance": {"seconds": 1}, "values": {"a": float("nan")}, "figures": {"b": 1}},
    ):
        path.write_text(json.dumps(record))
        digests.append(results_digest(path))
    assert digests[0] == digests[1]
    assert len(set(digests)) == 3
    for damaged in ("{", "[1]", ""):
        path.write_text(damaged)
        assert results_digest(path) == "none"
    path.unlink()
    assert results_digest(path) == "none"


def test_a_loaded_set_is_noted_with_the_key_that_its_call_gives(monkeypatch):
    split = SimpleNamespace(ids=())
    rendered = SimpleNamespace(classes=(), train=split, valid=split, eval=split)
    monkeypatch.setattr(avlib.data, "stored", lambda source, modalities: rendered)
    forget()
    knobs = {"clips": (8, 2, 2), "events": (1, 1)}
    assert avlib.data.load("synthav", seed=3, **knobs) is rendered
    [(name, state)] = json.loads(json.dumps(used()))["data"].items()  # as it is written into the results
    assert name == "synthav (profile=smoke, seed=3, clips=(8, 2, 2), events=(1, 1))"
    assert avlib.data.key(**state["call"]) == state["key"]
    others = [
        avlib.data.key("synthav", **{**knobs, **other}) for other in ({}, {"clips": (8, 2, 3)}, {"label_noise": 0})
    ]
    assert len({state["key"], *others}) == 4
    forget()


@pytest.mark.parametrize("library", ["numpy", "scipy", "scikit-learn", "soundfile", "av", "torch"])
def test_rendered_data_are_of_the_libraries_that_made_them(monkeypatch, library):
    before, real = avlib.data.key("synthav"), provenance.versions
    monkeypatch.setattr("avlib.data.store.versions", lambda *names: {**real(*names), library: "0"})
    assert avlib.data.key("synthav") != before
