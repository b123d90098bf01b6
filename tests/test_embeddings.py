"""Axes and pictures of points that are known."""

import numpy as np
import pytest

from avlib.embeddings import lda, pca, scaled, tsne

RANDOM = np.random.default_rng(0)


def test_units_of_a_model_do_not_matter():
    cloud = RANDOM.normal(size=(40, 6))
    assert scaled(cloud, cloud) == pytest.approx(scaled(100 * cloud + 7, 100 * cloud + 7))
    assert (scaled(cloud, cloud) ** 2).sum(axis=1).mean() == pytest.approx(1)
    assert not scaled(np.ones((3, 2)), np.ones((3, 2))).any()


def test_the_first_axes_are_those_of_most_variance_and_are_kept_for_other_points():
    cloud = RANDOM.normal(size=(200, 4)) * [1, 9, 3, 0.1]
    axes = pca(cloud, 2)
    assert np.abs(np.corrcoef(axes(cloud)[:, 0], cloud[:, 1])[0, 1]) > 0.999
    assert axes(cloud).std(axis=0)[1] == pytest.approx(cloud[:, 2].std(), rel=0.05)
    assert axes(cloud[:1]) == pytest.approx(axes(cloud)[:1]), "where a point comes to lie does not depend on the others"


def test_discriminants_find_what_separates_and_not_what_varies():
    groups = ["a"] * 50 + ["b"] * 50 + ["c"] * 50
    cloud = RANDOM.normal(size=(150, 5)) * [9, 1, 1, 1, 1]
    cloud[:, 1] += np.repeat([0, 6, 12], 50)
    first = lda(cloud, groups)(cloud)
    assert first.shape == (150, 2)
    assert np.abs(np.corrcoef(first[:, 0], cloud[:, 1])[0, 1]) > 0.95
    assert lda(cloud[:9], groups[::17])(cloud).shape == (150, 2), "fewer points than would make a scatter"


def test_a_picture_keeps_neighbours_together():
    cloud = np.vstack([RANDOM.normal(size=(12, 5)), RANDOM.normal(size=(12, 5)) + 60])
    drawn = tsne(cloud, perplexity=50)
    left, right = drawn[:12].mean(axis=0), drawn[12:].mean(axis=0)
    assert np.linalg.norm(left - right) > 2 * drawn[:12].std()
