"""Accuracy, and what a constant for each class does to it: analytic truths about one δ for all clips."""

import pytest
import torch

from avlib.metrics import accuracy, bootstrap, chance_accuracy, recalibrated, tagging


def made(seed, clips=60, features=12, classes=7):
    """Clips of one label each, a linear model that knows something of them, and a strong δ."""
    draw = torch.Generator().manual_seed(seed)
    weight = torch.randn(features, classes, generator=draw, dtype=torch.float64)
    x = torch.randn(2, clips, features, generator=draw, dtype=torch.float64)
    noisy = x[0] @ weight + 1.0 * torch.randn(clips, classes, generator=draw, dtype=torch.float64)
    labels = torch.nn.functional.one_hot(noisy.argmax(dim=1), classes)
    delta = 6 * torch.randn(features, generator=draw, dtype=torch.float64)
    return x, weight, labels, delta


@pytest.mark.parametrize("seed", range(8))
def test_in_a_linear_model_a_shared_delta_takes_accuracy_alone_and_other_clips_give_it_back_exactly(seed):
    (scored, held), weight, labels, delta = made(seed)
    clean, attacked = scored @ weight, (scored + delta) @ weight
    before, after = tagging(clean, labels), tagging(attacked, labels)
    assert (after.mAP, after.auc) == pytest.approx((before.mAP, before.auc), abs=1e-12)
    assert accuracy(attacked, labels) < accuracy(clean, labels) - 0.1
    back = recalibrated(attacked, held @ weight, (held + delta) @ weight)
    assert torch.allclose(back, clean, atol=1e-9)
    assert accuracy(back, labels) == accuracy(clean, labels)


def test_moving_classes_back_cannot_change_any_order_within_a_class():
    (scored, held), weight, labels, _ = made(0)
    bent = lambda x: torch.tanh(x @ weight)  # noqa: E731 (no δ is a constant here)
    attacked = bent(scored + 0.5)
    back = recalibrated(attacked, bent(held), bent(held + 0.5))
    assert tagging(back, labels).mAP == pytest.approx(tagging(attacked, labels).mAP, abs=1e-12)
    assert accuracy(back, labels) != accuracy(attacked, labels)


def test_each_fit_is_moved_back_by_its_own_shift_and_the_clips_elsewhere_may_be_fewer():
    z, held = torch.randn(2, 9, 4), torch.randn(2, 3, 4)
    shifts = torch.tensor([[[5.0, 0, 0, -5]], [[0.0, 7, -7, 0]]])
    assert torch.allclose(recalibrated(z + shifts, held, held + shifts), z.double(), atol=1e-5)


def test_accuracy_counts_the_labelled_clips_whose_best_class_is_alone_at_the_top():
    logits = torch.tensor([[2.0, 1.0, 0.0], [1.0, 1.0, 0.0], [0.0, 1.0, 2.0], [0.0, 1.0, 2.0]])
    labels = torch.tensor([[1, 0, 0], [1, 0, 0], [0, 1, 1], [0, 0, 0]])
    assert accuracy(logits, labels) == pytest.approx(2 / 3)  # a tie is no answer, several labels are one chance each
    assert bootstrap(logits, labels, "top1", replicates=9).plain == pytest.approx(2 / 3)


def test_the_interval_of_accuracy_stays_within_what_can_be():
    perfect = torch.eye(5).repeat(6, 1)
    assert str(bootstrap(perfect, perfect, "top1", replicates=20)) == "1.000 [1.000, 1.000]"
    few = bootstrap(torch.randn(30, 5, generator=torch.Generator().manual_seed(1)), perfect, "top1", replicates=200)
    assert 0 <= few.low < few.value < few.high <= 1


@pytest.mark.parametrize("classes", [2, 8, 34])
def test_chance_is_what_random_scores_get(classes):
    draw = torch.Generator().manual_seed(classes)
    labels = torch.eye(classes).repeat(4000 // classes, 1)
    assert chance_accuracy(labels) == pytest.approx(1 / classes)
    got = accuracy(torch.randn(labels.shape, generator=draw), labels)
    assert got == pytest.approx(1 / classes, abs=4 * (1 / classes / len(labels)) ** 0.5)
    assert chance_accuracy(torch.zeros(3, classes)) != chance_accuracy(torch.zeros(3, classes))  # NaN
