"""Adversarial vertex mix-up: on a line from the clip through its attack, with labels that go the same way."""

import math

import pytest
import torch

from avlib.adversary import Adversary, VertexMixUp, between, smoothed
from avlib.attacks import Threat
from avlib.attacks.geometry import norms
from avlib.errors import AvlibError
from avlib.transform import Labels
from tests.attacks.toys import gen
from tests.test_adversary import Linear, clips

THREATS = (("audio", Threat(2, 0.3)),)


def multi(clips, classes):
    y = (torch.rand(clips, classes, generator=gen(5)) < 0.3).float()
    return Labels(y, y)


def test_each_clip_lies_on_the_line_through_its_attack_and_its_labels_at_the_same_place():
    model, (x, y) = Linear(), clips()
    attacked, _ = Adversary(THREATS)(model, x, y, gen(2))
    mixed, labels = VertexMixUp(THREATS, reach=3.0, certain=0.9, doubtful=0.2)(model, x, y, gen(2))
    delta, moved = attacked["audio"] - x["audio"], mixed["audio"] - x["audio"]
    far = (moved * delta).flatten(1).sum(1) / delta.flatten(1).square().sum(1)  # 3 (1 − λ)
    torch.testing.assert_close(moved, far[:, None, None] * delta)
    assert ((far >= 0) & (far <= 3)).all()
    assert far.unique().numel() == len(far), "each clip has a λ of its own"
    assert far.max() > 1, "beyond the attack"
    assert (norms(moved, 2).amax() <= 3 * 0.3 * (1 + 1e-5)).all()
    torch.testing.assert_close(mixed["video"], x["video"])
    assert labels.hard is y.hard
    weight = 1 - far[:, None] / 3
    expected = weight * smoothed(y.soft, 0.9) + (1 - weight) * smoothed(y.soft, 0.2)
    torch.testing.assert_close(labels.soft, expected)


def test_smoothing_keeps_the_sum_and_with_one_label_is_that_of_the_paper():
    one = torch.eye(5)
    torch.testing.assert_close(smoothed(one, 0.6), 0.6 * one + 0.4 * (1 - one) / 4)
    labels = multi(40, 7).soft
    for share in (0.0, 0.1, 1.0):
        found = smoothed(labels, share)
        torch.testing.assert_close(found.sum(1), labels.sum(1))
        assert found.min() >= 0
    torch.testing.assert_close(smoothed(labels, 1.0), labels)
    edges = torch.tensor([[0.0, 0.0], [1.0, 1.0]])
    torch.testing.assert_close(smoothed(edges, 0.3), edges)


def test_between_is_no_mixing_of_clips():
    a, b = torch.randn(4, 3, generator=gen(1)), torch.randn(4, 3, generator=gen(2))
    weight = torch.tensor([0.0, 1.0, 0.5, 0.25])
    torch.testing.assert_close(between(a, b, weight), weight[:, None] * a + (1 - weight[:, None]) * b)


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"reach": 0.5}, "reach=0.5"),
        ({"reach": math.inf}, "reach=inf"),
        ({"certain": 1.5}, "certain=1.5"),
        ({"doubtful": -0.1}, "doubtful=-0.1"),
        ({"steps": 0}, "steps=0"),
    ],
)
def test_wrong_values_are_named(wrong, told):
    with pytest.raises(AvlibError, match=told):
        VertexMixUp(THREATS, **wrong)
