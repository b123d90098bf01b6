"""Convexity of classes: regions whose convexity is known, linear heads, and pairs without an order."""

import numpy as np
import pytest
import torch
from scipy.stats import binomtest

from avlib.errors import AvlibError
from avlib.metrics.convexity import convexity
from avlib.metrics.members import Members


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def kappa(points, classify, *, labels=None, seed=0, **options):
    labels = torch.ones(len(points), 1) if labels is None else labels
    options = {"rule": "threshold", "pairs": 4000} | options
    return convexity(points, labels, classify, generator=seeded(seed), **options)


def disc(points):
    return 1 - points.norm(dim=1, keepdim=True)


def ring(points):
    return torch.minimum(disc(points), points.norm(dim=1, keepdim=True) - 0.5)


def test_a_convex_region_has_1_and_what_a_ring_lacks_is_counted():
    points = torch.randn(400, 2, generator=seeded()) / 2
    assert kappa(points, disc)["kappa"][0] == 1
    assert kappa(points, ring)["kappa"][0] < 0.9


def test_a_gap_of_known_size():
    """Ends at 0 and 1, and what is between .25 and .5 is another class: a quarter of pairs that differ falls in."""
    points = torch.tensor([[0.0], [1.0]]).repeat(500, 1)
    found = kappa(points, lambda x: 2 * ((x < 0.25) | (x > 0.5)).float() - 1, pairs=40_000)["kappa"][0]
    assert found == pytest.approx(1 - 0.25 * 500 / 999, abs=0.006)


def test_no_end_of_a_pair_comes_first_and_no_clip_meets_itself():
    """Ends at 0, …, 9: the pairs that the points came from, told by where they lie."""
    seen = []

    def classify(x):
        seen.append(x)
        return torch.ones_like(x[:, :1])

    points = torch.eye(10)
    kappa(points, classify, pairs=50_000)
    between = torch.cat(seen[1:])  # after the points themselves; row: λ at i and 1 − λ at j
    assert ((between > 0).sum(1) == 2).all()
    assert torch.allclose(between.sum(1), torch.ones(()))
    share = torch.where(between > 0, between, torch.nan)
    assert torch.allclose(share.nanmean(0), torch.tensor(0.5), atol=0.01)
    assert (between > 0).float().mean(0).numpy() == pytest.approx(0.2, abs=0.01)  # every clip as often as others
    i, j = (between > 0).float().topk(2).indices.sort().values.T
    met = np.bincount((10 * i + j).numpy(), minlength=100).reshape(10, 10)[np.triu_indices(10, 1)] / len(between)
    assert met == pytest.approx(1 / 45, abs=0.004)
    lambdas = between[torch.arange(len(between)), i].sort().values
    assert (lambdas - torch.linspace(0, 1, len(lambdas))).abs().max() < 0.01  # uniform


def linear(seed=0, n=300, d=5, c=6):
    draws = seeded(seed)
    points, weights = torch.randn(n, d, generator=draws), torch.randn(d, c, generator=draws)
    labels = torch.zeros(n, c).scatter_(1, (points @ weights).argmax(1, keepdim=True), 1)
    wrong = torch.rand(n, generator=draws) < 0.3  # a third of the clips is not recognised
    labels[wrong] = labels[wrong].roll(1, dims=1)
    return points, labels, lambda x: x @ weights


@pytest.mark.parametrize("seed", range(3))
def test_a_linear_head_is_convex_in_whatever_it_recognises(seed):
    points, labels, head = linear(seed)
    for rule in ("argmax", "threshold"):
        found = kappa(points, head, labels=labels, rule=rule)
        assert (found["kappa"].dropna() == 1).all()
    assert (found["ends"] == (found["recall"] * found["n"]).round()).all()


@pytest.mark.parametrize("seed", range(3))
def test_with_all_ends_it_is_at_least_the_share_of_recognised_pairs_and_follows_recall(seed):
    points, labels, head = linear(seed)
    found = kappa(points, head, labels=labels, rule="argmax", endpoints="all", pairs=20_000)
    known, n = found["recall"] * found["n"], found["n"]
    top = torch.zeros_like(labels).scatter_(1, head(points).argmax(1, keepdim=True), 1)
    assert known.tolist() == pytest.approx((labels * top).sum(0).tolist())
    assert (found["kappa"] >= known * (known - 1) / (n * (n - 1)) - 0.01).all()
    assert (found["ends"] == n).all()


def test_the_order_of_clips_and_the_number_of_points_at_a_time_do_not_matter():
    points, labels, head = linear()
    bent = lambda x: head(x).sin()  # noqa: E731
    whole = kappa(points, bent, labels=labels, rule="argmax", pairs=3000)
    assert kappa(points, bent, labels=labels, rule="argmax", pairs=3000, batch=7).equals(whole)
    order = torch.randperm(len(points), generator=seeded(5))
    other = kappa(points[order], bent, labels=labels[order], rule="argmax", pairs=3000)
    assert other["recall"].equals(whole["recall"])
    np.testing.assert_allclose(other["kappa"], whole["kappa"], atol=0.04)
    assert not kappa(points, bent, labels=labels, rule="argmax", seed=1).equals(whole)


def test_only_so_many_points_are_held_at_once():
    seen = []
    points, labels, head = linear()
    kappa(points, lambda x: (seen.append(len(x)), head(x))[1], labels=labels, pairs=1000, batch=64)
    assert max(seen) == 64
    assert sum(seen) == 300 + 6000


def test_sequences_are_mixed_frame_by_frame():
    points = torch.randn(50, 4, 3, generator=seeded())
    flat = kappa(points.flatten(1), lambda x: (x.unflatten(1, (4, 3)).amax(1) - 0.5)[:, :1])
    assert kappa(points, lambda x: (x.amax(1) - 0.5)[:, :1]).equals(flat)


def test_thresholds_one_a_class():
    points = torch.rand(200, 2, generator=seeded())
    found = kappa(points, lambda x: x, labels=torch.ones(200, 2), threshold=torch.tensor([0.5, 0.1]))
    assert found["recall"].tolist() == (points > torch.tensor([0.5, 0.1])).double().mean(0).tolist()


def test_the_interval_is_wilsons():
    points, labels, head = linear()
    for row in kappa(points, head, labels=labels, endpoints="all", pairs=200).itertuples():
        exact = binomtest(round(row.kappa * 200), 200).proportion_ci(method="wilson")
        assert (row.low, row.high) == pytest.approx((exact.low, exact.high))


@pytest.mark.filterwarnings("error")
def test_what_has_no_convexity_says_why():
    points, labels = torch.arange(6.0)[:, None] - 4.5, torch.zeros(6, 4)
    labels[:2, 1] = labels[:5, 2] = labels[:, 3] = 1
    found = kappa(points, lambda x: x.expand(-1, 4), labels=labels)
    assert found["reason"].tolist() == [
        "fewer than 3 members",
        "fewer than 3 members",
        "fewer than 2 of them recognised",
        "fewer than 2 of them recognised",
    ]
    assert found[["kappa", "low", "high"]].isna().all().all()
    assert (
        kappa(points, lambda x: x.expand(-1, 4), labels=labels, endpoints="all")["kappa"].notna().tolist()[2:]
        == [True] * 2
    )


def test_what_cannot_be_measured_is_refused():
    points, labels, head = linear()
    with pytest.raises(AvlibError, match="same clips"):
        kappa(points[1:], head, labels=labels)
    with pytest.raises(AvlibError, match="not finite"):
        kappa(points.log(), head, labels=labels)
    with pytest.raises(AvlibError, match="logits of NaN"):
        kappa(points, lambda x: head(x).log(), labels=labels)
    with pytest.raises(AvlibError, match=r"shape \(256, 5\)"):
        kappa(points, lambda x: x, labels=labels)
    for wrong in ({"rule": "softmax"}, {"endpoints": "some"}, {"pairs": 0}):
        with pytest.raises(AvlibError, match="allowed are argmax"):
            kappa(points, head, labels=labels, **wrong)


def test_members_are_found_class_by_class():
    flags = np.random.default_rng(0).random((40, 5)) < 0.3
    found = Members.of(flags)
    for c in range(5):
        assert found.clip[found.first[c] :][: found.count[c]].tolist() == np.flatnonzero(flags[:, c]).tolist()
    assert found.label.tolist() == np.nonzero(flags.T)[0].tolist()
