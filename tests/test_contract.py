"""Every committed notebook keeps the contract (book/contract.py), and each breach of it is seen."""

import copy
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from book.contract import problems, together
from book.places import Places
from book.plan import plan, profiles

NOTEBOOKS = sorted(Places().notebooks.glob("[!.]*.ipynb"))
PROSE = "word " * 60
EXERCISE = "### Exercise {}: {}\n\n*{}* Say first what you expect. " + PROSE
FIGURE = {
    "mystnb": {
        "figure": {"caption": "Loss against the number of steps.", "name": "fig-loss"},
        "image": {"alt": "A curve that rises and then stays flat."},
    }
}


def _image() -> list:
    return [new_output("display_data", {"text/html": '<div class="drawn"><svg class="wide"></svg></div>'})]


def _table() -> nbformat.NotebookNode:
    return new_output("display_data", {"text/html": "<table></table>", "text/markdown": "| a |\n|---|\n| 1 |"})


def _good() -> nbformat.NotebookNode:
    """A notebook that keeps the contract."""
    code = [
        new_code_cell('profile: str = "smoke"  # the size', metadata={"tags": ["parameters"]}),
        new_code_cell(
            'from avlib.notebook import begin\n\nrun = begin("10_good", globals())', metadata={"tags": ["hide-input"]}
        ),
        new_code_cell('run.figure("loss", draw())', metadata=copy.deepcopy(FIGURE), outputs=_image()),
        new_code_cell("verdict(mine, right, cases)"),
        new_code_cell("1 + 1", metadata={"tags": ["hide-cell"]}),
        new_code_cell("run.finish()", metadata={"tags": ["nbval-ignore-output"]}),
    ]
    for count, cell in enumerate(code, 1):
        cell.execution_count = count
    text = [
        "# Good\n\n**You will learn** …\n\n**Time** – 2 minutes to read; none to run.\n\n**Before you start** …\n\n"
        + PROSE,
        "## Takeaways\n\n" + PROSE,
        "## Exercises\n\n" + EXERCISE.format(1, "add", "Build"),
        EXERCISE.format(2, "think", "Question") + "\n\n:::{dropdown} Solution\nIt follows.\n:::",
    ]
    opening, takeaways, first, second = map(new_markdown_cell, text)
    return new_notebook(cells=[opening, *code[:3], takeaways, first, *code[3:5], second, code[5]])


def _told(notebook: nbformat.NotebookNode, folder: Path) -> list[str]:
    nbformat.write(notebook, folder / "10_good.ipynb")
    return problems(folder / "10_good.ipynb")


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_committed_notebook_keeps_the_contract(path):
    nbformat.validate(nbformat.read(path, as_version=4))
    assert not problems(path)


def test_the_committed_notebooks_make_one_book():
    assert NOTEBOOKS
    assert not together(Places())


def test_every_profile_holds_every_notebook():
    for profile in profiles(Places()):
        assert {page.notebook for page in plan(profile)} == {path.stem for path in NOTEBOOKS}, profile


def test_every_page_is_in_the_table_of_contents():
    contents = (Places().root / "book" / "_toc.yml").read_text()
    for profile in profiles(Places()):
        for page in plan(profile):
            assert f"file: {page.document}\n" in contents, f"{page.document} of {profile} is not in book/_toc.yml"


def test_a_good_notebook_is_let_through(tmp_path):
    assert not _told(_good(), tmp_path)


# Cells of the good notebook: 0 opening, 1 parameters, 2 begin, 3 figure, 4 takeaways, 5 exercise 1, 6 its check, 7 its
# solution, 8 exercise 2 with its solution, 9 finish.
BREACHES = {
    "never executed": (3, {"execution_count": None}, "never executed"),
    "executed out of order": (3, {"execution_count": 7}, "top to bottom"),
    "error": (3, {"outputs": [new_output("error", ename="E", evalue="no", traceback=[])]}, "error is committed"),
    "stderr": (3, {"outputs": [new_output("stream", name="stderr", text="Warning")]}, "warning is committed"),
    "path in an output": (3, {"outputs": [new_output("stream", name="stdout", text="/home/me/x")]}, "path of one mach"),
    "path in the code": (7, {"source": 'open("/tmp/x")'}, "path of one machine"),
    "magic": (7, {"source": "%matplotlib inline"}, "magic"),
    "no title": (0, {"source": "Good"}, "'# Title'"),
    "no time": (0, {"source": "# Good\n\nYou will learn, Before you start " + PROSE}, "'Time' is missing"),
    "no parameters": (1, {"metadata": {}}, "0 cells are tagged"),
    "no time to read": (
        0,
        {"source": "# Good\n\nYou will learn, **Time** – a day, Before you start " + PROSE},
        "minutes to",
    ),
    "another time to read": (0, {"source": "# Good\n\n**Time** – 9 minutes to read " + PROSE}, "words take"),
    "begin on the page": (2, {"metadata": {}}, "must be tagged hide-input"),
    "import later": (3, {"source": "import math"}, "an import outside"),
    "no level": (
        8,
        {"source": "### Exercise 2: think\n\nSay. :::{dropdown} Solution\n:::"},
        "1 exercises do not begin",
    ),
    "nothing to build": (6, {"source": "1"}, "no *Build* exercise"),
    "no annotation": (1, {"source": 'profile = "smoke"  # size'}, "not an annotated literal"),
    "no literal": (1, {"source": "seed: int = 1 + 1  # seed"}, "not a literal"),
    "no comment": (1, {"source": 'profile: str = "smoke"'}, "no comment"),
    "unknown parameter": (1, {"source": "epsilom: float = 1  # radius"}, "epsilom is unknown"),
    "no begin": (2, {"source": "import avlib"}, "must call begin"),
    "another's name": (2, {"source": 'run = begin("11_other", globals())'}, "must call begin"),
    "long cell": (7, {"source": "x = 1\n" * 31}, "a cell of 31 lines"),
    "no caption": (3, {"metadata": {"mystnb": {"image": FIGURE["mystnb"]["image"]}}}, "no caption"),
    "no name": (3, {"metadata": {"mystnb": {"image": FIGURE["mystnb"]["image"]}}}, "no caption and name 'fig-"),
    "a table without a caption": (3, {"outputs": [_table()]}, "no caption and name 'tab-"),
    "no alt text": (3, {"metadata": {"mystnb": {"figure": FIGURE["mystnb"]["figure"]}}}, "no words in place"),
    "two figures": (3, {"outputs": _image() * 2}, "two figures in one cell"),
    "no takeaways": (4, {"source": PROSE}, "'## Takeaways'"),
    "one exercise": (8, {"source": PROSE}, "1 exercises"),
    "no solution": (7, {"metadata": {}}, "no solution behind a toggle"),
    "no finish": (9, {"source": "1"}, "must call run.finish()"),
    "finish compared": (9, {"metadata": {}}, "tagged nbval-ignore-output"),
    "papermill": (7, {"metadata": {"tags": ["hide-cell"], "papermill": {"duration": 1}}}, "papermill left"),
}


@pytest.mark.parametrize("breach", BREACHES)
def test_a_breach_is_seen(breach, tmp_path):
    at, change, told = BREACHES[breach]
    notebook = _good()
    notebook.cells[at].update(nbformat.from_dict(change))
    assert any(told in problem for problem in _told(notebook, tmp_path)), breach


def test_long_cells_and_little_prose_are_seen(tmp_path):
    notebook = _good()
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.source += "\nx = 1" * 7
    told = _told(notebook, tmp_path)
    assert any("half of the code cells have" in problem for problem in told)
    for cell in notebook.cells:
        cell.source = cell.source.replace(PROSE, "")
    assert any("a line are needed" in problem for problem in _told(notebook, tmp_path))


def test_a_name_used_twice_and_a_default_that_differs_are_seen(tmp_path):
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "book" / "profiles").mkdir(parents=True)
    pages = "parameters: {profile: smoke}\nlimit: 60\npages:\n  10_a: {seed: 1}\n  20_b: {}\n"
    (tmp_path / "book" / "profiles" / "smoke.yml").write_text(pages)
    notebook = _good()
    notebook.cells[0].source += "\n\n$$\nx\n$$ (eq-loss)"
    notebook.cells[1].source += "\nseed: int = 0  # of the data"
    for name in ("10_a", "20_b", "30_c"):
        nbformat.write(notebook, tmp_path / "notebooks" / f"{name}.ipynb")
    told = together(Places(tmp_path))
    assert "the name fig-loss is used in 10_a.ipynb and in 20_b.ipynb" in told
    assert "the name eq-loss is used in 10_a.ipynb and in 20_b.ipynb" in told
    assert "10_a.ipynb: seed = 0 by default, and 1 in book/profiles/smoke.yml" in told
    assert "30_c.ipynb is not a page of book/profiles/smoke.yml" in told
