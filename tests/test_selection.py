"""Which classes are given to a mix-up."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from avlib.errors import AvlibError
from avlib.selection import by_chance, by_quantile, chosen

VALUES = arrays(float, 9, elements=st.floats(0, 10, width=16))


def test_chosen_are_less_convex_and_denser():
    """And not the other way round, whichever side is turned."""
    kappa, rho = np.array([0.1, 0.2, 0.3, 0.9, 0.95, np.nan]), np.array([9.0, 7.0, 10.0, 11.0, 1.0, 12.0])
    assert chosen(kappa, rho, T=0.5, D=8) == (0, 2)
    assert chosen(kappa, rho, T=0.5) == (0, 1, 2)
    assert chosen(kappa, rho, D=8) == (0, 2, 3)
    assert chosen(kappa, rho) == (0, 1, 2, 3, 4)


def test_a_rule_that_leaves_no_pair_says_what_would():
    """What the line says is true: with the numbers that it names a little loosened, two classes pass."""
    kappa, rho = np.array([0.2, 0.98, 1.0]), np.array([9.0, 10.0, 11.0])
    said = r"^T = 0.5 and D = 8 leave 1 of 3 classes .* T would have to be above 0.98; with this T, no D will do$"
    with pytest.raises(AvlibError, match=said):
        chosen(kappa, rho, T=0.5, D=8)
    assert chosen(kappa, rho, T=0.981, D=8) == (0, 1)
    with pytest.raises(AvlibError, match=r"no T will do; with this T, D would have to be below 9$"):
        chosen(kappa[:2], rho[:2], T=2, D=9.5)
    assert chosen(kappa[:2], rho[:2], T=2, D=8.99) == (0, 1)
    with pytest.raises(AvlibError, match="unknown"):
        chosen([np.nan], [np.nan])


@given(VALUES, VALUES, st.sampled_from([0.1, 0.25, 0.5, 1.0]))
def test_quantiles_leave_enough_and_one_step_stricter_would_not(kappa, rho, least):
    convex, dense, share = by_quantile(kappa, rho, least)
    needed = max(2, int(np.ceil(least * 9)))
    assert len(chosen(kappa, rho, convex, dense)) >= needed
    k = round(share * 9)
    assert convex > np.sort(kappa)[k - 1]
    assert dense < np.sort(rho)[::-1][k - 1]
    if k > needed:
        stricter = (kappa <= np.sort(kappa)[k - 2]) & (rho >= np.sort(rho)[::-1][k - 2])
        assert stricter.sum() < needed


def test_quantiles_need_two_classes_that_are_known():
    with pytest.raises(AvlibError, match="1 of 3 classes have both"):
        by_quantile([0.5, np.nan, 1.0], [1.0, 2.0, np.nan])


def test_chance_draws_as_many_and_every_class_in_turn():
    drawn = [by_chance(range(6), 2, seed) for seed in range(60)]
    assert all(len(set(pair)) == 2 for pair in drawn)
    assert {c for pair in drawn for c in pair} == set(range(6))
    assert by_chance(range(6), 2, 0) == drawn[0]
