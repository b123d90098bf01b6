"""What the figures of the chapter on universal perturbations draw can be had from what they return."""

import itertools

import numpy as np
import pandas as pd
import pytest
import torch

from avlib.metrics import Interval, decompose, fates, interval, shift_share
from avlib.plots import universal


def _interval(value: float) -> Interval:
    return interval(value, value + np.linspace(-0.05, 0.02, 9))


def test_lines_by_pass_are_the_histories():
    histories = {
        name: pd.DataFrame({"pass": [0, 1, 2], "loss": [0.1, 0.3, last], "ratio_audio": [0.0, 1.0, last]})
        for name, last in (("projected", 1.0), ("released", 2.0))
    }
    figure, drawn = universal.by_pass(histories)
    for axis, column in zip(figure.axes, ("ratio_audio", "loss"), strict=True):
        for line, name in zip(axis.lines, histories, strict=False):
            assert line.get_label() == name
            np.testing.assert_array_equal(line.get_ydata(), drawn.loc[drawn["attack"] == name, column])


def test_a_random_delta_stands_at_the_end_of_the_lines():
    history = pd.DataFrame({"pass": [0, 1, 2], "loss": [0.1, 0.3, 0.9], "ratio_audio": [0.0, 1.0, 7.0]})
    figure, drawn = universal.by_pass({"projected": history, "released": history}, {"released": 0.4})
    marks = figure.axes[1].lines[2]
    assert marks.get_label() == "random, as long as released"
    assert (marks.get_xdata().tolist(), marks.get_ydata().tolist()) == ([2], [0.4])
    assert marks.get_color() == figure.axes[1].lines[1].get_color()
    assert drawn.iloc[-1][["pass", "loss", "ratio_audio"]].tolist() == [2, 0.4, 7.0]
    words = [text.get_text() for text in figure.legends[0].get_texts()]
    assert words == ["projected", "released", "random, as long as released"]


def test_shapes_share_one_scale_and_profile_each_bin():
    deltas = {"fitted": torch.randn(10, 8), "random": 5 * torch.randn(10, 8)}
    figure, drawn = universal.shapes(deltas, seconds=1.0)
    scales = {axis.images[0].get_clim() for axis in figure.axes[:2]}
    assert len(scales) == 1
    for line, (name, delta) in zip(figure.axes[2].lines, deltas.items(), strict=True):
        torch.testing.assert_close(drawn[name], delta.square().mean(dim=0).sqrt())
        np.testing.assert_array_equal(line.get_xdata(), drawn[name])


def test_the_sweep_keeps_the_intervals_and_leaves_clean_out_of_the_lines():
    rows = [{"attack": "clean", "epsilon": 0.0, "mAP": _interval(0.6), "broken": _interval(0.3)}]
    rows += [
        {"attack": name, "epsilon": eps, "mAP": _interval(0.6 - drop * eps), "broken": _interval(0.3 + drop * eps)}
        for eps in (0.3, 1.0)
        for name, drop in (("random δ", 0.0), ("universal δ", 0.3))
    ]
    gaps = {eps: _interval(0.3 * eps) for eps in (0.3, 1.0)}
    figure, data = universal.sweep(pd.DataFrame(rows), gaps, chance=0.2, epsilon=1.0)
    drawn = pd.DataFrame({name: values for name, values in data.items() if not name.startswith("gap")})
    assert [container.get_label() for container in figure.axes[0].containers] == ["random δ", "universal δ"]
    fitted = drawn[drawn["attack"] == "universal δ"]
    (points, _, _), mark = figure.axes[2].containers[0], figure.axes[2].lines[-1]
    assert points.get_ydata().tolist() == data["gap_value"] == [gap.value for gap in gaps.values()]
    assert points.get_xdata().tolist() == data["gap_epsilon"] == [0.3, 1.0]
    assert set(mark.get_xdata()) == {1.0}
    assert {text.get_text() for text in figure.legends[0].get_texts()} >= {"clean", "chance"}
    for axis, measure in zip(figure.axes, ("mAP", "broken"), strict=False):
        line, _, (bars,) = axis.containers[1]
        np.testing.assert_array_equal(line.get_xdata(), [0.3, 1.0])
        np.testing.assert_array_equal(line.get_ydata(), fitted[f"{measure}_value"])
        ends = np.array(bars.get_segments())[:, :, 1]
        np.testing.assert_allclose(ends, fitted[[f"{measure}_low", f"{measure}_high"]])


def test_a_shifted_class_lies_on_its_line():
    clean = torch.randn(20, 3)
    shift = torch.tensor([1.0, -2.0, 0.0])
    figure, drawn = universal.shifted_logits({"linear": (clean, clean + shift), "none": (clean, clean)}, "abc", [0, 1])
    assert set(drawn["class"]) == {"a", "b"}
    moved = drawn[drawn["panel"] == "linear"].groupby("class")
    for name, by in (("a", 1.0), ("b", -2.0)):
        rows = moved.get_group(name)
        np.testing.assert_allclose(rows["attacked"] - rows["clean"], by, rtol=1e-5)
    marks, line = figure.axes[0].lines[:2]
    assert marks.get_label() == "a"
    np.testing.assert_allclose(np.ptp(line.get_ydata() - line.get_xdata()), 0, atol=1e-6)


def test_the_marks_of_a_bar_are_the_shares_of_its_drop():
    generator = torch.Generator().manual_seed(0)
    labels = (torch.rand(60, 4, generator=generator) < 0.3).float()
    clean = 3 * labels + torch.randn(60, 4, generator=generator)
    attacked = 0.5 * clean + torch.tensor([4.0, 0.0, -1.0, 1.0]) + torch.randn(60, 4, generator=generator)
    table = decompose(clean, attacked, labels)
    names = {"mAP": "mAP", "lwlrap": "lwlrap", "broken": "broken clips"}
    figure, drawn = universal.shares(table, names)
    drawn = drawn.set_index("measure")
    change = (table.loc["clean"] - table.loc["attacked"])[list(names)] * np.array([1, 1, -1])
    np.testing.assert_allclose(drawn["the whole drop"], change)
    share = shift_share(table)[list(names)]
    np.testing.assert_allclose(drawn["the shift, alone"] / change, share.loc["shift first"])
    np.testing.assert_allclose(drawn["the shift, after the rest"] / change, share.loc["rest first"])
    assert drawn.loc["mAP", "the shift, alone"] == pytest.approx(0)
    assert [bar.get_width() for bar in figure.axes[0].patches] == pytest.approx(change.tolist())
    for marks, order in zip(figure.axes[0].lines, ("the shift, alone", "the shift, after the rest"), strict=False):
        np.testing.assert_allclose(marks.get_xdata(), drawn[order])


def test_bands_are_as_high_as_their_clips_and_meet_the_states():
    labels = torch.eye(2).repeat(50, 1)
    clean = labels + 0.8 * torch.randn(100, 2, generator=torch.Generator().manual_seed(0))
    attacked = {"weak": clean + torch.tensor([0.5, 0.0]), "strong": clean.flip(0) + torch.tensor([3.0, 0.0])}
    panels = {name: fates(clean, z, labels, torch.tensor([0.5, 0.0])) for name, z in attacked.items()}
    figure, drawn = universal.flow(panels)
    assert drawn["clips"].sum() == 200
    for axis, (title, table) in zip(figure.axes, panels.items(), strict=True):
        bands = [band.get_paths()[0].vertices for band in axis.collections]
        heights = [np.ptp(band[np.isclose(band[:, 0], end)][:, 1]) for band in bands for end in (0, 1)]
        np.testing.assert_allclose(heights, np.repeat(table["clips"], 2), atol=1e-6)
        for end in (0, 1):  # one below the other
            edges = [band[np.isclose(band[:, 0], end)][:, 1] for band in bands]
            sides = sorted((edge.max(), edge.min()) for edge in edges if np.ptp(edge))[::-1]
            assert sides[0][0] == 0
            assert all(above[1] >= below[0] - 1e-9 for above, below in itertools.pairwise(sides))
        assert axis.get_title() == title
        counts = {int(text.get_text().split()[1]) for text in axis.texts}
        assert counts <= set(table.groupby("after")["clips"].sum()) | set(table.groupby("before")["clips"].sum())
        spaces = np.diff(sorted(text.get_position()[1] for text in axis.texts if text.get_ha() == "left"))
        assert (spaces > 4).all()


def test_a_state_without_clips_is_not_named():
    labels = torch.eye(2).repeat(5, 1)
    figure, _ = universal.flow({"nothing": fates(labels, labels, labels, torch.zeros(2))})
    assert [text.get_text() for text in figure.axes[0].texts] == ["right  10", "right  10"]
