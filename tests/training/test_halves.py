"""Late fusion taken apart, the same fusion of linear taggers, and the radii of single tags."""

import math

import pytest
import torch

from avlib.attacks import Threat
from avlib.data.split import Split
from avlib.losses import bce
from avlib.metrics.margins import margin_radii
from avlib.models.fusion import Late
from avlib.models.linear import dual_norm
from avlib.models.linear_late import fit_linear_late
from avlib.training import predict
from avlib.training.halves import contested, halves, tag_radii, votes


def split(clips=24, seed=0, classes=3):
    draw = torch.Generator().manual_seed(seed)
    labels = (torch.rand(clips, classes, generator=draw) < 0.4).float()
    features = {"audio": torch.randn(clips, 40, 64, generator=draw), "video": torch.randn(clips, 5, 8, generator=draw)}
    return Split(features, labels, tuple(map(str, range(clips))))


def small(clips=120, seed=0):
    """Few cells, whose patterns are the labels' and so can be learnt."""
    draw = torch.Generator().manual_seed(seed)
    labels = (torch.rand(clips, 3, generator=draw) < 0.4).float()
    features = {
        name: torch.randn(clips, *shape, generator=draw)
        + 0.5 * (labels @ torch.randn(3, math.prod(shape), generator=draw)).unflatten(1, shape)
        for name, shape in (("audio", (4, 5)), ("video", (2, 3)))
    }
    return Split(features, labels, tuple(map(str, range(clips))))


@pytest.fixture
def late():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return Late(3, 8, width=64).eval()


def test_the_halves_add_up_to_the_whole_and_share_its_bias_equally(late):
    clips = split()
    each = {sense: predict(half, clips) for sense, half in halves(late, clips).items()}
    torch.testing.assert_close(each["audio"] + each["video"], predict(late, clips))
    torch.testing.assert_close(each["audio"].mean(dim=0), each["video"].mean(dim=0), atol=1e-5, rtol=0)


def test_a_half_takes_no_notice_of_the_other_sense(late):
    clips = split()
    ear = halves(late, clips)["audio"]
    assert ear.modalities == ("audio",)
    other = clips.having({"video": 9 * clips.whole("video")})
    assert torch.equal(predict(ear, clips), predict(ear, other))


def test_a_vote_is_above_0_where_its_sense_is_right(late):
    clips = split()
    parts = halves(late, clips)
    for sense, margins in votes(parts, clips).items():
        assert torch.equal(margins > 0, (predict(parts[sense], clips) > 0) == clips.labels.bool())


def test_contested_tags_are_right_and_half_of_them_opposed():
    draw = torch.Generator().manual_seed(0)
    found = {sense: torch.randn(50, 6, generator=draw) for sense in ("audio", "video")}
    tags = contested(found, 20)
    heard, seen = (found[sense][tuple(tags.T)] for sense in ("audio", "video"))
    assert (heard > 0).all()
    assert (heard + seen > 0).all()
    assert (seen > 0).tolist() == [True] * 10 + [False] * 10
    assert len(set(map(tuple, tags.tolist()))) == 20
    agreed = contested({"audio": torch.ones(3, 2), "video": torch.ones(3, 2)}, 8)
    assert len(agreed) == 4  # nobody disagrees
    assert contested({"audio": -torch.ones(3, 2), "video": torch.ones(3, 2)}, 8).shape == (0, 2)


def test_the_linear_fusion_is_the_optimum_of_its_loss_in_both_senses():
    clips = small()
    model = fit_linear_late(clips, penalty=0.1)
    batch, labels = clips.batch(range(len(clips)))
    weights = [model.head.weight, model.eye_head.weight]
    # ∂/∂W of the penalised mean loss, in the weights W/2 of the mean of both.
    loss = 3 * bce(model(batch), labels).mean() + 0.05 * sum((w / 2).square().sum() for w in weights)
    gradients = torch.autograd.grad(loss, [*weights, model.head.bias])
    assert max(float(g.abs().max()) for g in gradients) < 1e-4
    assert torch.equal(model.head.bias, model.eye_head.bias)


@pytest.mark.parametrize("norm", [1, 2, math.inf])
@pytest.mark.parametrize("senses", [("audio",), ("video",), ("audio", "video")])
def test_tags_of_the_linear_fusion_have_their_closed_forms(norm, senses):
    clips = small()
    model = fit_linear_late(clips, penalty=0.1)
    parts = halves(model, clips)
    said = votes(parts, clips)
    tags = contested(said, 12)
    threats = {"audio": Threat(norm, 2.0), "video": Threat(norm, 1.0)}
    reach = [threats[s].eps * dual_norm(model.weights[s], norm)[tags[:, 1]] for s in ("audio", "video")]
    exact = margin_radii(*(said[s][tuple(tags.T)] for s in ("audio", "video")), *reach, norm)
    name = "separate" if len(senses) == 2 else senses[0]
    how = {"steps": 16, "halvings": 12}
    found = tag_radii(model, clips, tags, {s: threats[s] for s in senses}, **how)
    torch.testing.assert_close(found, torch.where(exact[name] > 1, math.inf, exact[name]), rtol=1e-3, atol=5e-4)
    if senses == ("audio",):
        alone = tag_radii(parts["audio"], clips, tags, {"audio": threats["audio"]}, **how)
        expected = exact["audio alone"]
        torch.testing.assert_close(alone, torch.where(expected > 1, math.inf, expected), rtol=1e-3, atol=5e-4)
