"""The checks of the attacks can fail: each planted fault turns at least one of them red."""

import contextlib
import functools
import importlib
from dataclasses import replace

import pytest
import torch

from avlib.attacks import ball, pgd
from avlib.attacks.ball import Ball
from tests.attacks import checks
from tests.attacks.toys import gen

make, ascend, draw = ball._ball, Ball.ascend, Ball.draw


def with_threat(**changes):
    """Every ball is made from another threat than was asked for."""

    def mutant(name, threat, *rest):
        return make(name, replace(threat, **{field: change(threat) for field, change in changes.items()}), *rest)

    return mutant


def descend(self, w, gradient, step, progress):
    return ascend(self, w, -gradient, step, progress)


def as_printed(self, w, gradient, step, progress):
    """The gradient over its own p-norm, whatever p is."""
    size = torch.linalg.vector_norm(gradient, ord=self.norm, dim=-1, keepdim=True)
    return self.project(w + step * gradient / size)


def one_stream(self, seeds, surface=False):
    """Random starts drawn for the batch, not for the clip."""
    return draw(self, torch.randint(2**62, seeds.shape, generator=gen(int(seeds[0]) % 1000)), surface)


MUTATIONS = {
    "sign": (Ball, "ascend", descend),
    "steepest": (Ball, "ascend", as_printed),
    "projection": (Ball, "project", lambda self, w: w),
    "radius": (ball, "_ball", with_threat(eps=lambda threat: 2 * threat.eps)),
    "mask": (ball, "_ball", with_threat(mask=lambda threat: None)),
    "scale": (ball, "_ball", with_threat(scale=lambda threat: None)),
    "axes": (ball, "_ball", with_threat(over=lambda threat: {"clip": "frame", "frame": "clip"}[threat.over])),
    "draws": (Ball, "draw", one_stream),
}

CAUGHT = [
    ("sign", checks.reaches_dual_norm),
    ("sign", checks.universal_raises_loss),
    ("steepest", checks.reaches_dual_norm),
    ("projection", checks.stays_inside),
    ("projection", checks.universal_stays_inside),
    ("radius", checks.stays_inside),
    ("radius", checks.universal_stays_inside),
    ("mask", checks.stays_inside),
    ("mask", checks.universal_stays_inside),
    ("scale", checks.stays_inside),
    ("axes", checks.stays_inside),
    ("draws", checks.batch_size_does_not_matter),
]


@functools.cache
def sound(check):
    """Without a fault the check passes."""
    check()


@pytest.mark.parametrize(("mutation", "check"), CAUGHT, ids=lambda part: getattr(part, "__name__", part))
def test_a_planted_fault_is_caught(mutation, check, monkeypatch):
    sound(check)
    monkeypatch.setattr(*MUTATIONS[mutation])
    with pytest.raises(AssertionError):
        check()


def mask_afterwards(model, x, y, threats, **arguments):
    """The whole attack, trimmed to the mask when it is finished."""
    found = pgd(model, x, y, {name: replace(threat, mask=None) for name, threat in threats.items()}, **arguments)
    masks = {name: 1 if threat.mask is None else threat.mask for name, threat in threats.items()}
    return replace(found, delta={name: delta * masks[name] for name, delta in found.delta.items()})


def last_point(model, x, y, threats, **arguments):
    """The last point instead of the best."""
    found = pgd(model, x, y, threats, **arguments)
    return replace(found, loss=found.history[:, -1])


@pytest.mark.parametrize(
    ("attack", "check"),
    [(mask_afterwards, checks.reaches_dual_norm), (last_point, checks.best_so_far)],
    ids=lambda part: part.__name__,
)
def test_a_lesser_attack_is_caught(attack, check):
    check()
    with pytest.raises(AssertionError):
        check(attack)


def test_a_model_left_frozen_is_caught(monkeypatch):
    checks.leaves_model_untouched()
    monkeypatch.setattr(importlib.import_module("avlib.attacks.pgd"), "attacking", contextlib.nullcontext)
    with pytest.raises(AssertionError):
        checks.leaves_model_untouched()
