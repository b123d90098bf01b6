"""Densities of classes: shells of known radii, volumes of known balls, and a loop that is written as one thinks it."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from avlib.errors import AvlibError
from avlib.metrics.density import density, log_volume, neighbour_density


def shells(inner=80, outer=20, d=6, p=2.0, radii=(1.0, 2.0)):
    """Points in opposite pairs on two ℓ_p spheres, so that their centroid is 0."""
    half = np.random.default_rng(0).normal(size=((inner + outer) // 2, d))
    half *= np.repeat(radii, [inner // 2, outer // 2])[:, None] / np.linalg.norm(half, ord=p, axis=1, keepdims=True)
    return np.concatenate([half, -half])


def one(points, **options):
    return density(points, np.ones((len(points), 1)), **options).iloc[0]


@pytest.mark.parametrize("p", [1.0, 2.0, 3.0, math.inf])
def test_points_on_two_shells(p):
    found = one(shells(p=p), tau=0.8, p=p)
    assert found[["n", "R", "R_tau", "reason"]].tolist() == [100, pytest.approx(2), pytest.approx(1), ""]
    assert found["rho"] == pytest.approx(20 / (6 * math.log(2)))
    assert found["shell"] == pytest.approx(math.log(20) - log_volume(6, 1.0, p) - math.log(2**6 - 1))


def test_as_printed_every_density_is_half_the_dimensions_times_as_large():
    points = np.random.default_rng(1).normal(size=(60, 10))
    assert one(points, as_printed=True)["rho"] == pytest.approx(10 / 2 * one(points)["rho"])
    assert one(points, as_printed=True)["shell"] == one(points)["shell"]


@pytest.mark.parametrize(
    ("d", "p", "volume"),
    [
        (1, 2, 2),
        (2, 2, math.pi),
        (3, 2, 4 / 3 * math.pi),
        (4, 2, math.pi**2 / 2),
        (2, 1, 2),
        (3, 1, 8 / 6),
        (5, math.inf, 32),
    ],
)
def test_volumes_that_are_known(d, p, volume):
    assert log_volume(d, 1.0, p) == pytest.approx(math.log(volume))
    assert log_volume(d, 3.0, p) == pytest.approx(math.log(volume * 3**d))


def test_a_volume_too_large_for_a_number_has_a_logarithm():
    assert np.isfinite(log_volume(100_000, 10.0))
    assert np.isneginf(log_volume(3, 0.0))


@given(st.integers(3, 60), st.floats(0.05, 0.95), st.sampled_from([1.0, 2.0, math.inf]), st.integers(0, 9))
def test_it_is_what_a_loop_finds(n, tau, p, seed):
    points = np.random.default_rng(seed).normal(size=(n, 4))
    distances = sorted(np.linalg.norm(row, ord=p) for row in points - points.mean(axis=0))
    inner = math.ceil(round(tau * n, 9))
    found = one(points, tau=tau, p=p)
    assert found[["R", "R_tau"]].tolist() == pytest.approx([distances[-1], distances[inner - 1]])
    if inner < n:
        assert found["rho"] == pytest.approx((n - inner) / (4 * math.log(distances[-1] / distances[inner - 1])))
    else:
        assert np.isnan(found["rho"])
        assert found["reason"]


@pytest.mark.parametrize(("tau", "n", "inner"), [(0.55, 20, 11), (0.07, 100, 7), (0.8, 10, 8), (0.6, 4, 3)])
def test_the_quantile_is_an_order_statistic_and_no_victim_of_rounding(tau, n, inner):
    points = np.arange(n)[:, None] ** 1.5
    assert one(points, tau=tau)["R_tau"] == pytest.approx(sorted(abs(points[:, 0] - points.mean()))[inner - 1])


def crowd():
    draws = np.random.default_rng(3)
    labels = draws.random((300, 7)) < np.linspace(0.02, 0.6, 7)
    return draws.normal(size=(300, 5)), labels


def test_classes_do_not_know_of_each_other_and_clips_have_no_order():
    points, labels = crowd()
    together, order = density(points, labels), np.random.default_rng(4).permutation(300)
    numbers = ["n", "R", "R_tau", "rho", "shell"]
    shuffled = density(points[order], labels[order])
    np.testing.assert_allclose(shuffled[numbers], together[numbers])
    backwards = density(points, labels[:, ::-1])[::-1]
    np.testing.assert_allclose(backwards[numbers], together[numbers])
    for c in range(7):
        np.testing.assert_allclose(density(points[labels[:, c]], labels[labels[:, c]])["rho"][c], together["rho"][c])


def test_scale_adds_to_the_shell_and_leaves_rho():
    points, labels = crowd()
    small, large = density(points, labels), density(3 * points + 7, labels)
    np.testing.assert_allclose(large["rho"], small["rho"])
    np.testing.assert_allclose(large["shell"], small["shell"] - 5 * math.log(3))


def test_the_shell_is_a_density_and_rho_is_a_count():
    half, whole = shells(40, 10), shells(80, 20)
    assert one(whole)["rho"] == pytest.approx(2 * one(half)["rho"])
    assert one(whole)["shell"] == pytest.approx(one(half)["shell"] + math.log(2))


def test_few_clips_at_a_time_give_the_same(monkeypatch):
    points, labels = crowd()
    whole, near = density(points, labels), neighbour_density(points, labels)
    monkeypatch.setattr("avlib.metrics.density.CELLS", 32)
    monkeypatch.setattr("avlib.metrics.density.HELD", 32)
    assert density(points, labels).equals(whole)
    np.testing.assert_allclose(neighbour_density(points, labels)["density"], near["density"])


@pytest.mark.filterwarnings("error")
def test_what_has_no_density_says_why():
    points = np.concatenate([np.full((7, 3), 0.1), np.random.default_rng(0).normal(size=(4, 3))])
    labels = np.zeros((11, 5))
    labels[:7, 1] = 1  # all at one place
    labels[7:9, 2] = 1  # two
    labels[7:10, 3] = 1  # three, of whom τ = .8 leaves none
    labels[7:, 4] = 1
    found = density(points, labels)
    assert found["reason"].tolist() == [
        "fewer than 3 members",
        "no crust: R_τ = R",
        "fewer than 3 members",
        "no crust: R_τ = R",
        "no crust: R_τ = R",
    ]
    assert found[["rho", "shell"]].isna().all().all()
    assert density(points, labels, tau=0.6)["reason"].tolist()[3:] == ["", ""]
    assert one(shells(radii=(0.3, 0.3)))["reason"] == "no crust: R_τ = R"  # but for rounding
    empty = density(points, np.zeros((11, 2)))
    assert empty["rho"].isna().all()
    assert empty["n"].tolist() == [0, 0]


def test_what_cannot_be_measured_is_refused():
    points, labels = crowd()
    with pytest.raises(AvlibError, match="same clips"):
        density(points[:-1], labels)
    with pytest.raises(AvlibError, match="pool over time"):
        density(points[:, None], labels)
    with pytest.raises(AvlibError, match="not finite in 1 of 300"):
        density(np.where(np.arange(1500).reshape(300, 5) == 7, np.nan, points), labels)
    with pytest.raises(AvlibError, match="0 or 1"):
        density(points, labels * 0.5)
    for tau, p in ((0.0, 2), (1.0, 2), (0.5, 0.5), (0.5, math.nan)):
        with pytest.raises(AvlibError, match="0 < tau < 1"):
            density(points, labels, tau=tau, p=p)


def test_tensors_are_as_good_as_arrays():
    points, labels = crowd()
    assert density(torch.tensor(points), torch.tensor(labels)).equals(density(points, labels))


def test_neighbours_find_the_density_of_a_uniform_cloud():
    cloud = np.random.default_rng(0).random((4000, 2))  # density 1 on the unit square: log 0
    found = neighbour_density(cloud, np.ones((4000, 1)), k=10)["density"][0]
    assert found == pytest.approx(0, abs=0.1)
    halved = neighbour_density(cloud / 2, np.ones((4000, 1)), k=10)["density"][0]
    assert halved == pytest.approx(found + 2 * math.log(2))
    fewer = neighbour_density(cloud[:1000], np.ones((1000, 1)), k=10)["density"][0]
    assert fewer == pytest.approx(found, abs=0.15)  # the size of a class does not enter


def test_neighbours_say_why_there_is_no_density():
    points = np.concatenate([np.zeros((4, 2)), np.eye(2)])
    labels = np.array([[1, 0]] * 4 + [[1, 1]] * 2)
    assert neighbour_density(points, labels, k=2)["reason"].tolist() == [
        "2 others at the same place",
        "fewer than 3 members",
    ]
