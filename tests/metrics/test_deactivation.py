"""The radius at which a model is of no use, on curves whose crossing is known."""

import numpy as np
import pytest
from scipy.stats import kendalltau

from avlib.errors import AvlibError
from avlib.metrics import interval
from avlib.metrics.deactivation import agreement, deactivation


def curve(function, radii, luck=(0.0,)):
    return {eps: interval(function(eps), np.array([function(eps) + move for move in luck])) for eps in radii}


@pytest.mark.parametrize("share", [0.25, 0.5, 0.8])
def test_a_straight_line_crosses_where_algebra_says(share):
    falling = curve(lambda eps: 0.9 - 0.2 * eps, (0.0, 1.0, 2.0, 4.0))
    wanted = share * (0.9 - 0.1) / 0.2
    assert deactivation(falling, chance=0.1, share=share).value == pytest.approx(wanted)


def test_only_the_part_above_chance_counts():
    falling = curve(lambda eps: 0.9 - 0.2 * eps, (0.0, 4.0))
    assert deactivation(falling, chance=0.5).value == pytest.approx(1.0)
    assert deactivation(falling, chance=0.1).value == pytest.approx(2.0)


def test_the_first_crossing_counts_and_the_order_of_the_radii_does_not():
    down_and_up = curve({0.0: 1.0, 1.0: 0.2, 2.0: 0.9, 3.0: 0.1}.get, (3.0, 1.0, 0.0, 2.0))
    assert deactivation(down_and_up, chance=0.0).value == pytest.approx(0.5 / 0.8)


def test_a_curve_that_stays_above_has_no_number():
    flat = curve(lambda eps: 0.8 - 0.01 * eps, (0.0, 1.0, 2.0))
    assert np.isnan(deactivation(flat, chance=0.1).value)


def test_the_interval_holds_the_luck_of_the_draws():
    steep = {
        0.0: interval(0.8, np.full(3, 0.8)), 1.0: interval(0.4, np.array([0.3, 0.4, 0.5])),
        2.0: interval(0.0, np.full(3, 0.0)),
    }  # fmt: skip
    found = deactivation(steep, chance=0.0)
    assert found.plain == pytest.approx(1.0)
    assert found.replicates.tolist() == pytest.approx([0.8, 1.0, 1.2])
    assert found.low < 1 < found.high


def test_what_does_not_fit_is_refused():
    good = curve(lambda eps: 1 - eps, (0.0, 1.0))
    for scores, share, words in (({1.0: good[1.0]}, 0.5, "needed are 0"), (good, 1.0, "between 0 and 1")):
        with pytest.raises(AvlibError, match=words):
            deactivation(scores, 0.0, share)
    with pytest.raises(AvlibError, match="drawn alike"):
        deactivation(good | {2.0: interval(0.0, np.zeros(7))}, 0.0)


def radii(*rows):
    return [[interval(value, np.array([value, 2 * value])) for value in row] for row in rows]


def test_agreement_is_kendalls_tau_over_the_pairs_of_norms():
    rows = np.random.default_rng(0).random((3, 6))
    pairs = ((0, 1), (0, 2), (1, 2))
    wanted = np.mean([kendalltau(rows[i], rows[j]).statistic for i, j in pairs])
    found = agreement(radii(*rows))
    assert found.plain == pytest.approx(wanted)
    assert found.replicates.tolist() == pytest.approx([wanted, wanted])


def test_a_radius_beyond_those_tried_is_the_largest_and_two_tell_nothing():
    none = interval(np.nan, np.full(2, np.nan))
    (near, far), *_ = radii((1.0, 2.0))
    assert agreement([[near, none], [near, far]]).plain == 1
    assert agreement([[none, none], [near, far]]).plain == 0


def test_agreement_needs_two_norms_and_two_models():
    for rows, words in ((radii((1.0, 2.0)), "1 norms"), (radii((1.0,), (2.0,)), r"\[1, 1\] models")):
        with pytest.raises(AvlibError, match=words):
            agreement(rows)
