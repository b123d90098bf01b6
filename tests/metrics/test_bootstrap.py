"""Weighted metrics equal repeated clips; intervals cover, pair, and follow their generator."""

import math
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from avlib.errors import AvlibError
from avlib.metrics import (
    bootstrap,
    bootstrap_each,
    dprime,
    floor_ap,
    floor_map,
    interval,
    lwlrap,
    paired,
    paired_each,
    paired_ratio,
    tagging,
)
from avlib.metrics.bootstrap import limits_of
from avlib.metrics.weighted import STATISTICS, weighted_ap_auc


def sample(seed, clips=150, classes=5, signal=1.5):
    generator = np.random.default_rng(seed)
    labels = generator.random((clips, classes)) < 0.2
    return generator.normal(size=labels.shape) + signal * labels, labels


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 6))
def test_a_weight_of_k_is_k_copies_of_the_clip(seed, levels):
    generator = np.random.default_rng(seed)
    scores = generator.integers(0, levels, (20, 3)).astype(float)
    labels = generator.integers(0, 2, (20, 3)).astype(bool)
    weights = generator.integers(0, 4, (20, 2)).astype(float)
    ap, auc = weighted_ap_auc(scores, labels, weights)
    for r in range(2):
        copies = np.repeat(np.arange(20), weights[:, r].astype(int))
        table = tagging(scores[copies], labels[copies]).per_class
        assert ap[:, r] == pytest.approx(table["AP"].to_numpy(), abs=1e-12, nan_ok=True)
        assert auc[:, r] == pytest.approx(table["AUC"].to_numpy(), abs=1e-12, nan_ok=True)


@pytest.mark.parametrize("name", STATISTICS)
def test_the_value_is_the_metric_of_all_clips(name):
    scores, labels = sample(0)
    result = tagging(scores, labels)
    direct = {"mAP": result.mAP, "auc": result.auc, "dprime": result.dprime, "lwlrap": lwlrap(scores, labels)}
    direct["broken"] = 1 - labels[np.arange(150), scores.argmax(axis=1)][labels.any(axis=1)].mean()
    direct["top1"] = 1 - direct["broken"]
    direct |= {"ap_by_class": result.per_class["AP"], "auc_by_class": result.per_class["AUC"]}
    found = bootstrap_each(scores, labels, name, replicates=20)
    assert [one.plain for one in found] == pytest.approx(np.atleast_1d(direct[name]), abs=1e-12)
    assert all(one.low < one.value < one.high for one in found)


def accuracy(scores, labels, weights):
    return labels.T[:1] @ weights / weights.sum(axis=0)


def test_a_95_percent_interval_covers_a_known_probability():
    generator, hits = np.random.default_rng(1), 0
    for _ in range(200):
        labels = generator.random((100, 1)) < 0.4
        found = bootstrap(np.zeros((100, 1)), labels, accuracy, replicates=200, generator=generator)
        hits += found.low <= 0.4 <= found.high
    assert 0.89 <= hits / 200 <= 0.99


def test_an_interval_of_map_covers_although_few_positives_bias_it():
    population = sample(2, clips=50_000, classes=20)
    truth, generator, mirrored, percentile = tagging(*population).mAP, np.random.default_rng(3), 0, 0
    for _ in range(60):
        rows = generator.integers(50_000, size=100)
        found = bootstrap(population[0][rows], population[1][rows], replicates=100, generator=generator)
        low, high = np.quantile(found.replicates, [0.025, 0.975])
        mirrored, percentile = mirrored + (found.low <= truth <= found.high), percentile + (low <= truth <= high)
    assert mirrored >= 50
    assert percentile < mirrored - 5


def test_more_clips_narrow_the_interval_by_the_square_root():
    widths = [np.ptp([found.low, found.high]) for found in (bootstrap(*sample(4, n), "auc") for n in (500, 2000))]
    assert widths[0] / widths[1] == pytest.approx(2, rel=0.3)


def test_pairing_removes_the_luck_of_the_clips():
    scores, labels = sample(5)
    slightly_worse = scores + 0.1 * np.random.default_rng(6).normal(size=scores.shape)
    alone, difference = bootstrap(scores, labels), paired(scores, slightly_worse, labels)
    assert difference.plain == pytest.approx(tagging(scores, labels).mAP - tagging(slightly_worse, labels).mAP)
    assert difference.high - difference.low < (alone.high - alone.low) / 2
    turned = paired(slightly_worse, scores, labels)
    assert (turned.low, turned.value, turned.high) == pytest.approx(
        (-difference.high, -difference.value, -difference.low)
    )
    nothing = paired(scores, scores, labels)
    assert (nothing.low, nothing.value, nothing.plain, nothing.high) == (0, 0, 0, 0)


def test_a_ratio_is_that_of_the_two_values_and_pairing_narrows_it():
    scores, labels = sample(5)
    worse = scores + 0.5 * np.random.default_rng(6).normal(size=scores.shape)
    kept, a, b = paired_ratio(worse, scores, labels), bootstrap(worse, labels), bootstrap(scores, labels)
    assert kept.plain == pytest.approx(a.plain / b.plain)
    assert kept.replicates == pytest.approx(a.replicates / b.replicates)
    assert kept.low < kept.value < kept.high < 1
    assert kept.high - kept.low < (a.high - a.low) / b.plain
    same = paired_ratio(scores, scores, labels)
    assert (same.low, same.value, same.plain, same.high) == (1, 1, 1, 1)
    assert (kept.seeds, kept.clips) == (1, 150)


def test_a_95_percent_interval_of_a_ratio_covers_it():
    population, hits = sample(2, clips=50_000, classes=20), 0
    scores, labels = population
    generator = np.random.default_rng(7)
    worse = scores + generator.normal(size=scores.shape)
    truth = tagging(worse, labels).mAP / tagging(scores, labels).mAP
    for _ in range(60):
        rows = generator.integers(50_000, size=200)
        found = paired_ratio(worse[rows], scores[rows], labels[rows], replicates=100, generator=generator)
        hits += found.low <= truth <= found.high
    assert hits >= 52


def test_a_ratio_to_nothing_is_unknown():
    labels = np.array([[1], [1], [0]] * 5)
    broken_never = np.where(labels, 1.0, -1.0)
    found = paired_ratio(broken_never, broken_never, labels, lambda z, y, w: np.zeros((1, w.shape[1])), replicates=20)
    assert math.isnan(found.value)
    assert math.isnan(found.low)


def test_seeds_that_differ_widen_the_interval_and_equal_ones_do_not():
    scores, labels = sample(7, clips=600)
    one = bootstrap(scores, labels)
    same = bootstrap(np.stack([scores] * 3), labels)
    noise = np.random.default_rng(8).normal(size=scores.shape)
    spread = bootstrap(np.stack([scores + k * noise for k in (0, 0.7, 1.5)]), labels)
    width = [found.high - found.low for found in (one, same, spread)]
    assert width[1] == pytest.approx(width[0], rel=0.15)  # clips are drawn once for all seeds
    assert width[2] > 1.5 * width[0]
    means = [tagging(scores + k * noise, labels).mAP for k in (0, 0.7, 1.5)]
    assert spread.plain == pytest.approx(np.mean(means))
    assert (spread.seeds, spread.clips) == (3, 600)


def test_the_generator_decides_and_the_chunk_size_does_not(monkeypatch):
    scores, labels = sample(9)
    first = bootstrap(scores, labels, replicates=30, generator=np.random.default_rng(5)).replicates
    monkeypatch.setattr(sys.modules[bootstrap.__module__], "CELLS", 150 * 7)
    again = bootstrap(scores, labels, replicates=30, generator=np.random.default_rng(5)).replicates
    other = bootstrap(scores, labels, replicates=30, generator=np.random.default_rng(6)).replicates
    assert again == pytest.approx(first, abs=1e-12)
    assert not np.allclose(first, other)


def test_monotone_transforms_and_class_constants_leave_map_intervals_alone():
    scores, labels = sample(10)
    moved = bootstrap(np.exp(scores + np.arange(5)), labels, replicates=40)
    still = bootstrap(scores, labels, replicates=40)
    assert moved.replicates == pytest.approx(still.replicates)
    assert bootstrap(scores + 5 * np.arange(5), labels, "lwlrap").high < bootstrap(scores, labels, "lwlrap").low


def test_resamples_without_positives_are_left_out():
    labels = np.zeros((10, 1), dtype=bool)
    labels[3] = True
    found = bootstrap(np.arange(10.0)[:, None], labels, replicates=200)
    assert np.isnan(found.replicates).any()
    assert math.isfinite(found.low)
    nothing = bootstrap(np.zeros((10, 1)), np.zeros((10, 1)), replicates=5)
    assert math.isnan(nothing.value)
    assert math.isnan(nothing.low)


@given(
    st.floats(0, 1),
    st.lists(
        st.tuples(st.floats(-1, 2) | st.sampled_from([np.nan, np.inf, -np.inf]), st.sampled_from([1, 200])), min_size=1
    ),
    st.sampled_from([(0.0, 1.0), (-1.0, 1.0), (-np.inf, np.inf)]),
)
def test_what_is_printed_lies_in_its_interval_and_within_its_bounds(plain, drawn, bounds):
    replicates = np.array([value for value, times in drawn for _ in range(times)])
    found = interval(plain, replicates, bounds=bounds)
    if np.isfinite(replicates).any():
        assert bounds[0] <= found.low <= found.value <= found.high <= bounds[1]
    else:
        assert np.isnan([found.low, found.value, found.high]).all()


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32), st.floats(-1, 8), st.sampled_from(sorted(STATISTICS)))
def test_it_does_so_for_every_measure_from_useless_scores_to_perfect_ones(seed, signal, name):
    generator = np.random.default_rng(seed)
    labels = generator.random((40, 3)) < 0.2
    scores = generator.normal(size=(2, 40, 3)) + signal * labels
    for found in (
        *bootstrap_each(scores, labels, name, replicates=20),
        *paired_each(scores, -scores, labels, name, replicates=20),
    ):
        assert math.isnan(found.plain) or found.low <= found.value <= found.high
        assert math.isfinite(found.value) or math.isnan(found.plain)


def test_at_the_shape_of_audioset_the_corrected_value_lies_in_the_interval_that_leaves_out_the_plain_one():
    generator = np.random.default_rng(12)

    def scored(clips, classes, positives):
        labels = generator.random((clips, classes)).argsort(axis=0) < positives
        return generator.normal(size=labels.shape) + labels, labels

    truth = tagging(*scored(80_000, 3, 2400)).mAP
    for _ in range(3):
        found = bootstrap(*scored(2000, 300, 60), replicates=40)
        assert found.low <= found.value <= found.high < found.plain
        assert abs(found.value - truth) < abs(found.plain - truth) / 2


def test_all_classes_are_scored_on_one_set_of_draws():
    scores, labels = sample(13)
    each, mean = bootstrap_each(scores, labels, replicates=40), bootstrap(scores, labels, replicates=40)
    assert mean.replicates == pytest.approx(np.mean([one.replicates for one in each], axis=0), abs=1e-12)
    gaps, gap = (take(scores, -scores, labels, replicates=40) for take in (paired_each, paired))
    assert gap.value == pytest.approx(np.mean([one.value for one in gaps]), abs=1e-12)


def test_an_interval_ends_where_the_labels_end_it():
    labels = sample(15, clips=60, classes=3)[1]
    worst = np.random.default_rng(16).random(labels.shape) - 2 * labels
    floor, floors = floor_map(labels), [floor_ap(int(count), 60) for count in labels.sum(axis=0)]
    turned = bootstrap(worst, labels, replicates=60)
    assert turned.plain == pytest.approx(floor)
    assert min(turned.low, turned.value, turned.high) == pytest.approx(floor)
    assert bootstrap(-worst, labels, replicates=60).high == 1
    for one, least in zip(bootstrap_each(worst, labels, replicates=60), floors, strict=True):
        assert one.low == pytest.approx(least)
    gap = paired(-worst, worst, labels, replicates=60)
    assert max(gap.value, gap.high) == pytest.approx(1 - floor)


@pytest.mark.parametrize("name", STATISTICS)
def test_no_scores_leave_the_limits_of_a_measure(name):
    generator = np.random.default_rng(17)
    labels = generator.random((7, 4)) < 0.4
    measure, once = STATISTICS[name], np.ones((7, 1))
    lowest, highest = limits_of(labels, name)
    for _ in range(300):
        scores = generator.random(labels.shape).round(1) + generator.choice([-1, 0, 1]) * generator.random() * labels
        found = measure(scores, labels, once)[:, 0]
        assert ((found >= lowest - 1e-12) & (found <= highest + 1e-12) | np.isnan(found)).all()


@pytest.mark.parametrize("signal", [4.0, 20.0])  # some replicates rank perfectly, and all of them
def test_dprime_near_its_ceiling_is_finite(signal):
    scores, labels = sample(14, clips=60, classes=2, signal=signal)
    perfect = bootstrap(scores, labels, "auc", replicates=200).replicates == 1
    assert perfect.any()
    found, gap = (
        bootstrap(scores, labels, "dprime", replicates=200),
        paired(scores, -scores, labels, "dprime", replicates=200),
    )
    assert np.isfinite([found.plain, found.low, found.value, found.high, gap.low, gap.high]).all()
    assert found.plain > 3
    least_tie = 1 / (2 * 2 * (labels.sum(axis=0) * (~labels).sum(axis=0)).max())
    assert found.replicates.max() > dprime(1 - least_tie)  # perfect is more than almost perfect


def test_unknown_statistics_and_unequal_seeds_are_refused():
    scores, labels = sample(11)
    with pytest.raises(AvlibError, match="'f1' is unknown: choose one of mAP, auc"):
        bootstrap(scores, labels, "f1")
    with pytest.raises(AvlibError, match="scores of 1 and 2 seeds"):
        paired(scores, np.stack([scores, scores]), labels)


def test_a_statistic_of_many_numbers_is_not_one_interval():
    scores, labels = sample(11)
    with pytest.raises(AvlibError, match="'ap_by_class' gives 5 numbers: take bootstrap_each"):
        bootstrap(scores, labels, "ap_by_class", replicates=3)
    with pytest.raises(AvlibError, match=r"statistic <lambda> gives shape \(1,\): \(K, replicates\) is needed"):
        bootstrap(scores, labels, lambda scores, labels, weights: weights.sum(axis=0), replicates=3)


@pytest.mark.parametrize(
    ("plain", "draws", "sign"), [(2, (1, 3), 1), (-2, (-3, -1), -1), (0, (-1, 1), 0), (np.nan, (1, 3), 0)]
)
def test_the_sign_of_an_interval_is_that_of_all_of_it(plain, draws, sign):
    assert interval(plain, np.array(draws, float)).sign == sign
