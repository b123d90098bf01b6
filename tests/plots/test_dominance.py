"""What the figures of the chapter on a sense that dominates draw is what they return."""

import numpy as np
import pytest
import torch

from avlib.metrics import interval
from avlib.plots import dominance

ATTACKS = ("none", "A", "V", "A+V")


def score(value, width=0.05):
    return interval(value, value + np.linspace(-width, width, 9))


def test_each_measure_has_its_line_here_and_where_it_is_printed():
    here = {name: {attack: score(base - 0.1 * i) for i, attack in enumerate(ATTACKS)} for name, base in
            (("accuracy", 0.6), ("recalibrated", 0.7), ("mAP", 0.8))}  # fmt: skip
    printed = {"accuracy": {"none": 0.865, "A+V": 0.05}, "mAP": {"V": 0.541}}
    figure, drawn = dominance.collapse(here, printed, {"this run": 0.125, "published": 0.03})
    left, right = figure.axes
    for name, scores in here.items():
        values = [found.value for found in scores.values()]
        line = next(box for box in left.containers if box.get_label() == name).lines[0]
        assert line.get_ydata().tolist() == values
        rows = drawn[drawn["measure"] == name]
        assert (rows["attack"].tolist(), rows["value"].tolist()) == (list(ATTACKS), values)
    lines = {line.get_label(): line.get_xydata().tolist() for line in right.lines}
    assert lines["accuracy"] == [[0, 0.865], [3, 0.05]]
    assert lines["mAP"] == [[2, 0.541]]
    for axis, level in ((left, 0.125), (right, 0.03)):
        assert level in [line.get_ydata()[0] for line in axis.lines if line.get_linestyle() == ":"]


def test_shares_of_the_answers_add_up_and_stand_in_the_order_of_the_last_panel():
    told = {"before": torch.tensor([0, 1, 2, 2]), "after": torch.tensor([1, 1, 1, 0])}
    figure, drawn = dominance.landing(told, ["a", "b", "c"])
    assert drawn["class"].tolist() == ["b", "a", "c"]
    assert drawn["after"].tolist() == [0.75, 0.25, 0.0]
    assert drawn["before"].tolist() == [0.25, 0.25, 0.5]
    for axis, name in zip(figure.axes, told, strict=True):
        assert [bar.get_height() for bar in axis.patches] == drawn[name].tolist()
        assert axis.get_title(loc="left") == name


def test_a_world_stands_where_its_two_differences_put_it():
    worlds = {"as it is": (score(0.4), score(0.2, 0.1)), "turned": (score(-0.3), score(-0.1))}
    figure, drawn = dominance.turned(worlds)
    for name, (ahead, harm) in worlds.items():
        box = next(one for one in figure.axes[0].containers if one.get_label() == name)
        assert box.lines[0].get_xydata().tolist() == [[ahead.value, harm.value]]
        across, up = (segment.get_segments()[0] for segment in box.lines[2])
        assert across[:, 0].tolist() == pytest.approx([ahead.low, ahead.high])
        assert up[:, 1].tolist() == pytest.approx([harm.low, harm.high])
        row = drawn[drawn["world"] == name].iloc[0]
        assert (row["ahead_value"], row["harm_low"]) == (ahead.value, harm.low)
