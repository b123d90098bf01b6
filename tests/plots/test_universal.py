"""What the figures of the chapter on universal perturbations draw can be had from what they return."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import torch

from avlib.metrics import Interval, decompose, interval, shift_share
from avlib.plots import universal


@pytest.fixture(autouse=True)
def _close():
    yield
    plt.close("all")


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
    figure, drawn = universal.sweep(pd.DataFrame(rows), chance=0.2)
    assert [container.get_label() for container in figure.axes[0].containers] == ["random δ", "universal δ"]
    fitted = drawn[drawn["attack"] == "universal δ"]
    for axis, measure in zip(figure.axes, ("mAP", "broken"), strict=True):
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


def test_the_two_parts_of_a_bar_add_up_and_keep_their_share():
    generator = torch.Generator().manual_seed(0)
    labels = (torch.rand(60, 4, generator=generator) < 0.3).float()
    clean = 3 * labels + torch.randn(60, 4, generator=generator)
    attacked = 0.5 * clean + torch.tensor([4.0, 0.0, -1.0, 1.0]) + torch.randn(60, 4, generator=generator)
    table = decompose(clean, attacked, labels)
    names = {"mAP": "mAP", "lwlrap": "lwlrap", "broken": "broken clips"}
    figure, drawn = universal.shares(table, names)
    drawn = drawn.set_index("measure")
    change = (table.loc["clean"] - table.loc["attacked"])[list(names)] * np.array([1, 1, -1])
    np.testing.assert_allclose(drawn.sum(axis=1), change)
    share = shift_share(table)
    np.testing.assert_allclose(drawn["class-constant shift"] / change, share[list(names)])
    assert drawn.loc["mAP", "class-constant shift"] == pytest.approx(0)
    widths = [[bar.get_width() for bar in bars] for bars in figure.axes[0].containers]
    np.testing.assert_allclose(widths, drawn.T.to_numpy())
