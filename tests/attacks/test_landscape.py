"""The loss on a plane through a clip, where it is known on paper."""

import math

import pytest
import torch

from avlib.attacks import Threat, pgd
from avlib.attacks.landscape import landscape
from avlib.models.linear import LinearTagger

EPS = 0.5


def seen(norm: float, share: float = 1.0):
    """A linear tagger with one class that is present: the loss is softplus(−w·δ)."""
    generator = torch.Generator().manual_seed(0)
    model = LinearTagger(classes=1, frames=4, mels=8)
    model.head.weight.data.normal_(generator=generator)
    x, labels, threats = (
        torch.randn(1, 4, 8, generator=generator),
        torch.ones(1, 1),
        {"audio": Threat(norm, EPS, "frame")},
    )
    delta = share * pgd(model, {"audio": x}, labels, threats, steps=20).delta["audio"]
    walk = [0 * delta, delta / 2, delta]
    found = landscape(model, x, labels, delta, norm=norm, eps=EPS, walk=walk, generator=generator)
    with torch.no_grad():
        reached = [torch.nn.functional.softplus(-model({"audio": x + a * delta})).item() for a in (-1, 0, 1)]
    return found, reached


@pytest.mark.parametrize("norm", [1, 2, math.inf])
def test_the_loss_along_delta_is_that_of_delta(norm):
    found, reached = seen(norm)
    assert [found.at(a, 0) for a in (-1, 0, 1)] == pytest.approx(reached, rel=1e-4)
    assert found.loss.shape == found.size.shape == (25, 25)


@pytest.mark.parametrize("norm", [1, 2, math.inf])
def test_both_directions_end_on_the_edge_of_the_ball(norm):
    found, _ = seen(norm)
    centre, unit = 12, 10
    for row, column in ((centre, centre + unit), (centre + unit, centre), (centre, centre - unit)):
        assert found.size[row, column].item() == pytest.approx(1, abs=1e-4)
    assert found.size[centre, centre] == 0


def test_in_l2_the_ball_is_round():
    found, _ = seen(2)
    assert found.size[12 + 6, 12 + 8].item() == pytest.approx(1, abs=1e-4)  # 3, 4, 5
    assert found.size[12 - 8, 12 + 6].item() == pytest.approx(1, abs=1e-4)


def test_of_a_linear_tagger_the_best_direction_has_all_of_the_slope():
    found, _ = seen(2)
    across = found.loss[:, 12 + 10]  # δ is along w in every frame, so that what is at right angles to it does nothing
    assert float(across.max() - across.min()) < 1e-4
    assert found.at(0, 1) == pytest.approx(found.at(0, 0), abs=1e-4)


def test_a_walk_is_projected_on_the_plane():
    found, _ = seen(2)
    assert torch.tensor(found.path).allclose(torch.tensor([[0.0, 0], [0.5, 0], [1, 0]]), atol=1e-5)


def test_where_the_attack_found_nothing_the_map_is_still_drawn():
    found, _ = seen(2, share=0.0)
    assert found.loss.isfinite().all()
    assert found.path == [(0.0, 0.0)] * 3
