"""Tagging metrics against scikit-learn, and against what can be derived by hand."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, roc_auc_score

from avlib.errors import AvlibError
from avlib.metrics import dprime, max_ap_given_auc, tagging


def sample(seed, clips=200, classes=7, prevalence=0.15):
    generator = np.random.default_rng(seed)
    labels = (generator.random((clips, classes)) < prevalence).astype(np.float32)
    labels[:2] = [[0.0], [1.0]]  # every class has both kinds
    return generator.normal(size=(clips, classes)) + labels, labels


def assert_equals_sklearn(scores, labels):
    table = tagging(scores, labels).per_class
    values, truth = (torch.as_tensor(given).detach().double().numpy() for given in (scores, labels))
    for c in range(truth.shape[1]):
        assert table["AP"][c] == pytest.approx(average_precision_score(truth[:, c], values[:, c]), abs=1e-9)
        assert table["AUC"][c] == pytest.approx(roc_auc_score(truth[:, c], values[:, c]), abs=1e-9)


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16])
def test_equals_scikit_learn(dtype):
    scores, labels = sample(0)
    scores = (scores / 1000).astype(dtype)  # close together: a conversion to fewer digits would make ties
    assert_equals_sklearn(scores, labels)
    assert_equals_sklearn(torch.from_numpy(scores).requires_grad_(), torch.from_numpy(labels))


@pytest.mark.parametrize("levels", [1, 2, 5])
def test_equals_scikit_learn_on_ties(levels):
    scores, labels = sample(1)
    assert_equals_sklearn(np.round(scores * levels / 2), labels)


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 2**32), st.integers(2, 40), st.integers(1, 6))
def test_equals_scikit_learn_anywhere(seed, clips, levels):
    generator = np.random.default_rng(seed)
    labels = generator.integers(0, 2, (clips, 3))
    labels[0], labels[1] = 0, 1
    assert_equals_sklearn(generator.integers(0, levels, (clips, 3)).astype(float), labels)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_counts_past_2048(dtype):
    # Counters in float16 stop at 2048, and P1's code once gave AUC .84 for .97 that way.
    generator = torch.Generator().manual_seed(0)
    labels = (torch.rand((6000, 2), generator=generator) < 0.01).float()
    scores = (torch.randn((6000, 2), generator=generator) + 2.7 * labels).sigmoid().to(dtype)
    assert_equals_sklearn(scores, labels)
    exact = tagging(scores.double(), labels)
    half = tagging(scores, labels.to(dtype))
    assert (half.mAP, half.auc) == (exact.mAP, exact.auc)
    assert half.auc > 0.95


def test_constant_scores_give_prevalence_and_chance():
    labels = np.zeros((5000, 1))
    labels[:60] = 1
    result = tagging(np.full((5000, 1), 0.25, dtype=np.float16), labels)
    assert (result.mAP, result.auc, result.dprime) == (60 / 5000, 0.5, 0.0)


def test_classes_of_one_kind_are_nan_and_not_counted():
    scores, labels = sample(2, classes=4)
    labels[:, 0], labels[:, 2] = 0, 1
    result = tagging(scores, labels, classes=["none", "a", "all", "b"])
    kept = tagging(scores[:, [1, 3]], labels[:, [1, 3]])
    assert result.counted == 2
    assert result.per_class[["AP", "AUC"]].isna().all(axis=1).tolist() == [True, False, True, False]
    assert result.per_class["positives"].tolist()[::2] == [0, len(scores)]
    assert (result.mAP, result.auc) == (kept.mAP, kept.auc)


def test_no_class_to_count_is_nan_and_not_an_error():
    result = tagging(np.ones((3, 2)), np.zeros((3, 2)))
    assert result.counted == 0
    assert math.isnan(result.mAP)
    assert math.isnan(result.dprime)


def test_monotone_transforms_and_class_constants_change_nothing():
    scores, labels = sample(3)
    before = tagging(scores, labels)
    shifted = scores + np.random.default_rng(4).normal(size=scores.shape[1]) * 10
    for after in (tagging(shifted, labels), tagging(np.arctan(scores), labels), tagging(np.exp(scores), labels)):
        assert after.per_class.equals(before.per_class)


def test_a_flipped_sign_mirrors_the_auc():
    scores, labels = sample(5)
    assert tagging(-scores, labels).auc == pytest.approx(1 - tagging(scores, labels).auc)


def test_dprime_is_taken_of_the_mean_auc():
    scores, labels = sample(6)
    result = tagging(scores, labels)
    assert result.dprime == pytest.approx(float(dprime(result.per_class["AUC"].mean())))
    assert result.dprime != pytest.approx(float(dprime(result.per_class["AUC"].to_numpy()).mean()), abs=1e-6)


def test_dprime_finds_the_distance_of_two_normals():
    generator = np.random.default_rng(7)
    labels = np.arange(200_000)[:, None] % 2
    scores = generator.normal(size=labels.shape) + 1.5 * labels
    assert tagging(scores, labels).dprime == pytest.approx(1.5, abs=0.02)


def test_a_perfect_tagger_has_infinite_dprime():
    labels = np.array([[0], [1]])
    result = tagging(labels * 1.0, labels)
    assert (result.mAP, result.auc, result.dprime) == (1.0, 1.0, math.inf)


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 2**32), st.integers(2, 12), st.integers(1, 8))
def test_no_ranking_has_more_ap_than_the_bound(seed, clips, levels):
    generator = np.random.default_rng(seed)
    labels = generator.integers(0, 2, (clips, 1))
    labels[0], labels[1] = 0, 1
    result = tagging(generator.integers(0, levels, (clips, 1)).astype(float), labels)
    positives = int(labels.sum())
    assert result.mAP <= max_ap_given_auc(result.auc, positives, clips - positives) + 1e-12


def test_the_bound_is_reached():
    scores = np.array([[2.0]] * 3 + [[1.0]] * 10 + [[0.0]] * 2)
    labels = np.array([[1]] * 3 + [[0]] * 10 + [[1]] * 2)
    result = tagging(scores, labels)
    assert result.auc == pytest.approx(0.6)
    assert result.mAP == pytest.approx(float(max_ap_given_auc(0.6, 5, 10)))


@pytest.mark.parametrize(
    ("scores", "labels", "said"),
    [
        (np.ones((3, 2)), np.ones((2, 2)), r"\(3, 2\).*\(2, 2\)"),
        (np.ones(3), np.ones(3), "clips, classes"),
        (np.array([[math.nan], [1.0]]), np.array([[0], [1]]), "NaN in 1 of 2 clips"),
        (np.ones((2, 1)), np.array([[0.5], [1.0]]), "0.5"),
    ],
)
def test_refuses_what_it_cannot_rank(scores, labels, said):
    with pytest.raises(AvlibError, match=said):
        tagging(scores, labels)


def test_refuses_names_that_do_not_fit():
    with pytest.raises(AvlibError, match="1 class names for scores of 2"):
        tagging(np.ones((3, 2)), np.ones((3, 2)), classes=["a"])
