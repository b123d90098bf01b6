"""Two models, a class at a time."""

import numpy as np
import pytest

from avlib.metrics import paired
from avlib.metrics.classwise import paired_by_class


def test_each_class_is_compared_on_its_own_clips_and_scores():
    draws = np.random.default_rng(1)
    labels = (draws.random((60, 3)) < 0.3).astype(float)
    good, poor = labels + 0.5 * draws.standard_normal((60, 3)), draws.standard_normal((60, 3))
    table = paired_by_class(good, poor, labels, ["a", "b", "c"], replicates=100)
    alone = paired(good[:, 1:2], poor[:, 1:2], labels[:, 1:2], replicates=100)
    assert table.loc[1, ["value", "low", "high"]].tolist() == pytest.approx([alone.value, alone.low, alone.high])
    assert table["positives"].tolist() == labels.sum(axis=0).tolist()
    assert (table["low"] > 0).all()
