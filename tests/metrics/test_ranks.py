"""Rank correlations: scipy's where nothing is held still, the textbook's where something is."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import rankdata, spearmanr

from avlib.errors import AvlibError
from avlib.metrics import interval
from avlib.metrics.ranks import kept_on_top, rank_correlation


def made(seed=0):
    return np.random.default_rng(seed)


def test_without_a_covariate_it_is_spearmans_with_ties_too():
    draw = made()
    x = draw.normal(size=50).round(1)
    y = x + draw.normal(size=50).round(1)
    found = rank_correlation(x, y, generator=made())
    assert found.plain == pytest.approx(spearmanr(x, y).statistic, abs=1e-12)
    assert -1 <= found.low <= found.value <= found.high <= 1


def test_held_still_it_is_the_correlation_of_what_lines_leave():
    draw = made(1)
    z = draw.normal(size=40)
    x, y = z + draw.normal(size=40), 2 * z + draw.normal(size=40)
    ranks = [rankdata(column) for column in (x, y, z)]
    left = [column - np.polyval(np.polyfit(ranks[2], column, 1), ranks[2]) for column in ranks[:2]]
    assert rank_correlation(x, y, z, generator=made()).plain == pytest.approx(np.corrcoef(left)[0, 1], abs=1e-12)


def test_a_common_cause_is_taken_out_and_a_direct_one_stays():
    draw = made(2)
    cause = draw.normal(size=400)
    x, y = cause + 0.5 * draw.normal(size=400), cause + 0.5 * draw.normal(size=400)
    assert rank_correlation(x, y, generator=made()).sign == 1
    assert rank_correlation(x, y, cause, generator=made()).sign == 0
    assert rank_correlation(x, x + y, cause, generator=made()).sign == 1


def test_classes_without_a_number_are_left_out():
    x = np.array([1.0, 2, 3, 4, 5, np.nan, 7])
    y = np.array([2.0, 1, 4, 3, np.nan, 6, 7])
    found = rank_correlation(x, y, generator=made())
    assert found.plain == pytest.approx(spearmanr([1, 2, 3, 4, 7], [2, 1, 4, 3, 7]).statistic)


@pytest.mark.parametrize("x", [np.arange(3.0), np.ones(9), np.full(9, np.nan)])
def test_what_has_no_correlation_is_nan(x):
    assert np.isnan(rank_correlation(x, np.arange(float(len(x))), generator=made()).plain)


def test_lengths_must_agree_and_the_generator_decides():
    with pytest.raises(AvlibError, match=r"\[5, 4\]"):
        rank_correlation(np.arange(5.0), np.arange(4.0), generator=made())
    x, y = made().normal(size=(2, 30))
    low = [rank_correlation(x, y, generator=made(seed)).low for seed in (3, 3, 4)]
    assert low[0] == low[1] != low[2]


def scored(*rows):
    """One score a class; the first number of each row is the plain one, the others are its draws."""
    return [interval(row[0], np.array(row[1:])) for row in rows]


@given(st.permutations(range(7)), st.integers(1, 7))
def test_lists_share_what_sets_share(order, k):
    before, after = (scored(*[(v / 10, v / 10) for v in values]) for values in (range(7), order))
    best = [set(sorted(range(7), key=lambda c, values=values: -values[c])[:k]) for values in (range(7), order)]
    assert kept_on_top(before, after, k).plain == pytest.approx(len(best[0] & best[1]) / k - k / 7)


def test_lists_of_luck_share_nothing_beyond_it():
    draw = made(5)
    found = [
        kept_on_top(*(scored(*draw.random((40, 2))) for _ in range(2)), 10).plain for _ in range(300)
    ]  # fmt: skip
    assert abs(np.mean(found)) < 0.03


def test_each_draw_has_its_own_lists_and_a_class_without_a_number_is_on_none():
    before = scored((0.9, 0.9, 0.1), (0.5, 0.5, 0.5), (0.1, 0.1, 0.9))
    found = kept_on_top(before, scored((0.9, 0.9, 0.9), (0.5, 0.5, 0.5), (0.1, 0.1, np.nan)), 1)
    assert found.replicates.tolist() == pytest.approx([1 - 1 / 3, 0 - 1 / 3])


def test_lists_that_cannot_be_made_are_refused():
    three = scored((0.9, 0.9), (0.5, 0.5), (0.1, 0.1))
    for k, after, words in ((0, three, "k = 0 of 3"), (4, three, "k = 4 of 3"), (1, three[:2], "and 2 after")):
        with pytest.raises(AvlibError, match=words):
            kept_on_top(three, after, k)
    with pytest.raises(AvlibError, match="drawn alike"):
        kept_on_top(three, scored((0.9, 0.9, 0.9), (0.5, 0.5, 0.5), (0.1, 0.1, 0.1)), 1)


def test_at_its_largest_value_luck_is_not_mirrored_away():
    x = np.arange(12.0)
    y = x + made(4).normal(size=12)
    whole = rank_correlation(x, x, generator=made())
    assert (whole.value, whole.low) == pytest.approx((1, 1))  # every resample of the same order is in order
    noisy = rank_correlation(x, y, generator=made())
    assert noisy.value == noisy.plain
    assert np.quantile(noisy.replicates, 0.025) == pytest.approx(noisy.low)
    lists = scored((0.9, 0.9, 0.3), (0.5, 0.5, 0.5), (0.1, 0.1, 0.1))
    kept = kept_on_top(lists, scored((0.9, 0.9, 0.9), (0.5, 0.5, 0.5), (0.1, 0.1, 0.1)), 1)
    assert kept.low < kept.value == pytest.approx(1 - 1 / 3)
