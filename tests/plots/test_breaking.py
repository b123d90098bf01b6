"""What is drawn is what was computed."""

import math

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import torch

from avlib.plots import breaking


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def test_radii_become_the_share_within_reach():
    radii = {2.0: torch.tensor([3.0, 1.0, 2.0, 4.0])}
    found = pd.DataFrame({"norm": [2.0], "epsilon": [2.0], "flipped": [0.5]})
    figure, _ = breaking.flipped_by_radius(radii, found)
    formula, marks = figure.axes[0].lines
    assert formula.get_xdata().tolist() == [1, 2, 3, 4]
    assert formula.get_ydata().tolist() == [0.25, 0.5, 0.75, 1]
    assert (marks.get_xdata()[0], marks.get_ydata()[0]) == (2.0, 0.5)


def test_every_projection_lands_in_its_ball():
    _, drawn = breaking.projections(breaking.demo_points())
    sizes = {"ℓ1": lambda p: np.abs(p).sum(1), "ℓ2": lambda p: np.hypot(*p.T), "ℓ∞": lambda p: np.abs(p).max(1)}
    for name, rows in drawn.groupby("norm"):
        ends = rows[["to_x", "to_y"]].to_numpy()
        assert (sizes[name](ends) <= 1 + 1e-6).all()
        inside = sizes[name](rows[["x", "y"]].to_numpy()) <= 1
        assert np.allclose(ends[inside], rows[["x", "y"]].to_numpy()[inside])
    assert set(drawn["norm"]) == set(breaking.NORM_NAMES.values())


def test_loss_curves_are_means_over_clips():
    history = torch.tensor([[1.0, 2.0], [3.0, 6.0]])
    figure, drawn = breaking.loss_by_step({"PGD": history})
    assert drawn["PGD"].tolist() == [2.0, 4.0]
    assert figure.axes[0].lines[0].get_ydata().tolist() == [2.0, 4.0]


def test_before_and_after_share_their_colours():
    clean, delta = torch.rand(20, 64), torch.full((20, 64), 0.1)
    figure, drawn = breaking.before_and_after(clean, delta, 0.5)
    images = [axis.images[0] for axis in figure.axes[:3]]
    assert images[0].get_clim() == images[2].get_clim()
    assert np.allclose(images[2].get_array(), (drawn["clean"] + drawn["delta"]).T)


def test_strength_draws_value_and_interval():
    table = pd.DataFrame({"attack": ["PGD"] * 2, "epsilon": [0.1, 0.2], "value": [0.5, 0.4], "low": 0.3, "high": 0.6})
    figure, _ = breaking.strength(table, "mAP", clean=0.7)
    curve = figure.axes[0].containers[0].lines
    assert curve[0].get_ydata().tolist() == [0.5, 0.4]
    assert curve[1][0].get_ydata().tolist() == [0.3, 0.3]
    assert math.isclose(figure.axes[0].lines[-1].get_ydata()[0], 0.7)
