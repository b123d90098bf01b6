"""What is drawn is what was computed."""

import numpy as np
import pandas as pd
import torch

from avlib.attacks.landscape import Landscape
from avlib.plots import breaking


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


def test_loss_curves_are_means_over_clips_of_the_best_so_far():
    history = torch.tensor([[1.0, 2.0, 4.0, 1.0], [3.0, 6.0, 0.0, 0.0]])
    figure, drawn = breaking.loss_by_step({"PGD": history}, steps=2)
    assert drawn["PGD"].tolist() == [2.0, 4.0, 5.0, 5.0]
    curve = figure.axes[0].lines[0]
    assert curve.get_xydata().tolist() == [[1, 4], [2, 5], [3, 5]]
    assert curve.get_xydata()[curve.get_markevery()].tolist() == [[2, 5]]


def test_before_and_after_share_their_colours_and_say_the_answers():
    clean, delta = torch.rand(20, 64), torch.full((20, 64), 0.1)
    figure, drawn = breaking.before_and_after(clean, delta, 0.5, ["bell ✓", "cat ✗", "dog ✗"])
    images = [axis.images[0] for axis in figure.axes[:3]]
    assert images[0].get_clim() == images[2].get_clim()
    assert np.allclose(images[2].get_array(), (drawn["clean"] + drawn["delta"]).T)
    assert [axis.get_xlabel().splitlines()[-1] for axis in figure.axes[:3]] == ["bell ✓", "cat ✗", "dog ✗"]


def _table(**columns):
    rows = [{"attack": name, "epsilon": eps, "value": 0.5} for name in ("noise", "PGD") for eps in (0.1, 0.2)]
    return pd.DataFrame(rows).assign(**{"low": 0.3, "high": 0.6, **columns})


def test_strength_draws_value_and_interval_and_names_its_levels():
    figure, _ = breaking.strength(_table(), "mAP", {"clean": 0.7, "chance": 0.2})
    curve = figure.axes[0].containers[0].lines
    assert curve[0].get_ydata().tolist() == [0.5, 0.5]
    assert curve[1][0].get_ydata().tolist() == [0.3, 0.3]
    assert {0.7, 0.2} <= {line.get_ydata()[0] for line in figure.axes[0].lines}
    assert {" clean", " chance"} <= {shown.get_text() for shown in figure.axes[0].texts}


def test_at_one_radius_no_interval_hides_another():
    figure, _ = breaking.strength(_table(), "mAP", {})
    noise, search = (np.array(bars.lines[0].get_xdata(), float) for bars in figure.axes[0].containers)
    assert (search / noise > 1.02).all()
    assert np.allclose(np.sqrt(noise * search), [0.1, 0.2])  # side by side of the radius itself


def test_a_value_outside_its_interval_is_drawn_all_the_same():
    breaking.strength(_table(low=0.55, high=0.45), "mAP", {})


def test_the_map_shows_the_ball_and_the_path():
    ticks = torch.arange(-12, 13) / 10
    size = (ticks[:, None].square() + ticks.square()).sqrt()
    figure, drawn = breaking.loss_map(Landscape(ticks.expand(25, 25), size, [(0.4, 0.0), (1.0, 0.0)]))
    axis = figure.axes[0]
    assert axis.lines[0].get_xydata().tolist() == [[0, 0], [0.4, 0], [1, 0]]
    edge = np.concatenate([path.vertices for path in axis.collections[1].get_paths()])
    assert np.allclose(np.hypot(*edge.T), 1, atol=0.01)
    assert torch.equal(drawn["size"], size)
