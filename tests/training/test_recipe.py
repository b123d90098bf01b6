from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from avlib.errors import AvlibError
from avlib.specaugment import SpecAugment
from avlib.training import Recipe


@dataclass
class Changeable:
    """Not frozen: after training it could say something else than what was trained."""

    def prepare(self, train):
        return self


@given(st.integers(1, 300), st.floats(0, 0.9))
def test_rate_rises_to_its_peak_then_falls_to_almost_nothing(total, warmup):
    recipe = Recipe(lr=1e-3, warmup=warmup)
    rates = [recipe.rate(step, total) for step in range(total)]
    peak = rates.index(max(rates))
    assert all(0 < rate <= 1e-3 for rate in rates)
    assert rates[: peak + 1] == sorted(rates[: peak + 1])
    assert rates[peak:] == sorted(rates[peak:], reverse=True)
    assert abs(peak + 1 - warmup * total) <= 1
    assert rates[-1] <= 2e-3 / (1 + (1 - warmup) * total)


def test_the_papers_recipe():
    recipe = Recipe.preset("paper")
    assert (recipe.lr, recipe.batch_size, recipe.lengths(2_000_000)[2]) == (4e-4, 300, 25_000)
    rates = [recipe.rate(step, 25_000) for step in range(25_000)]
    assert rates.index(max(rates)) == 999
    assert max(rates) == 4e-4


def test_lengths():
    assert Recipe(epochs=8, batch_size=32).lengths(1500) == (8, 46, 368)
    assert Recipe(epochs=2, batch_size=32).lengths(5) == (2, 1, 2)
    assert Recipe(steps=100, batch_size=32).lengths(1500) == (3, 46, 100)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"epochs": 0}, "epochs=0 is not allowed; it must be at least 1"),
        ({"batch_size": -1}, "batch_size=-1"),
        ({"lr": 0.0}, "lr=0.0 is not allowed; it must be positive"),
        ({"lr": float("nan")}, "lr=nan"),
        ({"warmup": 1.0}, "warmup=1.0 is not allowed; it is a share"),
        ({"steps": 0}, "steps=0"),
        ({"transforms": ("louder",)}, "'louder' is no transform; it must be a frozen dataclass"),
        ({"transforms": (Changeable(),)}, "is no transform"),
        ({"transforms": (SpecAugment,)}, "is no transform"),
    ],
)
def test_wrong_values_are_named(wrong, message):
    with pytest.raises(AvlibError, match=message):
        Recipe(**wrong)


def test_unknown_profile_is_named():
    with pytest.raises(AvlibError, match="profile='huge' is unknown: choose one of smoke, laptop, full, paper"):
        Recipe.preset("huge")
