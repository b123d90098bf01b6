"""The planted guards move the features by little, and their derivatives are as bad as they are said to be."""

import pytest
import torch

from avlib.models.guards import Guarded, dithered, rippled, rounded

X = torch.randn(4, 5, 6, generator=torch.Generator().manual_seed(0))


def slope(guard):
    x = X.clone().requires_grad_()
    return torch.autograd.grad(guard(x).sum(), x)[0]


def test_rounding_moves_by_half_a_step_and_has_no_slope():
    assert float((rounded(X) - X).abs().max()) <= 0.025 + 1e-6
    assert bool((slope(rounded) == 0).all())
    assert torch.equal(rounded(rounded(X)), rounded(X))


def test_a_ripple_moves_by_its_height_and_its_slope_changes_sign():
    assert 0.008 < float((rippled(X) - X).abs().max()) <= 0.01 + 1e-6
    steep = slope(rippled)
    assert float(steep.min()) < -20 < 20 < float(steep.max())
    assert float(steep.abs().max()) <= 41


def test_dither_is_new_in_each_call_and_has_the_size_that_it_says():
    guard = dithered(torch.Generator().manual_seed(1), size=0.1)
    moves = torch.stack([guard(X) - X for _ in range(50)])
    assert float(moves.std()) == pytest.approx(0.1, rel=0.05)
    assert not torch.equal(moves[0], moves[1])


def test_only_the_guarded_modality_passes_the_guard():
    class Show(torch.nn.Module):
        def forward(self, batch):
            return batch

    seen = Guarded(Show(), lambda x: x + 1, modality="video")({"audio": X, "video": X})
    assert torch.equal(seen["audio"], X)
    assert torch.equal(seen["video"], X + 1)
