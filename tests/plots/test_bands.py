"""What the figures of the chapter on frequencies draw is what they return."""

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
import torch

from avlib.metrics import interval
from avlib.plots import bands


def score(value):
    return interval(value, value + np.linspace(-0.02, 0.02, 9))


def test_deltas_are_pictured_with_one_scale():
    deltas = {name: torch.full((10, 8), size) for name, size in (("all", 0.1), ("low", 0.4), ("high", 0.2))}
    figure, drawn = bands.pictured(deltas, 2.5)
    scales = [image.get_clim() for axis in figure.axes[:3] for image in axis.images]
    assert scales == [pytest.approx((-0.4, 0.4))] * 3
    assert [axis.get_title() for axis in figure.axes[:3]] == list(deltas)
    assert all(torch.equal(drawn[name], deltas[name]) for name in deltas)
    assert not figure.axes[3].axison  # the fourth place is empty


def test_parts_stand_side_by_side_under_each_convention():
    found = {"ℓ2": {"bins 0–20": score(0.3), "bins 20–40": score(0.5)}, "ℓ∞": {"bins 0–20": score(0.2)}}
    figure, drawn = bands.by_part(found, {"clean": 0.8, "chance": 0.1})
    left, right = figure.axes
    assert [axis.get_title() for axis in (left, right)] == ["ℓ2", "ℓ∞"]
    assert [text.get_text() for text in left.get_xticklabels()] == ["0–20", "20–40"]
    assert left.lines[0].get_ydata().tolist() == [score(0.3).value, score(0.5).value]
    assert {line.get_ydata()[0] for line in right.lines if len(set(line.get_ydata())) == 1} >= {0.8, 0.1}
    assert drawn["value"].tolist() == [score(0.3).value, score(0.5).value, score(0.2).value]


def test_radii_are_a_line_a_part():
    found = {name: {0.5: score(0.7 - i / 10), 1.0: score(0.5 - i / 10)} for i, name in enumerate(("all", "low"))}
    figure, drawn = bands.by_radius(found, 0.9)
    lines = {line.get_label(): line for line in figure.axes[0].lines}
    assert lines["clean"].get_ydata()[0] == 0.9
    assert drawn.groupby("part", sort=False)["epsilon"].agg(list).tolist() == [[0.5, 1.0]] * 2
    assert drawn["value"].tolist() == [one.value for scores in found.values() for one in scores.values()]


def test_a_band_is_as_large_as_it_is_relied_on():
    table = pd.DataFrame({
        "information": {"bins 0–20": score(0.7), "bins 20–40": score(0.5)},
        "vulnerability": {"bins 0–20": score(0.1), "bins 20–40": score(0.2)},
        "reliance": {"bins 0–20": score(0.3), "bins 20–40": score(-0.1)},
    })  # fmt: skip
    figure, drawn = bands.three_readings(table)
    axis = figure.axes[0]
    marks = [part for part in axis.collections if isinstance(part, mpl.collections.PathCollection)]
    assert [mark.get_offsets()[0].tolist() for mark in marks] == [
        [table["information"].iloc[i].value, table["vulnerability"].iloc[i].value] for i in range(2)
    ]
    assert marks[0].get_sizes()[0] > 5 * marks[1].get_sizes()[0] > 0
    assert [text.get_text() for text in axis.texts] == ["0–20", "20–40"]
    assert drawn["band"].tolist() == list(table.index)
    assert drawn["reliance"].tolist() == [one.value for one in table["reliance"]]
