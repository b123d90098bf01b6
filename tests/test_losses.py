import pytest
import torch
from torch.nn import functional as F

from avlib.losses import bce, class_ranking, dlr, margin, ranking

LOGITS = 3 * torch.randn(5, 6, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
LABELS = (torch.rand(5, 6, generator=torch.Generator().manual_seed(1)) > 0.6).double()


def test_bce_is_binary_cross_entropy():
    expected = F.binary_cross_entropy_with_logits(LOGITS, LABELS, reduction="none").mean(dim=1)
    torch.testing.assert_close(bce(LOGITS, LABELS), expected)


@pytest.mark.parametrize("loss", [bce, ranking, margin])
def test_a_certain_model_still_has_a_gradient(loss):
    logits = torch.tensor([[40.0, -40.0, -40.0]], requires_grad=True)
    (gradient,) = torch.autograd.grad(loss(logits, torch.tensor([[1.0, 0.0, 0.0]])).sum(), logits)
    assert float(gradient.abs().max()) > 0
    assert bool(gradient.isfinite().all())


def test_ranking_counts_pairs():
    for i in range(len(LOGITS)):
        pairs = [
            F.softplus(LOGITS[i, n] - LOGITS[i, p])
            for p in range(6)
            for n in range(6)
            if LABELS[i, p] == 1 and LABELS[i, n] == 0
        ]
        assert float(ranking(LOGITS, LABELS)[i]) == pytest.approx(float(sum(pairs) / max(len(pairs), 1)))


def test_ranking_and_margin_ignore_a_shift_of_all_logits():
    for loss in (ranking, margin):
        torch.testing.assert_close(loss(LOGITS + 5, LABELS), loss(LOGITS, LABELS))
    assert float((bce(LOGITS + 5, LABELS) - bce(LOGITS, LABELS)).abs().min()) > 0.05


def test_class_ranking_counts_pairs_of_clips_and_ignores_a_shift_of_a_class():
    for i in range(len(LOGITS)):
        pairs = [
            F.softplus((LOGITS[i, c] - LOGITS[j, c]) * (1 - 2 * LABELS[i, c]))
            for j in range(5)
            for c in range(6)
            if LABELS[i, c] != LABELS[j, c]
        ]
        assert float(class_ranking(LOGITS, LABELS)[i]) == pytest.approx(float(sum(pairs) / len(pairs)))
    moved = LOGITS + torch.arange(6)
    torch.testing.assert_close(class_ranking(moved, LABELS), class_ranking(LOGITS, LABELS))
    assert float((ranking(moved, LABELS) - ranking(LOGITS, LABELS)).abs().min()) > 0.05
    logits = LOGITS.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(class_ranking(logits, LABELS).sum(), logits)
    ups = torch.where(LABELS > 0, -gradient, gradient)
    assert bool((ups >= 0).all())  # it rises where a clip without the class rises, or one with it falls


def test_margin_is_positive_where_the_top_label_is_wrong():
    wrong = LABELS.gather(1, LOGITS.argmax(dim=1, keepdim=True))[:, 0] == 0
    assert torch.equal(margin(LOGITS, LABELS) > 0, wrong)


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_one_sided_clips_are_finite(value):
    logits = LOGITS.clone().requires_grad_()
    labels = torch.full_like(LABELS, value)
    for loss in (ranking, margin, class_ranking):
        (gradient,) = torch.autograd.grad(loss(logits, labels).sum(), logits)
        assert bool(gradient.isfinite().all())
    assert bool((ranking(logits, labels) == 0).all())
    assert bool((class_ranking(logits, labels) == 0).all())


def test_dlr_is_the_published_one_where_a_clip_has_one_label():
    for label in range(6):
        y = F.one_hot(torch.full((5,), label), 6).double()
        ordered = LOGITS.sort(dim=1, descending=True).values
        others = LOGITS.masked_fill(y.bool(), -torch.inf).amax(dim=1)
        expected = -(LOGITS[:, label] - others) / (ordered[:, 0] - ordered[:, 2])
        torch.testing.assert_close(dlr(LOGITS, y), expected)


def test_dlr_ignores_scale_and_shift_and_has_the_sign_of_the_margin():
    both = LABELS.any(dim=1) & ~LABELS.all(dim=1)
    torch.testing.assert_close(dlr(100 * LOGITS + 7, LABELS), dlr(LOGITS, LABELS))
    assert torch.equal(dlr(LOGITS, LABELS).sign(), margin(LOGITS, LABELS).sign() * both)
    ends = dlr(LOGITS, torch.stack([torch.zeros(6), torch.ones(6)]).repeat(3, 1)[:5].double())
    assert ends.tolist() == [0] * 5


def test_dlr_divides_by_the_logit_below_the_first_that_is_no_label():
    z, y = torch.tensor([[5.0, 4.0, 3.0, 1.0]]), torch.tensor([[1.0, 1.0, 0.0, 0.0]])
    assert float(dlr(z, y)) == pytest.approx((3 - 5) / (5 - 1))  # two labels: the fourth
    assert float(dlr(z[:, :2], y[:, 1:3])) == pytest.approx((4 - 5) / (5 - 4))  # two classes: the last there is
