"""Closed-form radii of a sum of two votes, against a search by hand over what the attacker may do."""

import math

import pytest
import torch

from avlib.metrics.margins import margin_radii

NORMS = (1, 2, math.inf)


def drawn(seed=0, clips=500):
    heard, seen = torch.randn(2, clips, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return heard, seen, margin_radii(heard, seen, 1.5, 0.7, 2)


def test_the_picture_decides_which_way_the_radius_goes():
    heard, seen, radii = drawn()
    right = (heard > 0) & (heard + seen > 0)
    gap = (radii["audio"] - radii["audio alone"])[right]
    assert torch.equal(gap.sign(), seen[right].sign())
    assert (gap < 0).any()
    assert (gap > 0).any()


def test_budgets_are_ordered_as_their_balls():
    """Split lies in joint, and joint in separate; and no ball of one sense is larger than that of both."""
    _, _, radii = drawn()
    for wide, narrow in (("separate", "joint"), ("joint", "split"), ("joint", "audio"), ("joint", "video")):
        assert (radii[wide] <= radii[narrow] + 1e-12).all(), (wide, narrow)


def test_under_the_largest_entry_joint_is_separate():
    heard, seen, _ = drawn()
    radii = margin_radii(heard, seen, 1.5, 0.7, math.inf)
    assert torch.equal(radii["joint"], radii["separate"])


@pytest.mark.parametrize("norm", NORMS)
def test_joint_is_the_best_of_all_ways_to_spend_one_ball(norm):
    spent = torch.linspace(0, 1, 100_001, dtype=torch.float64)  # t_A, with t_V = (1 − t_A^p)^(1/p)
    left = torch.ones_like(spent) if norm == math.inf else (1 - spent**norm).clamp_min(0) ** (1 / norm)
    reach = float((1.5 * spent + 0.7 * left).max())
    radii = margin_radii(torch.tensor([2.0]), torch.tensor([0.5]), 1.5, 0.7, norm)
    assert radii["joint"].item() == pytest.approx(2.5 / reach, rel=1e-6)


def test_a_margin_that_is_lost_has_radius_0():
    radii = margin_radii(torch.tensor([-1.0, 2.0]), torch.tensor([0.5, -3.0]), 1.0, 1.0, 2)
    assert radii["audio alone"].tolist() == [0.0, 2.0]
    assert radii["audio"].tolist() == radii["split"].tolist() == [0.0, 0.0]
