"""Attention against true onsets: shares that can be counted by hand."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from avlib.data.split import Event, Split
from avlib.metrics import bootstrap
from avlib.metrics.localisation import (
    attention_inside,
    frame_edges,
    located,
    mass_inside,
    mean_of_pairs,
    occupied,
    shortest_event,
)

EDGES = torch.tensor([0.0, 1.0, 2.0, 3.0, 4.0])


def clips(*events, implications=()):
    split = Split({}, torch.zeros(len(events), 3), tuple(map(str, range(len(events)))), events=events)
    return SimpleNamespace(classes=("a", "b", "c"), implications=implications), split


def test_an_event_fills_the_frames_that_it_lasts():
    data, split = clips((Event(1, 0.5, 2.25),), (Event(0, 3.0, 4.0), Event(2, 0.0, 4.0, heard=False)))
    share = occupied(data, split, EDGES)
    assert share[0, :, 1].tolist() == [0.5, 1, 0.25, 0]
    assert share[1, :, 0].tolist() == [0, 0, 0, 1]
    assert share.sum().item() == 2.75  # nothing else, and what is only seen does not count


def test_what_implies_a_class_is_heard_as_it_through_a_chain():
    data, split = clips((Event(2, 1.0, 2.0),), implications=(("b", "a"), ("c", "b")))
    assert (occupied(data, split, EDGES)[0] == torch.tensor([0.0, 1, 0, 0])[:, None]).all()


def test_a_set_without_onsets_counts_nothing():
    data, split = clips((Event(1, 0.0, 1.0),))
    share = occupied(data, replace(split, events=None), EDGES)
    assert share.sum() == 0
    assert np.isnan(mean_of_pairs(np.ones((1, 3)), share.sum(dim=1).numpy() > 0, np.ones((1, 1))))


@given(st.integers(0, 3), st.integers(1, 3))
def test_all_weight_on_the_event_is_1_and_equal_weights_its_share_of_time(onset, frames):
    data, split = clips((Event(0, float(onset), float(min(onset + frames, 4))),))
    inside = occupied(data, split, EDGES)
    there = inside / inside.sum(dim=1, keepdim=True).clamp_min(1e-9)
    assert mass_inside(there, inside)[0, 0].item() == pytest.approx(1)
    assert mass_inside(torch.full_like(inside, 0.25), inside)[0, 0].item() == pytest.approx(inside[0, :, 0].mean())


def test_edges_tile_the_clip_and_centre_resnets_windows():
    assert frame_edges(25, 100, 4, 0, 0.025).diff().allclose(torch.tensor(0.1))
    edges = frame_edges(7, 100, 16, 8, 1.0)
    assert edges.tolist() == [0, 8, 24, 40, 56, 72, 88, 100]


def test_attention_is_compared_with_equal_weights_and_with_the_classes_that_a_clip_lacks():
    weights = torch.tensor([[[0.9, 0.7, 0.2, 0.4], [0.1, 0.3, 0.8, 0.6]]])
    inside = torch.tensor([[[1.0, 0, 0, 1], [0, 0, 0, 0]]])
    shares, counted = attention_inside(weights, torch.tensor([[1.0, 1, 0, 0]]), inside)
    assert counted.tolist() == [[1, 0, 0, 0]]  # the second is labelled and not heard, the last heard and not labelled
    found = [shares[whose][0, 0].item() for whose in ("equal weights", "of absent classes", "of the class")]
    assert found == pytest.approx([0.5, 0.3, 0.9])


def test_the_shortest_event_is_one_that_is_heard_and_labelled():
    _, split = clips(
        (Event(1, 0.0, 3.8),),
        (Event(0, 0.0, 3.0), Event(0, 3.5, 4.0)),
        (Event(1, 0, 0.1, heard=False), Event(2, 0, 0.2)),
    )
    assert shortest_event(split) == (0, 0, [])  # nothing is labelled
    split = replace(split, labels=torch.tensor([[0.0, 1, 0], [1, 0, 0], [0, 1, 0]]))
    assert shortest_event(split) == (1, 0, [(0.0, 3.0), (3.5, 4.0)])
    assert shortest_event(replace(split, events=None)) == (0, 1, [])
    bare = replace(split, events=None, labels=torch.tensor([[0.0, 0, 0], [0, 0, 1], [0, 1, 0]]))
    assert shortest_event(bare) == (1, 2, [])  # the first that has a label


def test_the_mean_over_pairs_is_resampled_by_clips():
    values = np.array([[1.0, 0.0], [0.0, 0.5], [0.25, 0.25]])
    counted = np.array([[1, 0], [0, 1], [1, 1]])
    assert bootstrap(values, counted, mean_of_pairs, replicates=10).plain == pytest.approx(0.5)
    twice = mean_of_pairs(values, counted.astype(bool), np.array([[2.0], [1.0], [0.0]]))
    assert twice == pytest.approx(np.array([[2.5 / 3]]))


def test_a_model_that_looks_at_its_events_gains_and_one_that_looks_evenly_does_not():
    data, split = clips(*((Event(i % 2, float(i % 3), float(i % 3) + 1.5),) for i in range(12)))
    split = replace(split, labels=torch.tensor([[1.0, 0, 0], [0, 1, 0]] * 6))
    inside = occupied(data, split, EDGES)
    keen = torch.softmax(9 * inside, dim=1)
    table, gains = located(
        data, split, {"keen": [keen], "even": [torch.full_like(keen, 0.25)]}, dict.fromkeys(("keen", "even"), EDGES)
    )
    assert gains["keen"].low > 0.3
    assert gains["even"].value == pytest.approx(0)
    found = table.set_index(["model", "whose"])["value"]
    assert found["keen", "of the class"] == pytest.approx(0.92 - 0.375, abs=0.1)  # beyond equal weights
    assert found["even"].tolist() == pytest.approx([0, 0])


def test_without_onsets_everything_that_is_located_is_unknown():
    data, split = clips((Event(0, 0.0, 1.0),), (Event(1, 0.0, 1.0),))
    split = replace(split, events=None, labels=torch.eye(3)[:2])
    table, gains = located(data, split, {"even": [torch.full((2, 4, 3), 0.25)]}, {"even": EDGES})
    assert table["value"].isna().all()
    assert np.isnan([gains["even"].value, gains["even"].low]).all()


def test_the_table_takes_every_training():
    data, split = clips(*((Event(0, float(i % 3), float(i % 3) + 1),) for i in range(12)))
    split = replace(split, labels=torch.tensor([[1.0, 0, 0]] * 12))
    keen = torch.softmax(9 * occupied(data, split, EDGES), dim=1)
    even = torch.full_like(keen, 0.25)
    of = {"one": [keen], "both": [keen, even]}
    table, gains = located(data, split, of, dict.fromkeys(of, EDGES))
    means = table[table["whose"] == "of the class"].set_index("model")["value"]
    assert means["both"] == pytest.approx(means["one"] / 2, abs=0.05)
    assert (gains["both"].seeds, gains["both"].clips) == (2, 12)
    assert gains["both"].high - gains["both"].low > 0.2 > gains["one"].high - gains["one"].low
