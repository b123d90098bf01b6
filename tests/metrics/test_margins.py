"""Closed-form radii of a sum of two votes, against a search by hand over what the attacker may do."""

import math

import pytest
import torch

from avlib.metrics.margins import against_rivals, margin_radii

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


def test_several_rivals_go_as_foretold_and_the_undecided_go_both_ways():
    draw = torch.Generator().manual_seed(0)
    heard, seen = torch.randn(2, 4000, 5, generator=draw, dtype=torch.float64)
    by_ear, fused, sign = against_rivals(heard + 1.5, seen, torch.rand(4000, 5, generator=draw).double() + 0.5)
    right = (by_ear > 0) & (fused > 0)
    gap = fused - by_ear
    assert (gap[right & (sign == 1)] > 0).all()
    assert (gap[right & (sign == -1)] < 0).all()
    open_ = gap[right & (sign == 0)]
    assert (open_ > 0).any()
    assert (open_ < 0).any()


def test_with_one_rival_nothing_is_undecided():
    heard, seen, radii = drawn()
    by_ear, fused, sign = against_rivals(heard[:, None], seen[:, None], torch.full((len(heard), 1), 1.5).double())
    torch.testing.assert_close((by_ear, fused), (radii["audio alone"], radii["audio"]))
    assert torch.equal(sign, seen.sign().long())
