"""The rows of the book's tables say what the single measures say."""

import pytest
import torch

from avlib.metrics import bootstrap, broken_share, logit_slope, lwlrap, summary, tagging


@pytest.fixture
def scored():
    generator = torch.Generator().manual_seed(0)
    labels = (torch.rand(80, 5, generator=generator) < 0.3).float()
    return labels + torch.randn(80, 5, generator=generator), labels


def test_a_row_repeats_the_single_measures(scored):
    row = summary(*scored, replicates=50)
    whole = tagging(*scored)
    assert (row["AUC"], row["d′"], row["mAP"].value) == pytest.approx((whole.auc, whole.dprime, whole.mAP))
    assert row["lwlrap"].value == pytest.approx(lwlrap(*scored))
    assert row["broken"].value == pytest.approx(broken_share(*scored))


def test_the_interval_of_broken_clips_mirrors_that_of_whole_ones(scored):
    broken, whole = summary(*scored, replicates=50)["broken"], bootstrap(*scored, "top1", replicates=50)
    assert broken.low <= broken.value <= broken.high
    assert (broken.low, broken.high) == pytest.approx((1 - whole.high, 1 - whole.low))


def test_a_shift_keeps_the_slope_and_a_gain_is_the_slope(scored):
    logits, _ = scored
    assert logit_slope(logits, logits + torch.arange(5)) == pytest.approx(1)
    assert logit_slope(logits, 0.25 * logits - 3) == pytest.approx(0.25)
    assert logit_slope(logits, torch.ones_like(logits)) == pytest.approx(0)
