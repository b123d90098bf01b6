"""Copies of one notebook on several data sets do not fight over labels."""

import re

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from book.variants import relabelled

TEXT = """# Noise

(find-it)=
### Exercise 1

$$
x = 1
$$ (eq-mine)

See {eq}`eq-mine`, {ref}`exercise <find-it>`, {numref}`fig-mine`, {eq}`eq-other`, {doc}`find-it`.
"""


def _copy(suffix: str) -> nbformat.NotebookNode:
    figure = new_code_cell("draw()", metadata={"mystnb": {"figure": {"name": "fig-mine", "caption": "A line."}}})
    return relabelled(new_notebook(cells=[new_markdown_cell(TEXT), figure]), suffix)


def _defined(notebook: nbformat.NotebookNode) -> set[str]:
    text = notebook.cells[0].source
    names = {notebook.cells[1].metadata["mystnb"]["figure"]["name"]}
    return names | set(re.findall(r"^\((.+)\)=$", text, re.M)) | set(re.findall(r"^\$\$ \((.+)\)$", text, re.M))


def test_two_copies_share_no_label():
    assert not _defined(_copy("avdigits")) & _defined(_copy("folder"))
    assert len(_defined(_copy("avdigits"))) == 3


def test_references_follow_their_labels_and_others_stay():
    text = _copy("avdigits").cells[0].source
    roles = re.findall(r"\{(eq|ref|numref)\}`(?:[^`<]*<)?([\w-]+)>?`", text)
    assert [name for _, name in roles] == ["eq-mine-avdigits", "find-it-avdigits", "fig-mine-avdigits", "eq-other"]
    assert "{doc}`find-it`" in text


def test_the_title_names_the_data():
    assert _copy("avdigits").cells[0].source.startswith("# Noise (avdigits)\n")
