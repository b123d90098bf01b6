"""What the figures of the chapter on models draw is what they return."""

import numpy as np
import pandas as pd
import pytest
import torch

from avlib.models import POOLINGS
from avlib.plots import models


def lines(axis):
    return {line.get_label(): line.get_xydata() for line in axis.lines if not line.get_label().startswith("_")}


def test_reach_adds_up_the_shares_from_the_middle_outwards():
    shares = {"CSN": torch.tensor([0.5, 0.25, 0.25]), "CRNN": torch.tensor([0.1, 0.8, 0.1])}
    figure, drawn = models.reach(shares, hop=0.5)
    drawn_lines = lines(figure.axes[0])
    assert drawn_lines.pop("all frames alike").tolist() == [[0, 0], [0.75, 1]]
    assert drawn["CSN"].tolist() == [0.25, 1.0]
    assert drawn["CRNN"].tolist() == pytest.approx([0.8, 1.0])
    for name, points in drawn_lines.items():
        assert points[:, 0].tolist() == [0.25, 0.75] == drawn["seconds"].tolist()
        assert points[:, 1] == pytest.approx(drawn[name].to_numpy())


@pytest.mark.parametrize("frames", [4, 5, 100])
def test_frames_alike_lie_on_the_line_of_frames_alike(frames):
    _, drawn = models.reach({"even": torch.full((frames,), 1 / frames)}, hop=0.025)
    assert drawn["even"].to_numpy() == pytest.approx(drawn["seconds"].to_numpy() / (frames * 0.025 / 2))


def test_training_curves_show_each_models_own_history():
    histories = {
        name: pd.DataFrame(
            {"epoch": [1, 2], "train_loss": [loss, loss / 2], "valid_mAP": [0.2, 0.3], "seconds": [1, 1]}
        )
        for name, loss in {"CSN": 0.6, "ResNet": 0.4}.items()
    }
    figure, drawn = models.training_curves(histories)
    left, right = map(lines, figure.axes)
    for name in histories:
        rows = drawn[drawn["model"] == name]
        assert left[name][:, 1].tolist() == rows["train_loss"].tolist()
        assert right[name][:, 1].tolist() == rows["valid_mAP"].tolist()
    assert drawn["train_loss"].tolist() == [0.6, 0.3, 0.4, 0.2]


@pytest.mark.parametrize("published", [[0.1, np.nan], [np.nan, np.nan]])
def test_class_differences_put_each_class_on_its_line_the_largest_on_top(published):
    table = pd.DataFrame(
        {"class": ["a", "b"], "value": [-0.2, 0.1], "low": [-0.3, 0.0], "high": [0.1, 0.3], "published": published}
    )
    figure, drawn = models.class_differences(table, "difference")
    (axis,) = figure.axes
    assert drawn["class"].tolist() == ["a", "b"]  # what is kept has the order of the classes, whoever wins
    assert [text.get_text() for text in axis.get_yticklabels()] == ["b", "a"]
    assert axis.yaxis_inverted()
    bars = axis.containers[0]
    assert bars.lines[0].get_xydata().tolist() == [[0.1, 0], [-0.2, 1]]
    ends = [segment[:, 0].tolist() for segment in bars.lines[2][0].get_segments()]
    assert np.allclose(ends, drawn[["low", "high"]][::-1])
    assert (not figure.legends) == np.isnan(published).all()


def test_pooled_by_length_draws_one_curve_a_pooling():
    answers = pd.DataFrame({"share": [0.01, 1.0], **{name: [i / 10, 0.9] for i, name in enumerate(POOLINGS)}})
    figure, drawn = models.pooled_by_length(answers, {"event": 0.9})
    curves = lines(figure.axes[0])
    assert tuple(curves) == POOLINGS
    assert all(curves[name][:, 1].tolist() == drawn[name].tolist() for name in POOLINGS)


def test_real_events_lie_as_a_bar_at_the_foot():
    answers = pd.DataFrame({"share": [0.01, 1.0], **{name: [0.1, 0.9] for name in POOLINGS}})
    figure, _ = models.pooled_by_length(answers, {"event": 0.9}, [0.4, 0.2, 0.9])
    bar = lines(figure.axes[0])["events of these clips"]
    assert bar.tolist() == [[0.2, 0], [0.9, 0]]
    assert figure.axes[0].lines[-1].get_xydata().tolist() == [[0.4, 0]]


@pytest.mark.parametrize(("draw", "kind", "item"), [("poolings", "encoding", "pooling"), ("inside", "whose", "model")])
def test_dots_with_intervals_lie_near_the_line_of_their_name(draw, kind, item):
    table = pd.DataFrame(
        [(k, i, v, v - 0.1, v + 0.2) for k, shift in (("x", 0.1), ("y", 0.3)) for i, v in (("p", shift), ("q", 0.4))],
        columns=[kind, item, "value", "low", "high"],
    )
    figure, drawn = models.poolings(table, 0.3) if draw == "poolings" else models.inside(table)
    (axis,) = figure.axes
    assert [text.get_text() for text in axis.get_yticklabels()] == ["p", "q"]
    for container, (_, rows) in zip(axis.containers, drawn.groupby(kind, sort=False), strict=True):
        points = container.lines[0].get_xydata()
        assert points[:, 0].tolist() == rows["value"].tolist()
        assert np.round(points[:, 1]).tolist() == [0, 1]


def test_attention_is_drawn_as_a_multiple_of_even_attention_over_the_frames_own_time():
    weights = {"CSN": (torch.tensor([0.25, 0.75]), torch.tensor([0.0, 1.0, 2.0]))}
    figure, drawn = models.attention(torch.rand(8, 4), weights, [(0.5, 1.5)], 2.0, "Bell")
    top, bottom = figure.axes
    for axis in (top, bottom):
        assert list(axis.lines[0].get_xdata()) == [0.5, 1.5]
    step = bottom.patches[-1]
    assert step.get_data().values.tolist() == [0.5, 1.5] == drawn["CSN"].tolist()
    assert step.get_data().edges.tolist() == [0, 1, 2]
    assert top.get_title() == "Bell"
    assert top.title.get_position()[0] == 0.5
