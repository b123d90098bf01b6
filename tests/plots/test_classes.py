"""What the figures of the chapter on classes draw is what they return."""

import math

import numpy as np
import pandas as pd

from avlib.metrics import interval
from avlib.plots import classes


def score(value):
    return interval(value, value + np.linspace(-0.02, 0.02, 9))


def test_classes_stand_in_the_order_of_what_they_lose():
    table = pd.DataFrame({
        "clean": {"bell": score(0.9), "horn": score(0.8), "siren": score(0.7)},
        "attacked": {"bell": score(0.8), "horn": score(0.2), "siren": score(0.7)},
    })  # fmt: skip
    figure, drawn = classes.before_and_after(table, 0.25)
    axis = figure.axes[0]
    assert drawn["class"].tolist() == ["siren", "bell", "horn"]
    assert drawn["attacked"].tolist() == [table["attacked"][name].value for name in drawn["class"]]
    places = dict(zip([label.get_text() for label in axis.get_yticklabels()], axis.get_yticks(), strict=True))
    assert places["siren"] > places["bell"] > places["horn"]  # who loses most is at the bottom
    lines = {line.get_label(): line for line in axis.lines}
    for state in ("clean", "attacked"):
        marks = dict(zip(lines[state].get_ydata(), lines[state].get_xdata(), strict=True))
        assert marks == {places[name]: table[state][name].value for name in table.index}
    assert set(lines["mean chance"].get_xdata()) == {0.25}


def test_the_drop_stands_against_each_property_and_counts_read_plain():
    table = pd.DataFrame({
        "drop": [0.1, 0.5, math.nan], "count": [20.0, 200.0, 40.0], "tonality": [0.3, 0.6, 0.5],
    }, index=["a", "b", "c"])  # fmt: skip
    figure, drawn = classes.properties(table, {"count": "training clips", "tonality": "tonality"})
    count, tonality = figure.axes
    assert [axis.get_xlabel() for axis in (count, tonality)] == ["training clips", "tonality"]
    assert (count.get_xscale(), tonality.get_xscale()) == ("log", "linear")
    for axis, name in ((count, "count"), (tonality, "tonality")):
        assert axis.lines[0].get_xdata().tolist() == table[name].tolist()
        assert np.array_equal(axis.lines[0].get_ydata(), table["drop"], equal_nan=True)
    figure.canvas.draw()
    words = [label.get_text() for label in count.get_xticklabels()]
    assert "64" in words
    assert not [word for word in words if "$" in word]  # no powers
    assert list(drawn) == ["class", "drop", "count", "tonality"]


def test_each_norm_has_its_panel_and_a_mark_where_half_is_gone():
    curve = {0.0: score(0.9), 1.0: score(0.5), 2.0: score(0.2)}
    curves = {"ℓ2": {"CSN": curve, "ResNet": curve}, "ℓ1": {"CSN": curve, "ResNet": curve}}
    nowhere = interval(math.nan, np.full(9, math.nan))
    found = {"ℓ2": {"CSN": score(1.1), "ResNet": score(1.5)}, "ℓ1": {"CSN": score(0.7), "ResNet": nowhere}}
    figure, drawn = classes.deactivated(curves, found, 0.2)
    for axis, norm in zip(figure.axes, curves, strict=True):
        assert axis.get_title() == norm
        marks = [line.get_xdata()[0] for line in axis.lines if line.get_markerfacecolor() == "none"]
        assert np.array_equal(marks, [one.value for one in found[norm].values()], equal_nan=True)
        line = next(line for line in axis.lines if len(line.get_xdata()) == 3)
        assert line.get_xdata().tolist() == list(curve)
        assert line.get_ydata().tolist() == [one.value for one in curve.values()]
    assert drawn["value"].tolist() == [one.value for one in curve.values()] * 4
    assert drawn["epsilon"].tolist() == list(curve) * 4
