"""Later chapters use the attacks that chapter 5 has put on trial: as many steps and passes, and steps that fall."""

import ast

import pytest

from avlib.notebook import cells
from avlib.parameters import written
from book.places import Places
from book.plan import plan

TRIED = "05_trust_the_attack"
LATER = sorted({page.notebook for page in plan("smoke") if page.notebook > TRIED})


HALF = {"10_two_senses"}  # so many searches that its defaults take half the steps, which chapter 5 draws as well


def defaults(notebook):
    (parameters,) = [cell for cell in cells(Places().notebooks / f"{notebook}.ipynb") if cell.startswith("profile: ")]
    return {name: value.value for name, value in written(parameters).items() if hasattr(value, "value")}


@pytest.mark.parametrize("notebook", LATER)
def test_defaults_are_those_that_were_tried(notebook):
    mine, tried = defaults(notebook), defaults(TRIED)
    for name in ("steps", "passes"):
        if name in mine:
            assert mine[name] == tried[name] // (2 if notebook in HALF and name == "steps" else 1), name


@pytest.mark.parametrize("notebook", [TRIED, *LATER])
def test_every_search_names_its_schedule(notebook):
    tree = ast.parse("\n".join(cells(Places().notebooks / f"{notebook}.ipynb")))
    searches = [call for call in ast.walk(tree) if isinstance(call, ast.Call) and ast.unparse(call.func) == "pgd"]
    assert searches or notebook != TRIED
    for call in searches:
        assert "step_size" in {keyword.arg for keyword in call.keywords}, ast.unparse(call)
