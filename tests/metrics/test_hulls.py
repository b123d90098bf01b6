"""Hulls of points whose hulls are known, and neighbours that are."""

import numpy as np
import pytest

from avlib.metrics.hulls import holds, hull, inner, purity

CUBE = np.array(np.meshgrid(*[[0.0, 1.0]] * 3)).reshape(3, -1).T


def test_a_cube():
    found = hull(CUBE)
    assert found.volume == pytest.approx(1)
    outside = np.array([[0.5, 0.5, 3.0], [0.5, 0.5, -1.0], [0.5, 0.5, 0.5], [0.5, 0.5, 0.9]])
    assert found.beyond(outside) == pytest.approx([2, 1, -0.5, -0.1])
    assert found.inside(outside) == 0.5
    assert found.inside(CUBE) == 1, "its own corners lie on it"


def test_facets_and_linear_programme_agree_on_what_is_inside():
    random = np.random.default_rng(0)
    cloud, points = random.normal(size=(30, 3)), random.normal(size=(40, 3))
    found = hull(cloud)
    by_facet = found.beyond(points) <= 0
    assert 5 < by_facet.sum() < 35
    assert by_facet.tolist() == [holds(cloud, point) for point in points]


@pytest.mark.parametrize(
    ("points", "reason"),
    [
        (np.zeros((2, 2)), "2 members, and at least 3 are needed"),
        (np.ones((5, 3)), "5 points span 0 of 3 dimensions"),
        (np.arange(8.0)[:, None] * np.ones(2), "8 points span 1 of 2 dimensions"),
        (np.eye(4)[:3], "3 points span 2 of 4 dimensions"),
    ],
)
def test_what_has_no_volume_has_a_reason(points, reason):
    found = hull(points)
    assert found.reason == reason
    assert np.isnan(found.volume)
    assert np.isnan(found.beyond(points)).all()
    assert np.isnan(found.inside(points))


def test_an_outlier_does_not_stretch_the_inner_hull():
    cloud = np.vstack([np.random.default_rng(1).uniform(size=(9, 2)), [[50.0, 50.0]]])
    assert len(inner(cloud)) == 8
    assert hull(inner(cloud)).volume < 1 < hull(cloud).volume


def test_purity_is_one_apart_and_chance_where_groups_mean_nothing():
    random = np.random.default_rng(2)
    groups = ["a"] * 60 + ["b"] * 30 + ["c"] * 2
    apart = random.normal(size=(92, 4)) + np.repeat([[0.0], [50.0], [90.0]], [60, 30, 2], axis=0)
    found = purity(apart, groups, k=5)
    assert (found.purity[:90] == 1).all()
    assert found.purity[90:].isna().all()
    assert set(found.reason[90:]) == {"fewer than 3 members"}
    mixed = purity(random.normal(size=(90, 4)), groups[:90], k=5).groupby("group").mean(numeric_only=True)
    assert mixed.chance.tolist() == pytest.approx([59 / 89, 29 / 89])
    assert (mixed.purity - mixed.chance).abs().max() < 0.12


def test_a_point_is_no_neighbour_of_itself_even_where_points_coincide():
    found = purity(np.zeros((6, 2)), list("aaabbb"), k=5)
    assert found.purity.tolist() == pytest.approx([0.4] * 6)
