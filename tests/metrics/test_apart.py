"""Differences of bootstrapped numbers are those that pairing the scores would give."""

import numpy as np
import pytest

from avlib.errors import AvlibError
from avlib.metrics import apart, bootstrap, paired, spread

draw = np.random.default_rng(0)
LABELS = (draw.random((80, 3)) < 0.3).astype(float)
A, B, C = (LABELS + noise * draw.normal(size=(2, 80, 3)) for noise in (0.5, 0.7, 1.5))


def scored(scores):
    return bootstrap(scores, LABELS, replicates=40)


def test_it_is_the_paired_difference():
    one, other = apart(scored(A), scored(B)), paired(A, B, LABELS, replicates=40)
    assert (one.value, one.low, one.high) == pytest.approx((other.value, other.low, other.high))
    assert (one.seeds, one.clips) == (2, 80)


def test_what_is_alike_does_not_differ_in_any_draw():
    assert apart(scored(A), scored(A)).replicates.tolist() == [0] * 40


def test_a_spread_is_from_the_least_to_the_most_in_each_draw():
    three = [scored(each) for each in (A, B, C)]
    found = spread(three)
    assert found.plain == pytest.approx(three[0].plain - three[2].plain)
    assert found.replicates == pytest.approx(np.ptp([each.replicates for each in three], axis=0))


def test_what_was_drawn_otherwise_is_refused():
    for other in (bootstrap(A, LABELS, replicates=30), scored(A[0])):
        with pytest.raises(AvlibError, match="only what was drawn alike can be subtracted"):
            apart(scored(A), other)
        with pytest.raises(AvlibError, match="only what was drawn alike"):
            spread([scored(A), other])
