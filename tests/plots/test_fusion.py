"""What the figures of the chapter on fusion draw is what they return."""

import numpy as np
import pandas as pd
import pytest

from avlib.metrics import interval
from avlib.plots import fusion

TAPS = ("early", "mid1", "late_sum")


def scores(base):
    return {tap: interval(base + 0.1 * i, base + 0.1 * i + np.linspace(-0.02, 0.02, 9)) for i, tap in enumerate(TAPS)}


def test_a_box_stands_in_the_lane_of_what_reaches_it_and_none_is_left_out():
    parts = pd.DataFrame({
        "part": ["convolutions", "convolutions in time", "head"], "reads": ["audio", "video", "audio + video"],
        "parameters": [1, 2, 3],
    })  # fmt: skip
    apart = parts.assign(reads=["audio", "video", "video"])
    figure, drawn = fusion.diagram({"mid1": parts, "late": apart})
    lanes = [
        {text.get_text().replace("\n", " "): text.get_position()[0] for text in axis.texts} for axis in figure.axes
    ]
    assert lanes[0]["convolutions"] == lanes[0]["sound"] == fusion.LANES["audio"]
    assert lanes[0]["convolutions in time"] == lanes[0]["picture"] == fusion.LANES["video"]
    assert lanes[0]["head"] == fusion.LANES["audio + video"]
    assert lanes[1]["head"] == fusion.LANES["video"]
    assert lanes[1]["mean"] == fusion.LANES["audio + video"]  # what no part does
    assert [axis.get_title() for axis in figure.axes] == ["mid1", "late"]
    assert drawn.groupby("tap", sort=False)["part"].agg(list).tolist() == [parts["part"].tolist()] * 2


def test_scores_stand_at_their_taps_with_their_intervals_and_the_printed_beside_them():
    here = {"clean": scores(0.5), "universal δ": scores(0.2)}
    figure, drawn = fusion.by_depth(here, {"clean": {"early": 0.41, "late_sum": 0.44}}, {"eye alone": 0.3})
    left, right = figure.axes
    for attack, by_tap in here.items():
        line = next(box for box in left.containers if box.get_label() == attack)
        assert line.lines[0].get_ydata().tolist() == [score.value for score in by_tap.values()]
        ends = line.lines[2][0].get_segments()
        assert [end[:, 1].tolist() for end in ends] == [pytest.approx([s.low, s.high]) for s in by_tap.values()]
        rows = drawn[drawn["attack"] == attack]
        assert rows["value"].tolist() == [score.value for score in by_tap.values()]
    assert right.lines[0].get_xydata().tolist() == [[0, 0.41], [2, 0.44]]
    assert 0.3 in [line.get_ydata()[0] for line in left.lines]
    assert [label.get_text() for label in left.get_xticklabels()] == ["early", "mid1", "late\nsum"]


def test_a_panel_for_each_world():
    worlds = {"as it is": {"clean": scores(0.5)}, "exchanged": {"clean": scores(0.1)}}
    figure, drawn = fusion.dial(worlds, TAPS)
    assert [axis.get_title() for axis in figure.axes] == list(worlds)
    for axis, (world, by_attack) in zip(figure.axes, worlds.items(), strict=True):
        values = [score.value for score in by_attack["clean"].values()]
        assert axis.containers[0].lines[0].get_ydata().tolist() == values
        assert drawn.loc[drawn["world"] == world, "value"].tolist() == values
