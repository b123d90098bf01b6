"""A specification curve draws each effect once, in order, over the options that it was measured under."""

import pandas as pd
import pytest

from avlib.multiverse import CONTROL, EFFECT
from avlib.plots import specifications
from avlib.plots.screen import stack
from tests.book.cells import between

FOUND = pd.DataFrame(
    {
        "ball": ["frame", "clip", "clip"],
        "fit": ["train", "train", "eval"],
        EFFECT: [between(0.1, 0.3), between(-0.4, -0.2), between(-0.1, 0.3)],
        CONTROL: [between(0.0, 0.1), between(0.1, 0.2), between(-0.1, 0.1)],
    }
)


def drawn():
    return specifications.curves({"one claim": FOUND, "another": FOUND.iloc[:1]})


def marks(axis, marker):
    return [line for line in axis.lines if line.get_marker() == marker]


def test_effects_stand_in_order_with_their_intervals_and_their_controls():
    figure, data = drawn()
    top = figure.axes[0]
    assert top.get_title() == "one claim"
    values = [box.lines[0].get_ydata()[0] for box in top.containers]
    assert values == pytest.approx([-0.3, 0.1, 0.2])
    ends = [box.lines[2][0].get_segments()[0][:, 1].tolist() for box in top.containers]
    assert ends == [pytest.approx(pair) for pair in ([-0.4, -0.2], [-0.1, 0.3], [0.1, 0.3])]
    crosses = [float(line.get_ydata()[0]) for line in marks(top, "x")]
    assert crosses == pytest.approx([0.15, 0.0, 0.05])  # each below the effect that it controls
    assert data["options"].tolist() == ["frame, train", "clip, train", "clip, eval", "frame, train"]
    assert data["value"].tolist() == pytest.approx([0.2, -0.3, 0.1, 0.2])


def test_full_marks_leave_out_zero_and_a_ring_is_round_the_books_own():
    top = drawn()[0].axes[0]
    filled = [box.lines[0].get_markerfacecolor() != "none" for box in top.containers]
    assert filled == [True, False, True]
    [ring] = [line for line in marks(top, "o") if line.get_markersize() == 10]
    assert ring.get_xydata().tolist() == [pytest.approx([2, 0.2])]


def test_a_dot_below_an_effect_is_an_option_that_it_has():
    figure, _ = drawn()
    below = figure.axes[2]
    labels = [label.get_text() for label in below.get_yticklabels()]
    assert labels == ["frame", "clip", "train", "eval"]
    rows = dict(zip(below.get_yticks(), labels, strict=True))
    taken = {(rows[y], int(x)) for line in marks(below, ".") if line.get_markersize() > 4 for x, y in line.get_xydata()}
    assert taken == {("clip", 0), ("clip", 1), ("frame", 2), ("train", 0), ("eval", 1), ("train", 2)}
    every = sum(len(line.get_xydata()) for line in marks(below, "."))
    assert every == 4 * 3


def test_on_a_phone_the_matrix_stays_below_its_curve():
    figure, _ = drawn()
    stack(figure)
    figure.draw_without_rendering()
    height = [axis.get_position().y0 for axis in figure.axes]  # curves first, matrices then
    assert height[0] > height[2] > height[1] > height[3]
