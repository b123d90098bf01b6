"""lwlrap and the top label, against scikit-learn and by hand."""

import math

import numpy as np
import pytest
import torch
from sklearn.metrics import label_ranking_average_precision_score

from avlib.metrics import lwlrap, tagging, top_label_lost


def sample(seed, clips=120, classes=9):
    generator = np.random.default_rng(seed)
    labels = (generator.random((clips, classes)) < 0.2).astype(np.float64)
    return generator.normal(size=labels.shape) + labels, labels


@pytest.mark.parametrize("digits", [8, 0])  # 0: most scores tie
def test_lwlrap_is_label_weighted_lrap(digits):
    scores, labels = sample(0)
    scores = scores.round(digits)
    reference = label_ranking_average_precision_score(labels, scores, sample_weight=labels.sum(axis=1))
    assert lwlrap(scores, labels) == pytest.approx(reference, abs=1e-9)
    assert lwlrap(torch.tensor(scores), torch.tensor(labels)) == pytest.approx(reference, abs=1e-9)


def test_lwlrap_does_not_depend_on_how_many_pairs_are_compared_at_once(monkeypatch):
    scores, labels = sample(1)
    whole = lwlrap(scores, labels)
    monkeypatch.setattr("avlib.metrics.clipwise.PAIRS", 7)
    assert lwlrap(scores, labels) == pytest.approx(whole, abs=1e-12)


def test_lwlrap_of_no_label_is_nan():
    assert math.isnan(lwlrap(np.ones((2, 2)), np.zeros((2, 2))))


def test_class_constants_change_lwlrap_and_the_top_label_but_no_ap():
    scores, labels = sample(2)
    shifted = scores + np.where(np.arange(scores.shape[1]) == 0, 10.0, 0.0)
    assert tagging(shifted, labels).mAP == tagging(scores, labels).mAP
    assert lwlrap(shifted, labels) < lwlrap(scores, labels) - 0.1
    lost = [top_label_lost(torch.tensor(values), torch.tensor(labels)).double().mean() for values in (scores, shifted)]
    assert lost[1] > lost[0] + 0.2


def test_top_label_lost_is_argmax_outside_the_labels():
    scores, labels = (torch.tensor(values) for values in sample(3))
    labelled = labels.any(dim=1)
    argmax_wrong = labels.gather(1, scores.argmax(dim=1, keepdim=True))[:, 0] == 0
    assert torch.equal(top_label_lost(scores, labels), argmax_wrong & labelled)


def test_ties_do_not_hide_behind_the_order_of_the_classes():
    tied = torch.tensor([[1.0, 1.0]])
    assert top_label_lost(tied, torch.tensor([[1, 0]])).item()
    assert top_label_lost(tied, torch.tensor([[0, 1]])).item()
    assert not top_label_lost(tied, torch.tensor([[1, 1]])).item()  # nothing left to outrank them
