"""Clips of classes: lists of them, equally many of each, and those that are recognised."""

import numpy as np
import torch

from avlib.metrics.members import recognised, thinned


def test_equally_many_members_are_left_of_every_class_that_has_them():
    labels = np.random.default_rng(0).random((200, 6)) < np.linspace(0.05, 0.5, 6)
    kept = thinned(labels, 30, np.random.default_rng(1))
    counts = labels.sum(axis=0)
    assert kept.sum(axis=0).tolist() == np.where(counts >= 30, 30, 0).tolist()
    assert not (kept & ~labels).any()
    assert not np.array_equal(kept, thinned(labels, 30, np.random.default_rng(2)))


def test_no_member_is_favoured():
    labels = np.ones((10, 1), dtype=bool)
    draws = [thinned(labels, 4, np.random.default_rng(seed))[:, 0] for seed in range(1000)]
    assert np.mean(draws, axis=0).round(1).tolist() == [0.4] * 10


def test_recognised_clips_are_the_first_of_each_class_with_a_positive_logit():
    draws = torch.Generator().manual_seed(0)
    logits, labels = torch.randn(50, 4, generator=draws), (torch.rand(50, 4, generator=draws) < 0.4).float()
    labels[:, 3] = 0
    clips, classes = recognised(logits, labels, each=3)
    for c in range(4):
        right = torch.nonzero((labels[:, c] > 0) & (logits[:, c] > 0))[:3, 0]
        assert clips[classes == c].tolist() == right.tolist()
