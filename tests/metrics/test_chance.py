"""Chance and floor of AP against all orders of a few clips, and of mAP against the classes that are counted."""

import itertools
import math

import numpy as np
import pytest
import torch
from sklearn.metrics import average_precision_score

from avlib.metrics import chance_ap, chance_map, floor_ap, floor_map, tagging
from avlib.metrics.tagging import max_ap_given_auc


@pytest.mark.parametrize(("positives", "clips"), [(1, 5), (3, 8), (7, 8), (8, 8), (1, 1)])
def test_chance_is_the_mean_over_all_orders_and_the_floor_their_minimum(positives, clips):
    scores = -np.arange(clips)
    orders = [np.isin(np.arange(clips), places) for places in itertools.combinations(range(clips), positives)]
    precision = [average_precision_score(labels, scores) for labels in orders]
    assert chance_ap(positives, clips) == pytest.approx(np.mean(precision), rel=1e-12)
    assert floor_ap(positives, clips) == pytest.approx(min(precision), rel=1e-12)


@pytest.mark.parametrize(("positives", "clips", "found"), [(3, 7, 1), (3, 7, 2), (3, 7, 3), (6, 7, 5), (7, 7, 7)])
def test_positives_that_lead_are_followed_by_all_orders_of_the_rest(positives, clips, found):
    places = itertools.combinations(range(found, clips), positives - found)
    orders = [np.isin(np.arange(clips), [*range(found), *others]) for others in places]
    expected = np.mean([average_precision_score(labels, -np.arange(clips)) for labels in orders])
    assert chance_ap(positives, clips, found) == pytest.approx(expected, rel=1e-12)


def drawn(clips, classes=6):
    labels = torch.rand((clips, classes), generator=torch.Generator().manual_seed(0)) < 0.2
    labels[:, 0], labels[:, 1] = False, True  # neither can be ranked
    return labels.float()


def test_random_scores_get_the_chance_and_not_the_prevalence():
    labels, generator = drawn(40), torch.Generator().manual_seed(1)
    found = [tagging(torch.rand(labels.shape, generator=generator), labels).mAP for _ in range(2000)]
    error = np.std(found) / len(found) ** 0.5
    assert chance_map(labels) == pytest.approx(np.mean(found), abs=4 * error)
    assert chance_map(labels) > labels[:, 2:].mean() + 20 * error


def test_the_worst_order_gets_the_floor():
    labels = drawn(40)
    worst = -100 * labels - torch.arange(40)[:, None]
    assert floor_map(labels) == pytest.approx(tagging(worst, labels).mAP, rel=1e-12)
    assert floor_map(labels) < chance_map(labels)
    assert floor_map(labels) < max_ap_given_auc(0.0, 8, 32)


def test_without_a_class_to_rank_there_is_neither():
    assert math.isnan(chance_map(np.ones((3, 2))))
    assert math.isnan(floor_map(np.zeros((3, 2))))
