"""What the figures of the chapter on mix-up draw is what they return."""

import numpy as np
import pytest

from avlib.metrics import interval
from avlib.plots import hulls

SQUARE = np.array([[0.0, 0], [2, 0], [2, 2], [0, 2], [1, 1]])


def test_hulls_of_all_members_and_of_the_inner_ones():
    points = np.vstack([SQUARE, SQUARE + 10, [[50.0, 50.0]]])
    groups = ["a"] * 5 + ["b"] * 5 + ["c"]
    pictures = {"PCA": {"plain": points, "mixed": 3 * points}, "t-SNE": {"plain": points, "mixed": points}}
    figure, drawn = hulls.embeddings(pictures, groups)
    titles = [axis.get_title() for axis in figure.axes]
    assert titles == ["PCA, plain", "PCA, mixed", "t-SNE, plain", "t-SNE, mixed"]
    rows = drawn.set_index(["model", "class"])
    whole = hulls.hull(points).volume
    assert rows.loc[("plain", "a"), "area"] == pytest.approx(4 / whole)
    assert rows.loc[("plain", "a"), "inner area"] < 4 / whole
    assert rows.loc[("mixed", "a"), "area"] == pytest.approx(4 / whole), "a share has no unit"
    assert np.isnan(rows.loc[("plain", "c"), "area"]), "one point has no hull"
    outline = figure.axes[0].lines[0].get_xydata()
    assert {tuple(corner) for corner in outline} == {(0, 0), (2, 0), (2, 2), (0, 2)}
    assert (outline[0] == outline[-1]).all()


def test_marks_stand_at_cost_and_score_and_the_front_joins_the_undominated():
    cost = {"none": 2.0, "mix": 2.0, "adversary": 5.0, "worse": 14.0}
    at = {
        name: interval(v, v + np.linspace(-0.02, 0.02, 9)) for name, v in zip(cost, (0.3, 0.4, 0.6, 0.5), strict=True)
    }
    figure, drawn = hulls.front(cost, {"universal": at, "sample-wise": at}, at)
    axis = figure.axes[0]
    marks = [box.lines[0].get_xydata()[0] for box in axis.containers]
    assert axis.lines[0].get_xydata().tolist() == [marks[1].tolist(), marks[2].tolist()]
    rows = drawn[drawn["attack"] == "universal"].set_index("defence")
    assert rows["on the front"].tolist() == [False, True, True, False]
    assert rows["value"].tolist() == pytest.approx([0.3, 0.4, 0.6, 0.5])
    assert rows["cost"].tolist() == list(cost.values())
    for (x, y), name in zip(marks, cost, strict=True):
        assert x == pytest.approx(cost[name], rel=0.1)
        assert y == pytest.approx(at[name].value)
    assert marks[0][0] < marks[1][0], "equal costs stand side by side"
