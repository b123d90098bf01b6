"""What the figures of the chapter on two senses draw is what they return."""

import math

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex

from avlib.metrics import interval
from avlib.plots import senses
from avlib.plots.style import COLOURS


def one(value):
    return interval(value, value + np.linspace(-0.02, 0.02, 9))


def test_in_the_plane_agreement_lengthens_the_way_and_every_ball_touches_the_line():
    figure, drawn = senses.plane()
    agrees, disagrees = (
        drawn.set_index("clip").loc["the picture agrees"],
        drawn.set_index("clip").loc["the picture disagrees"],
    )
    assert agrees["audio"] > agrees["audio alone"] == agrees["m_A"]
    assert disagrees["audio"] < disagrees["audio alone"]
    square, disc = figure.axes[1].patches[:2]
    assert sum(square.get_xy()) == pytest.approx(0, abs=1e-6)  # its lower left corner lies on m_A + m_V = 0
    assert sum(disc.center) / math.sqrt(2) == pytest.approx(disc.radius)  # which is how far the line is


def test_gaps_stand_side_by_side_in_the_order_of_the_attacks():
    found = {
        tap: {attack: one(0.1 * i - 0.05 * j) for j, attack in enumerate("AB")}
        for i, tap in enumerate(("mid1", "late"))
    }
    figure, drawn = senses.gaps(found, "gap")
    (axis,) = figure.axes
    assert [label.get_text() for label in axis.get_xticklabels()] == ["A", "B"]
    for box, (tap, by_attack) in zip(axis.containers, found.items(), strict=True):
        values = [gap.value for gap in by_attack.values()]
        assert box.lines[0].get_ydata().tolist() == values
        assert drawn.loc[drawn["model"] == tap, "value"].tolist() == values
    assert axis.containers[0].lines[0].get_xdata()[0] < axis.containers[1].lines[0].get_xdata()[0]


@pytest.mark.parametrize("norm", [1, 2, math.inf])
def test_the_surface_has_a_cell_and_its_number_at_each_pair_of_radii(norm):
    levels = [0, 0.5, 1, 1.5]
    scores = pd.DataFrame([[0.8 - 0.2 * a - 0.1 * v for a in levels] for v in levels], index=levels, columns=levels)
    figure, drawn = senses.surface(scores, norm)
    axis = figure.axes[0]
    written = {text.get_position()[0]: text.get_text() for text in axis.texts if text.get_position()[1] < 0}
    assert written == {0: "0.80", 0.5: "0.70", 1: "0.60", 1.5: "0.50"}  # along the sound
    assert axis.collections[0].get_array().tolist() == scores.to_numpy().tolist()
    assert drawn["1.0"].tolist() == scores[1.0].tolist()
    marks = {line.get_label(): line.get_xydata().tolist() for line in axis.lines if line.get_label()[0] != "_"}
    assert marks["A+V, separate"] == [[1, 1]]
    assert marks["A+V, split"] == [[0.5, 0.5]]
    joint = np.array(marks["A+V, joint"])
    assert np.linalg.norm(joint, norm, axis=1).tolist() == pytest.approx([1.0] * len(joint))
    assert joint[0].tolist() == pytest.approx([1, 0])
    assert joint[-1].tolist() == pytest.approx([0, 1], abs=1e-9)


def test_radii_are_drawn_by_what_the_picture_says_and_only_where_there_are_some():
    frame = pd.DataFrame({"alone": [1.0, 1.0, math.inf], "fused": [1.5, 0.5, 2.0], "agrees": [True, False, True]})
    figure, drawn = senses.radii({"linear": frame, "none": frame.iloc[2:]}, ["alone", "fused"], ["x", "y"])
    first, second = figure.axes
    shown = {to_hex(line.get_color()): line.get_xydata().tolist() for line in first.lines[1:]}
    assert shown == {COLOURS[0]: [[1.0, 1.5]], COLOURS[1]: [[1.0, 0.5]]}
    assert [len(line.get_xydata()) for line in second.lines[1:]] == [0, 0]
    assert drawn["panel"].tolist() == ["linear"] * 3 + ["none"]
