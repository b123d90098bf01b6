"""Faults planted into the library move the numbers of the book beyond their tolerance.

Of a chapter only those cells run that lead to the numbers looked at: found by the names that cells set and use.
"""

import ast
import builtins
import dataclasses
import importlib
import json
import math
import symtable
from collections.abc import Callable, Iterator

import nbformat
import pandas as pd
import pytest

import avlib.metrics
import avlib.notebook
from avlib.attacks import ball, geometry
from avlib.data.split import Split
from book.places import Places
from book.plan import plan
from book.reference import path_of
from book.tolerance import compare

# Numbers of the library's attack.  That on the averages, whose fit has one optimum, stands still under rounding to four
# digits; the losses of a network that was trained do not.
ATTACK = {"averages_mAP_PGD", "lower_half_leak"}
OTHERS = {"clean_mAP"}  # numbers that a fault in the library's attack does not touch
KEYS = {
    "03_breaking_a_model": ATTACK | OTHERS,
    "04_one_noise": {"even_steps_moved", "rash_pass_moved", "shift_and_rest_lwlrap"},
}
# importlib, because the face of the package has a function of the same name
universal = importlib.import_module("avlib.attacks.universal")


def _names(cell: str) -> tuple[set[str], set[str]]:
    """Names that a cell sets for those below it, and names that it takes from those above."""

    def taken(table: symtable.SymbolTable) -> set[str]:
        own = {name.get_name() for name in table.get_symbols()
               if name.is_referenced() and (name.is_global() or table.get_type() == "module")}  # fmt: skip
        return own.union(*(taken(child) for child in table.get_children()))

    sets, takes = set(), set()
    for statement in ast.parse(cell).body:
        table = symtable.symtable(ast.unparse(statement), "cell", "exec")
        own = {name.get_name() for name in table.get_symbols() if name.is_assigned() or name.is_imported()}
        if isinstance(statement, ast.For):
            sets |= {name.id for name in ast.walk(statement.target) if isinstance(name, ast.Name)}
        takes |= taken(table) - sets
        sets |= own
    return sets, takes


def _leading_to(cells: list[str], keys: set[str]) -> list[str]:
    """The cells that keep a number of `keys`, and those that these need, in order."""
    chosen, needed = [], set()
    for cell in reversed(cells):
        sets, takes = _names(cell)
        if any(f'run.result("{key}"' in cell for key in keys) or sets & needed:
            chosen.append(cell)
            needed = needed - sets | takes
    return chosen[::-1]


class Targets:
    """Stands in for a `MonkeyPatch` and notes what a fault would replace."""

    def __init__(self, *faults: Callable) -> None:
        self.found: list[tuple[object, str]] = []
        for fault in faults:
            fault(self)

    def setattr(self, owner: object, name: str, _: object, raising: bool = True) -> None:
        self.found.append((owner, name))


class Chapter:
    """The numbers of `KEYS` in one notebook: computed once without a fault, and under one from where it matters on."""

    def __init__(self, name: str) -> None:
        notebook = nbformat.read(Places().notebooks / f"{name}.ipynb", as_version=4)
        self.cells = [cell.source for cell in notebook.cells if cell.cell_type == "code"]
        [page] = plan("smoke", name)[:1]
        self.reference = json.loads(path_of(page, Places()).read_text())
        space: dict = {"In": ["", *self.cells]}
        self.before: dict[str, tuple[dict, dict]] = {}  # names and numbers that each cell found
        self.calls: dict[str, set[tuple[object, str]]] = {}  # what each cell calls of that which a fault replaces
        with pytest.MonkeyPatch.context() as patch:
            for owner, target in Targets(*(fault for chapter, fault, *_ in MUTATIONS if chapter == name)).found:
                patch.setattr(owner, target, self._noted(owner, target), raising=False)
            for cell in _leading_to(self.cells, KEYS[name]):
                self.before[cell] = dict(space), dict(space["run"].values) if "run" in space else {}
                self.calls[cell] = set()
                exec(cell, space)
        self.whole = dict(space["run"].values)

    def _noted(self, owner: object, target: str) -> Callable:
        real = getattr(owner, target, getattr(builtins, target, None))

        def called(*arguments: object, **options: object) -> object:
            self.calls[next(reversed(self.calls))].add((owner, target))
            return real(*arguments, **options)

        return called

    def numbers(self, keys: set[str], fault: Callable) -> dict:
        """Values under `keys` after the cells that lead to them, from the first that `fault` reaches on."""
        targets, cells = Targets(fault).found, _leading_to(self.cells, keys)
        reached = [any(one in self.calls[cell] or one[1] in cell for one in targets) for cell in cells]
        cells = cells[reached.index(True) :]
        space, values = (dict(found) for found in self.before[cells[0]])
        if "run" in space:  # which the cell of the imports makes
            space["run"].values = values
        for cell in cells:
            exec(cell, space)
        return space["run"].values

    def differences(self, keys: set[str], values: dict) -> set[str]:
        """Those of `keys` whose `values` are beyond their tolerance."""
        known = {part: {key: entry for key, entry in self.reference[part].items() if key in keys}
                 for part in ("numbers", "texts", "unstable")}  # fmt: skip
        assert keys <= known["numbers"].keys(), "not in the reference: measure it, python -m book.reference"
        found = {"values": {key: {"value": values[key]["value"]} for key in keys}, "figures": {}}
        return {difference.key for difference in compare(found, known)}


@pytest.fixture(scope="module")
def chapter() -> Iterator[Callable[[str], Chapter]]:
    """The chapter of a name, made when it is first asked for."""
    made: dict[str, Chapter] = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(avlib.notebook, "display", lambda *_, **__: None)
        yield lambda name: made.get(name) or made.setdefault(name, Chapter(name))


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


def _never_shrink_the_steps(patch: pytest.MonkeyPatch) -> None:
    real = universal.schedule
    patch.setattr(universal, "schedule", lambda asked, usual: real(asked, [usual[0]] * len(usual)))


def _keep_the_last_pass(patch: pytest.MonkeyPatch) -> None:
    def never(losses, key=None):
        return max(losses, key=key) if key else -math.inf  # every pass is better than those before

    patch.setattr(universal, "max", never, raising=False)


def _one_sided_shift(patch: pytest.MonkeyPatch) -> None:
    def share(table: pd.DataFrame) -> pd.DataFrame:
        clean, shifted, attacked = (table.loc[row] for row in ("clean", "shift alone", "attacked"))
        return pd.DataFrame([(clean - shifted) / (clean - attacked)] * 2)

    patch.setattr(avlib.metrics, "shift_share", share)


# The chapter, the fault, the numbers that see it, and numbers that it must leave alone.
MUTATIONS = [
    ("03_breaking_a_model", _descend, {"averages_mAP_PGD"}, OTHERS),
    ("03_breaking_a_model", _never_project, {"averages_mAP_PGD"}, OTHERS),
    ("03_breaking_a_model", _double_epsilon, {"averages_mAP_PGD"}, OTHERS),
    ("03_breaking_a_model", _one_ball_a_clip, {"averages_mAP_PGD"}, OTHERS),
    ("03_breaking_a_model", _ignore_the_mask, {"lower_half_leak"}, OTHERS),
    ("03_breaking_a_model", _shuffle_labels, {"averages_mAP_PGD"}, OTHERS),
    ("04_one_noise", _never_shrink_the_steps, {"even_steps_moved"}, set()),
    ("04_one_noise", _keep_the_last_pass, {"rash_pass_moved"}, set()),
    ("04_one_noise", _one_sided_shift, {"shift_and_rest_lwlrap"}, set()),
]


@pytest.mark.parametrize("name", KEYS)
def test_without_a_fault_nothing_differs(chapter, name):
    page = chapter(name)
    assert page.differences(KEYS[name], page.whole) == set()


@pytest.mark.parametrize(
    ("name", "mutation", "seen", "untouched"), MUTATIONS, ids=[row[1].__name__.strip("_") for row in MUTATIONS]
)
def test_a_planted_fault_turns_the_comparison_red(chapter, name, mutation, seen, untouched, monkeypatch):
    page = chapter(name)
    mutation(monkeypatch)
    told = page.differences(seen | untouched, page.numbers(seen | untouched, mutation))
    assert seen <= told
    assert not untouched & told
