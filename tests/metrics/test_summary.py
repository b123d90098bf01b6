"""The rows of the book's tables say what the single measures say."""

import math

import pytest
import torch

from avlib.metrics import broken_share, logit_slope, lwlrap, summary, tagging


@pytest.fixture
def scored():
    generator = torch.Generator().manual_seed(0)
    labels = (torch.rand(80, 5, generator=generator) < 0.3).float()
    return labels + torch.randn(80, 5, generator=generator), labels


def test_a_row_repeats_the_single_measures(scored):
    row = summary(*scored, replicates=50)
    whole = tagging(*scored)
    assert (row["AUC"], row["d′"], row["mAP"].plain) == pytest.approx((whole.auc, whole.dprime, whole.mAP))
    assert row["lwlrap"].plain == pytest.approx(lwlrap(*scored))
    assert row["broken"].plain == pytest.approx(broken_share(*scored))


def test_of_several_fits_the_row_is_the_mean(scored):
    logits, labels = scored
    row = summary(torch.stack([logits, -logits]), labels, replicates=50)
    one, other = summary(logits, labels, replicates=50), summary(-logits, labels, replicates=50)
    for name, value in row.items():
        plain, mean = (value, (one[name] + other[name]) / 2) if isinstance(value, float) else (
            value.plain, (one[name].plain + other[name].plain) / 2)  # fmt: skip
        assert plain == pytest.approx(mean), name
    assert row["mAP"].seeds == 2
    assert row["mAP"].high - row["mAP"].low > one["mAP"].high - one["mAP"].low  # the luck of the fits is held too


def test_every_interval_holds_what_it_is_printed_with(scored):
    for clips in (3, 10, 80):
        for value in summary(scored[0][:clips], scored[1][:clips], replicates=50).values():
            assert isinstance(value, float) or value.low <= value.value <= value.high


def test_a_shift_keeps_the_slope_and_a_gain_is_the_slope(scored):
    logits, _ = scored
    assert logit_slope(logits, logits + torch.arange(5)) == pytest.approx(1)
    assert logit_slope(logits, 0.25 * logits - 3) == pytest.approx(0.25)
    assert logit_slope(logits, torch.ones_like(logits)) == pytest.approx(0)


def test_a_class_whose_logit_never_varied_has_no_slope(scored):
    logits = scored[0].clone()
    logits[:, 2] = 0.1
    assert logit_slope(logits, 0.5 * logits) == pytest.approx(0.5)
    assert math.isnan(logit_slope(logits[:, [2]], logits[:, [2]]))
