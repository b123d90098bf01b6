"""A share of clips and its interval."""

import math

import pytest
import torch
from scipy.stats import binom

from avlib.metrics.share import share


def flags(held, count):
    return torch.arange(count) < held


@pytest.mark.parametrize(("held", "count"), [(0, 10), (3, 10), (10, 10), (400, 1000)])
def test_the_share_lies_in_its_interval_and_counts_its_clips(held, count):
    found = share(flags(held, count))
    assert found.value == found.plain == held / count
    assert 0 <= found.low <= found.value <= found.high <= 1
    assert found.clips == count


def test_flags_that_are_all_alike_are_not_certain_and_more_of_them_are_more():
    few, many = share(flags(8, 8)), share(flags(80, 80))
    assert few.low < many.low < 1
    assert share(flags(0, 8)).high == pytest.approx(1 - few.low)


@pytest.mark.parametrize("truth", [0.1, 0.5, 0.9])
def test_the_interval_holds_the_truth_about_as_often_as_it_says(truth):
    count = 40
    ends = [share(flags(k, count)) for k in range(count + 1)]
    held = sum(binom.pmf(k, count, truth) for k, one in enumerate(ends) if one.low <= truth <= one.high)
    assert held == pytest.approx(0.95, abs=0.03)


def test_of_nothing_there_is_no_share():
    assert math.isnan(share(flags(0, 0)).value)
