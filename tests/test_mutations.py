"""Faults planted into the library move the numbers of the book beyond their tolerance.

Of a chapter only those cells run that lead to the numbers looked at: found by the names that cells set and use.
"""

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

ATTACK = {"library_loss", "lower_half_loss", "lower_half_leak"}  # numbers of the library's attack
OTHERS = {"by_hand_loss", "clean_mAP"}  # numbers that a fault in the library's attack does not touch
KEYS = {
    "03_breaking_a_model": ATTACK | OTHERS,
    "04_one_noise": {"even_steps_moved", "rash_pass_moved", "shift_and_rest_lwlrap", "fitting_loss_eval"},
}
# importlib, because the faces of packages have functions of the same names
universal, readings = (importlib.import_module(f"avlib.attacks.{name}") for name in ("universal", "readings"))


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


class Chapter:
    """The numbers of `KEYS` in one notebook; what trains is executed once, what comes after it anew for each look."""

    def __init__(self, name: str) -> None:
        notebook = nbformat.read(Places().notebooks / f"{name}.ipynb", as_version=4)
        self.cells = [cell.source for cell in notebook.cells if cell.cell_type == "code"]
        self.space: dict = {"In": ["", *self.cells]}
        cells = _leading_to(self.cells, KEYS[name])
        self.once = cells[: 1 + next(i for i, cell in enumerate(cells) if "trained(" in cell)]
        for cell in self.once:
            exec(cell, self.space)
        [page] = plan("smoke", name)[:1]
        self.reference = json.loads(path_of(page, Places()).read_text())

    def numbers(self, keys: set[str]) -> dict:
        """The results file that the cells leading to `keys` leave behind."""
        own = dict(self.space)
        own["run"].values.clear()
        for cell in _leading_to(self.cells, keys):
            if cell not in self.once:
                exec(cell, own)
        return {"values": {key: {"value": own["run"].values[key]["value"]} for key in keys}, "figures": {}}

    def differences(self, keys: set[str]) -> set[str]:
        """Those of `keys` whose numbers are beyond their tolerance now."""
        known = {part: {key: entry for key, entry in self.reference[part].items() if key in keys}
                 for part in ("numbers", "texts", "unstable")}  # fmt: skip
        assert keys <= known["numbers"].keys(), "not in the reference: measure it, python -m book.reference"
        return {difference.key for difference in compare(self.numbers(keys), known)}


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
    patch.setattr(universal, "max", lambda losses: -math.inf, raising=False)  # every pass is better than those before


def _one_sided_shift(patch: pytest.MonkeyPatch) -> None:
    def share(table: pd.DataFrame) -> pd.Series:
        clean, shifted, attacked = (table.loc[row] for row in ("clean", "shift alone", "attacked"))
        return (clean - shifted) / (clean - attacked)

    patch.setattr(avlib.metrics, "shift_share", share)


def _fit_on_train_what_says_eval(patch: pytest.MonkeyPatch) -> None:
    real, splits = readings.fit_released, []

    def fit(model: object, split: Split, **options: object) -> object:
        splits.append(split)  # the first is of train
        return real(model, splits[0], **options)

    patch.setattr(readings, "fit_released", fit)


# The chapter, the fault, the numbers that see it, and numbers that it must leave alone.
MUTATIONS = [
    ("03_breaking_a_model", _descend, {"library_loss", "lower_half_loss"}, OTHERS),
    ("03_breaking_a_model", _never_project, {"library_loss", "lower_half_loss"}, OTHERS),
    ("03_breaking_a_model", _double_epsilon, {"library_loss", "lower_half_loss"}, OTHERS),
    ("03_breaking_a_model", _one_ball_a_clip, {"library_loss", "lower_half_loss"}, OTHERS),
    ("03_breaking_a_model", _ignore_the_mask, {"lower_half_leak"}, OTHERS),
    ("03_breaking_a_model", _shuffle_labels, {"library_loss", "lower_half_loss", "by_hand_loss"}, {"clean_mAP"}),
    ("04_one_noise", _never_shrink_the_steps, {"even_steps_moved"}, set()),
    ("04_one_noise", _keep_the_last_pass, {"rash_pass_moved"}, set()),
    ("04_one_noise", _one_sided_shift, {"shift_and_rest_lwlrap"}, set()),
    ("04_one_noise", _fit_on_train_what_says_eval, {"fitting_loss_eval"}, set()),
]


@pytest.mark.parametrize("name", KEYS)
def test_without_a_fault_nothing_differs(chapter, name):
    assert chapter(name).differences(KEYS[name]) == set()


@pytest.mark.parametrize(
    ("name", "mutation", "seen", "untouched"), MUTATIONS, ids=[row[1].__name__.strip("_") for row in MUTATIONS]
)
def test_a_planted_fault_turns_the_comparison_red(chapter, name, mutation, seen, untouched, monkeypatch):
    page = chapter(name)
    mutation(monkeypatch)
    told = page.differences(seen | untouched)
    assert seen <= told
    assert not untouched & told
