"""Which classes can be scored, and what an interval may be taken to say."""

import numpy as np
import pytest
import torch

from avlib.errors import AvlibError
from avlib.metrics import Positives, interval

ABOVE, ACROSS, BELOW = (interval(middle, np.linspace(middle - 0.1, middle + 0.1, 9)) for middle in (0.2, 0.0, -0.2))


def test_counts_are_of_the_labels_and_a_class_needs_both_kinds_of_clips():
    found = Positives.of(torch.tensor([[1, 1, 0, 0]] * 3 + [[1, 0, 0, 1]] + [[1, 0, 0, 0]] * 4))
    assert found == Positives((8, 3, 0, 1), 8)
    assert [found.scored(label) for label in range(4)] == [False, True, False, True]
    assert found.unscored("abcd") == ["a", "c"]
    assert (found.fewest, found.typical) == (1, 1)  # of the lower two of those that are scored


@pytest.mark.parametrize(
    ("missing", "told"),
    [
        ("", ""),
        ("a", " Not scored, because all eval clips carry them or none: a."),
        ("abcdefg", " Not scored, because all eval clips carry them or none: a, b, c, d, e, f, g."),
        ("abcdefgh", " Not scored, because all eval clips carry them or none: a, b, c, d, e, f and 2 others."),
    ],
)
def test_classes_without_a_score_are_named_as_long_as_they_are_few(missing, told):
    assert Positives((5, *[0] * len(missing)), 9).untold(["z", *missing]) == told


def test_where_nothing_can_be_ranked_it_is_said_at_once():
    with pytest.raises(AvlibError, match="no class is in some of the clips that are scored and not in all"):
        Positives.of(torch.tensor([[1, 0], [1, 0]]))


def test_a_side_is_taken_by_a_whole_interval():
    many = Positives((9, 7, 8), 20)
    assert [many.side(gap) for gap in (ABOVE, ACROSS, BELOW)] == [1, 0, -1]
    assert [many.side(ABOVE, of=of) for of in (0.05, 0.2, 0.35)] == [1, 0, -1]
    assert many.side(interval(np.nan, np.array([np.nan]))) == 0


def test_no_side_is_taken_from_too_few_positives():
    few = Positives((2, 4, 9), 20)
    assert [few.side(gap) for gap in (ABOVE, BELOW)] == [0, 0]
    assert [few.side(ABOVE, label=label) for label in range(3)] == [0, 0, 1]
