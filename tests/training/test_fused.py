"""Fusion models begin where ear and eye ended and are tuned alike, or are trained from scratch by the whole recipe."""

import dataclasses

import pytest
import torch

from avlib import profiles
from avlib.data.split import Split
from avlib.errors import AvlibError
from avlib.mixup import MixUp
from avlib.models import CSN, VideoTagger
from avlib.training import fused as module
from avlib.training.fused import fused
from avlib.training.objective import EqualGradients
from tests.attacks.toys import gen
from tests.training.conftest import tones

CLASSES, FEATURES, WIDTH = 4, 12, 64


@pytest.fixture
def film():
    """Clips of noise with sound and windows of features."""

    def split(clips, seed):
        draw = gen(seed)
        features = {
            "audio": torch.randn(clips, 16, 64, generator=draw),
            "video": torch.randn(clips, 3, FEATURES, generator=draw),
        }
        return Split(
            features, (torch.rand(clips, CLASSES, generator=draw) < 0.4).float(), tuple(map(str, range(clips)))
        )

    checksums = {"audio": "1", "video": "2", "labels": "3"}
    return dataclasses.replace(tones(), train=split(32, 0), valid=split(8, 1), eval=split(8, 2), checksums=checksums)


@pytest.fixture
def senses():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return CSN(CLASSES, width=WIDTH, transformer_dropout=0.0).eval(), VideoTagger(CLASSES, FEATURES, WIDTH).eval()


@pytest.fixture
def asked(monkeypatch):
    """The recipes that trainings were asked for; profiles are small, and `tuning` is what the test says."""
    seen, real = [], module.trained
    monkeypatch.setattr(module, "trained", lambda *a, **k: seen.append((a[2], k.get("start"))) or real(*a, **k))

    def of(tuning, lr=1e-9):
        size = dataclasses.replace(profiles.of("smoke"), width=WIDTH, dropout=0.0, epochs=5, lr=lr, tuning=tuning)
        monkeypatch.setattr(profiles, "of", lambda name: size)
        return seen

    return of


@pytest.mark.parametrize("tap", ["mid1", "mid2", "late_sum", "late"])
def test_tuned_so_little_that_nothing_moves_a_tap_answers_as_it_begins(tap, film, senses, asked, cache):
    ear, eye = senses
    seen, x = asked(2), film.eval.batch(range(8))[0]
    model = fused(tap, film, "smoke", ear, eye)
    [(recipe, start)] = seen
    assert (recipe.epochs, recipe.lr) == (2, 1e-9 / 4)
    assert start is not None
    for name, value in model.state_dict().items():
        if "running" not in name and "batches" not in name:  # batch norms take notice of the clips at any rate
            torch.testing.assert_close(value, start[name], atol=1e-6, rtol=0)
    for name in start:
        model.state_dict()[name].copy_(start[name])
    heard, seen_ = ear(x), eye(x)
    torch.testing.assert_close(model(x), (heard + seen_) / 2 if tap == "late" else heard, atol=1e-5, rtol=1e-4)


def test_without_tuning_it_is_trained_from_scratch_by_the_whole_recipe(film, senses, asked, cache):
    seen = asked(None, lr=1e-3)
    fused("mid1", film, "smoke", *senses)
    [(recipe, start)] = seen
    assert (recipe.epochs, recipe.lr, start) == (5, 1e-3, None)


def test_objective_and_seed_make_another_model(film, senses, asked, cache):
    seen = asked(1, lr=1e-2)
    plain, equal, other = (
        fused("mid1", film, "smoke", *senses, **more) for more in ({}, {"objective": EqualGradients()}, {"seed": 1})
    )
    assert isinstance(seen[1][0].objective, EqualGradients)
    weights = [model.head.event.weight for model in (plain, equal, other)]
    assert not torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])


@pytest.mark.parametrize(("heard", "told"), [("audio", "the clips have audio, and not video"), ("video", "'audio'")])
def test_a_sense_that_is_lacking_is_named(heard, told, film, senses, asked, cache):
    asked(2)
    with pytest.raises(AvlibError, match=told):
        fused("mid1", film.only([heard]), "smoke", *senses)


def test_transforms_change_what_is_tuned_and_nothing_else(film, senses, asked, cache):
    seen = asked(1, lr=1e-2)
    mix = MixUp(share=1.0)
    plain, mixed = (fused("late_sum", film, "smoke", *senses, transforms=each) for each in ((), (mix,)))
    assert [recipe.transforms for recipe, _ in seen] == [(), (mix,)]
    assert all(torch.equal(start, seen[0][1][name]) for name, start in seen[1][1].items()), "both begin alike"
    assert not torch.equal(plain.head.event.weight, mixed.head.event.weight)
