"""The optimum of logistic regression: no gradient is left, and scikit-learn finds the same."""

import pytest
import torch
from sklearn.linear_model import LogisticRegression

from avlib.models.regression import logistic_regression

SHAPES = [(200, 12), (30, 80)]  # more clips than numbers, and more numbers than clips


def drawn(clips, numbers):
    generator = torch.Generator().manual_seed(0)
    design = torch.randn((clips, numbers), generator=generator) * torch.logspace(-2, 1, numbers) + 3
    design[:, -1] = design[:, 0]  # one number twice
    labels = (design[:, :3] + torch.randn((clips, 3), generator=generator) > torch.tensor([3.0, 4, 5])).float()
    return design, labels


@pytest.mark.parametrize("shape", SHAPES)
def test_no_gradient_is_left(shape):
    design, labels = drawn(*shape)
    weights, bias = logistic_regression(design, labels, penalty=0.02)
    wrong = torch.sigmoid(design.double() @ weights.T + bias) - labels
    assert (wrong.T @ design.double() / len(design) + 0.02 * weights).abs().max() < 1e-6
    assert wrong.mean(dim=0).abs().max() < 1e-6


@pytest.mark.parametrize("shape", SHAPES)
def test_scikit_learn_finds_the_same(shape):
    design, labels = drawn(*shape)
    weights, bias = logistic_regression(design, labels, penalty=0.02)
    peer = LogisticRegression(C=1 / (0.02 * len(design)), tol=1e-9, solver="newton-cholesky")
    for c in range(3):
        peer.fit(design.double(), labels[:, c])
        assert weights[c].numpy() == pytest.approx(peer.coef_[0], abs=1e-5)
        assert bias[c].item() == pytest.approx(peer.intercept_[0], abs=1e-4)


def test_soft_labels_are_fitted_as_they_are_and_a_class_without_positives_ends():
    design, labels = drawn(100, 5)
    weights, bias = logistic_regression(design, torch.full_like(labels, 0.2), penalty=0.1)
    assert weights.abs().max() < 1e-6
    assert torch.allclose(bias.sigmoid(), torch.tensor(0.2).double())
    assert (logistic_regression(design, 0 * labels, penalty=0.1).bias < -5).all()
