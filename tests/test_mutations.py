"""Faults planted into the attack move the numbers of the book beyond their tolerance.

From chapter 3 only those cells run that lead to the numbers looked at: found by the names that cells set and use.
"""

import dataclasses
import json
import symtable
from collections.abc import Callable

import nbformat
import pytest

import avlib.notebook
from avlib.attacks import ball, geometry
from avlib.data.split import Split
from book.places import Places
from book.plan import plan
from book.reference import compare, flat, path_of

ATTACK = {"library_loss", "lower_half_loss", "lower_half_leak"}  # numbers of the library's attack
OTHERS = {"by_hand_loss", "clean_mAP"}  # numbers that a fault in the library's attack does not touch
KEYS = ATTACK | OTHERS


def _names(cell: str) -> tuple[set[str], set[str]]:
    """Names that a cell sets for those below it, and names that it takes from those above."""

    def taken(table: symtable.SymbolTable) -> set[str]:
        own = {name.get_name() for name in table.get_symbols() if name.is_global() or table.get_type() == "module"}
        return own.union(*(taken(child) for child in table.get_children()))

    table = symtable.symtable(cell, "cell", "exec")
    sets = {name.get_name() for name in table.get_symbols() if name.is_assigned() or name.is_imported()}
    return sets, taken(table)


def _leading_to(cells: list[str], keys: set[str]) -> list[str]:
    """The cells that keep a number of `keys`, and those that these need, in order."""
    chosen, needed = [], set()
    for cell in reversed(cells):
        sets, takes = _names(cell)
        if any(f'run.result("{key}"' in cell for key in keys) or sets & needed:
            chosen.append(cell)
            needed = needed - sets | takes
    return chosen[::-1]


@pytest.fixture(scope="module")
def chapter():
    """Recompute the numbers of `KEYS`; data and model are made once."""
    notebook = nbformat.read(Places().notebooks / "03_breaking_a_model.ipynb", as_version=4)
    cells = _leading_to([cell.source for cell in notebook.cells if cell.cell_type == "code"], KEYS)
    last = next(i for i, cell in enumerate(cells) if "trained(" in cell)
    space: dict = {"In": [""]}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(avlib.notebook, "display", lambda *_, **__: None)
        for cell in cells[: last + 1]:
            exec(cell, space)

        def numbers() -> dict:
            own = dict(space)
            own["run"].values.clear()
            for cell in cells[last + 1 :]:
                exec(cell, own)
            values = {key: {"value": own["run"].values[key]["value"]} for key in KEYS}
            return {"values": values, "figures": {}}

        yield numbers


@pytest.fixture(scope="module")
def reference():
    [page] = plan("smoke", "03_breaking_a_model")
    whole = json.loads(path_of(page, Places()).read_text())
    return {**whole, "numbers": {key: whole["numbers"][key] for key in KEYS}, "texts": {}, "unstable": {}}


def _changed_threat(change: Callable[[ball.Threat], dict]) -> Callable:
    real = ball._ball
    return lambda name, threat, *rest: real(name, dataclasses.replace(threat, **change(threat)), *rest)


def _descend(patch: pytest.MonkeyPatch) -> None:
    real = geometry.steepest
    patch.setattr(geometry, "steepest", lambda *arguments: -real(*arguments))


def _never_project(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(geometry, "project", lambda w, norm, box=None: w)


def _double_epsilon(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(ball, "_ball", _changed_threat(lambda threat: {"eps": 2 * threat.eps}))


def _ignore_the_mask(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(ball, "_ball", _changed_threat(lambda threat: {"mask": None}))


def _one_ball_a_clip(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(ball, "_ball", _changed_threat(lambda threat: {"over": "clip"}))


def _shuffle_labels(patch: pytest.MonkeyPatch) -> None:
    real = Split.batch

    def shuffled(split: Split, indices: object) -> tuple:
        batch, labels = real(split, indices)
        return batch, labels.roll(1, dims=0)

    patch.setattr(Split, "batch", shuffled)


MUTATIONS = {
    _descend: {"library_loss", "lower_half_loss"},
    _never_project: {"library_loss", "lower_half_loss"},
    _double_epsilon: {"library_loss", "lower_half_loss"},
    _one_ball_a_clip: {"library_loss", "lower_half_loss"},
    _ignore_the_mask: {"lower_half_leak"},
    _shuffle_labels: {"library_loss", "lower_half_loss", "by_hand_loss"},
}


def test_without_a_fault_nothing_differs(chapter, reference):
    assert compare(chapter(), reference) == []
    assert set(flat(chapter())) == KEYS


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.__name__.strip("_"))
def test_a_planted_fault_turns_the_comparison_red(chapter, reference, mutation, monkeypatch):
    mutation(monkeypatch)
    told = {difference.key for difference in compare(chapter(), reference)}
    assert MUTATIONS[mutation] <= told
    assert told & OTHERS == MUTATIONS[mutation] & OTHERS
