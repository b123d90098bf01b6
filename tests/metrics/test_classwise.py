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
    ends = ["value", "plain", "low", "high"]
    assert table.loc[1, ends].tolist() == pytest.approx([getattr(alone, end) for end in ends])
    assert table["positives"].tolist() == labels.sum(axis=0).tolist()
    assert (table["low"] > 0).all()


def test_trainings_that_differ_widen_the_interval_of_a_class():
    draws = np.random.default_rng(2)
    labels = (draws.random((400, 2)) < 0.3).astype(float)
    noise = draws.standard_normal((3, 400, 2))
    luck = np.array([0.0, 1.0, 2.0])[:, None, None] * labels  # what each training found of the classes
    alike, unlike = (
        paired_by_class(scores, noise[::-1], labels, ["a", "b"], replicates=100) for scores in (noise + 1, noise + luck)
    )
    assert (unlike["high"] - unlike["low"] > 2 * (alike["high"] - alike["low"])).all()
