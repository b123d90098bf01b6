"""What the figures of the chapter on trust draw is what they return."""

import math

import matplotlib as mpl
import pandas as pd
import torch

from avlib.plots import trust


def test_searches_are_lines_against_their_steps():
    rows = [(name, k, k / 10 + i, k / 100) for i, name in enumerate(("small", "long")) for k in (5, 10, 40)]
    found = pd.DataFrame(rows, columns=["search", "steps", "margin", "broken"])
    figure, drawn = trust.by_steps(found)
    left, right = figure.axes
    assert [line.get_label() for line in left.lines] == ["small", "long"]
    assert left.lines[1].get_ydata().tolist() == [1.5, 2.0, 5.0]
    assert right.lines[0].get_xdata().tolist() == [5, 10, 40]
    assert right.lines[0].get_ydata().tolist() == [0.05, 0.1, 0.4]
    assert drawn.equals(found)


def test_a_flag_is_red_and_crossed_and_what_holds_is_green_and_ticked():
    trials = {
        "tagger": pd.DataFrame({"value": [0.0, 1.0], "raised": [False, False]}, index=["one", "two"]),
        "rounded": pd.DataFrame({"value": [0.25, math.nan], "raised": [True, True]}, index=["one", "two"]),
    }
    figure, drawn = trust.board(trials)
    axis = figure.axes[0]
    words = [text.get_text() for text in axis.texts]
    assert words == ["one", "✓ 0.00", "✗ 0.25", "two", "✓ 1.00", "✗ –"]
    edges = [mpl.colors.to_hex(box.get_edgecolor()) for box in axis.patches]
    assert edges == [trust.HELD, trust.RAISED, trust.HELD, trust.RAISED]
    assert [text.get_text() for text in axis.get_xticklabels()] == ["tagger", "rounded"]
    assert drawn.query("model == 'rounded' and check == 'one'")["value"].item() == 0.25
    assert drawn["raised"].tolist() == [False, False, True, True]


def test_the_promise_is_the_tangent_at_the_clip():
    heights = {"tagger": torch.tensor([-4.0, -2.0, 1.0]), "rounded": torch.tensor([-4.0, -3.0, 0.0])}
    figure, drawn = trust.along(heights, {"tagger": 3.0, "rounded": 0.0})
    for axis, name in zip(figure.axes, heights, strict=True):
        loss, promise = axis.lines[:2]
        assert axis.get_title() == name
        assert loss.get_ydata().tolist() == heights[name].tolist()
        assert loss.get_xdata().tolist() == [0, 0.5, 1]
        assert promise.get_ydata().tolist() == drawn[f"{name}, promised"].tolist()
    assert drawn["tagger, promised"].tolist() == [-4, -2.5, -1]
    assert drawn["rounded, promised"].tolist() == [-4, -4, -4]
