"""What the figures of the chapter on dense and convex classes draw is what they return."""

import numpy as np
import pandas as pd
import pytest

from avlib.plots import convex


def test_clips_stand_at_their_true_distance_and_circles_at_the_radii():
    draws = np.random.default_rng(0)
    clouds = {"bell": draws.normal(size=(20, 5)), "horn": draws.normal(size=(7, 5))}
    figure, drawn = convex.crust(clouds)
    for axis, (name, members) in zip(figure.axes, clouds.items(), strict=True):
        distance = np.sort(np.linalg.norm(members - members.mean(axis=0), axis=1))
        assert drawn["distance"][drawn["class"] == name].tolist() == pytest.approx(distance.tolist())
        marks, *circles, _ = axis.lines
        assert np.sort(np.hypot(*marks.get_data())) == pytest.approx(distance)
        assert name in axis.get_title()
        radii = {line.get_label(): float(np.hypot(*line.get_data()).max()) for line in circles}
        count = len(members)
        wanted = {
            "R_0.6": distance[-(-3 * count // 5) - 1],
            "R_0.8": distance[-(-4 * count // 5) - 1],
            "R": distance[-1],
        }
        assert radii == pytest.approx(wanted)


@pytest.mark.parametrize("clouds", [{}, {"one": np.zeros((1, 3))}, {"flat": np.arange(4.0)[:, None]}])
def test_little_can_be_drawn_too(clouds):
    figure, drawn = convex.crust(clouds)
    figure.canvas.draw()
    assert len(drawn) == sum(map(len, clouds.values()))


def table(**columns):
    return pd.DataFrame(columns, index=["a", "b", "c"])


def test_both_densities_stand_against_size():
    given = table(n=[50, 60, 200], printed=[10.0, 20.0, np.nan], corrected=[0.1, 0.2, np.nan])
    figure, drawn = convex.size_and_density(given, 8)
    lines = {line.get_label(): line for line in figure.axes[0].lines}
    for kind in ("printed", "corrected"):
        assert lines[kind].get_xdata().tolist() == [50, 60, 200]
        assert np.array_equal(lines[kind].get_ydata(), given[kind], equal_nan=True)
    assert set(lines["D = 8"].get_ydata()) == {8}
    figure.canvas.draw()
    axis = figure.axes[0]
    words = [label.get_text() for way in (axis.xaxis, axis.yaxis) for label in way.get_ticklabels()]
    assert {"64", "10"} <= set(words)
    assert not [word for word in words if "$" in word]  # no powers
    assert drawn["class"].tolist() == ["a", "b", "c"]


def test_both_convexities_stand_against_recall():
    given = table(recall=[0.2, 0.5, 0.9], all=[0.3, 0.6, 0.95], recognised=[1.0, np.nan, 1.0])
    figure, drawn = convex.convex_or_recognised(given)
    _, every, known = figure.axes[0].lines
    assert every.get_ydata().tolist() == drawn["all"].tolist() == [0.3, 0.6, 0.95]
    assert np.array_equal(known.get_ydata(), given["recognised"], equal_nan=True)
    assert known.get_xdata().tolist() == [0.2, 0.5, 0.9]
