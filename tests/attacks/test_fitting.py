"""What a universal fit computes: of which clips, by which steps, and which pass it returns."""

import math

import pytest
import torch

from avlib.attacks import Threat, fit_universal
from avlib.data.split import Split
from avlib.losses import bce
from tests.attacks.toys import Curved, F, T, gen, split


class Cells(torch.nn.Module):
    """The cells are the logits: loss and gradient are on paper."""

    def forward(self, batch):
        return batch["audio"].flatten(1)


def cells(rows: list[list[float]]) -> Split:
    x = torch.tensor(rows)
    return Split({"audio": x}, torch.zeros_like(x), tuple(map(str, range(len(x)))))


def test_the_best_pass_is_returned_and_not_the_last_nor_any_other():
    """Steps that only grow overshoot a peak at .6: the passes reach .2, .5, 1 and 0; nearest is the second."""
    data = cells([[0.0]] * 4)
    found = fit_universal(
        Cells(),
        data,
        {"audio": Threat(math.inf, 1.0)},
        passes=4,
        batch_size=4,
        step_size=[0.2, 0.3, 0.5, 1.0],
        loss=lambda z, _: -(z[:, 0] - 0.6).abs(),
    )
    assert found.history["loss"].tolist() == pytest.approx([-0.6, -0.4, -0.1, -0.4, -0.6], abs=1e-6)
    assert float(found.delta["audio"]) == pytest.approx(0.5)
    assert found.ratio["audio"] == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("clips", "part", "expected"),
    [(24, 0.25, range(0, 24, 4)), (10, 0.4, (0, 2, 5, 7)), (10, 0.7, (0, 1, 2, 4, 5, 7, 8)), (9, 1.0, range(9)),
     (100, 0.001, (0,)), (30, 0.9, [i * 30 // 27 for i in range(27)])],
)  # fmt: skip
def test_passes_are_compared_on_the_share_that_was_asked_for(clips, part, expected):
    """Clip i has the loss 2^i mod a prime, whatever δ: a mean names the clips that it is of."""
    values = torch.tensor([float(pow(2, i, 10007)) for i in range(clips)], dtype=torch.float64)
    data = Split({"audio": values[:, None]}, torch.zeros(clips, 1), tuple(map(str, range(clips))))
    found = fit_universal(
        Cells(), data, {"audio": Threat(2, 1e-9)}, passes=1, batch_size=7, part=part, loss=lambda z, _: z[:, 0]
    )
    assert found.history["loss"][0] == pytest.approx(float(values[list(expected)].mean()), rel=1e-12)


def test_the_pass_is_chosen_by_the_held_part_alone():
    """The three clips in four that are not looked at gain by δ > .5, the held one loses: δ stays at .5."""
    data = cells([[1.0], [0.0], [0.0], [0.0]])

    def loss(z, _):
        held = z[:, 0] >= 0.9  # by the toy: x = 1, and δ ≥ 0
        return torch.where(held, -(z[:, 0] - 1.5).abs(), 5 * z[:, 0].clamp(max=0.89))

    found = fit_universal(
        Cells(), data, {"audio": Threat(math.inf, 0.8)}, passes=2, batch_size=4, step_size=[0.5, 0.5], loss=loss
    )
    assert found.history["loss"].tolist() == pytest.approx([-0.5, -0.1, -0.3])
    assert float(found.delta["audio"]) == pytest.approx(0.4)


@pytest.mark.parametrize("generator", [None, gen()], ids=["in order", "shuffled"])
def test_every_clip_is_used_in_every_pass(generator):
    """Clip i alone gains by cell i: after one pass of full steps all cells are at ε."""
    data = cells(torch.eye(10).tolist())
    found = fit_universal(
        Cells(),
        data,
        {"audio": Threat(math.inf, 0.3)},
        passes=1,
        batch_size=3,
        step_size=1.0,
        generator=generator,
        loss=lambda z, _: torch.where(z > 0.5, z, 0).sum(dim=1),
    )
    torch.testing.assert_close(found.delta["audio"], torch.full((1, 10), 0.3))


def test_steps_shrink_from_one_half_to_nothing_in_equal_parts():
    """On a slope that never bends, two passes go 1/2 + 1/4 of ε, and a third of a finer schedule 1/2 + 1/3 + 1/6."""
    data = cells([[0.0, 0.0]] * 4)
    for passes, reached in ((2, [0.5, 0.75]), (3, [1 / 2, 5 / 6, 1.0])):
        threats = {"audio": Threat(math.inf, 2.0)}
        found = fit_universal(Cells(), data, threats, passes=passes, batch_size=4, loss=lambda z, _: z.sum(dim=1))
        assert found.history["ratio_audio"].tolist() == pytest.approx([0.0, *reached])


@pytest.mark.parametrize(("pass_", "moved"), [(1, 5), (2, 1)])
def test_l1_moves_a_hundredth_of_the_cells_in_the_first_half_of_all_passes_and_one_in_the_second(pass_, moved):
    data = cells([[0.0] * 500] * 2)
    sizes = [0.5 if number == pass_ else 1e-9 for number in (1, 2)]
    slopes = torch.linspace(1, 2, 500)
    found = fit_universal(
        Cells(), data, {"audio": Threat(1, 1.0)}, passes=2, batch_size=2, step_size=sizes, loss=lambda z, _: z @ slopes
    )
    assert int((found.delta["audio"] > 1e-6).sum()) == moved


def test_a_fit_settles_on_a_peak():
    data = cells([[0.0]] * 4)
    threats = {"audio": Threat(math.inf, 1.0)}
    found = fit_universal(Cells(), data, threats, passes=20, batch_size=4, loss=lambda z, _: -((z[:, 0] - 0.3) ** 2))
    assert float(found.delta["audio"]) == pytest.approx(0.3, abs=0.03)


def test_bounds_are_part_of_what_is_climbed():
    """The first cell has the steeper slope and no room; a search that does not see this spends ε on it."""
    data = cells([[0.99, 0.0]] * 4)
    found = fit_universal(
        Cells(),
        data,
        {"audio": Threat(2, 0.5, bounds=(0.0, 1.0))},
        passes=20,
        batch_size=4,
        loss=lambda z, _: 10 * z[:, 0] + z[:, 1],
    )
    assert float(found.delta["audio"][0, 1]) > 0.48
    assert found.history["loss"].max() > 10 + 0.48


def test_on_a_network_the_reported_loss_is_that_of_the_delta_that_is_returned():
    data, model = split(), Curved()
    found = fit_universal(
        model, data, {"audio": Threat(2, 3.0)}, passes=6, batch_size=8, step_size=1.5, generator=gen()
    )
    assert found.delta["audio"].shape == (1, T, F)
    assert 0 < found.history["loss"].argmax() < 6, "this toy no longer overshoots"
    held = list(range(0, 24, 4))
    x, y = data.batch(held)
    loss = float(bce(model.eval()(found.apply(x)), y).mean().detach())
    assert loss == pytest.approx(found.history["loss"].max(), rel=1e-5)


def test_an_optimiser_takes_the_steps_and_each_is_projected():
    """SGD on one logit whose slope is 1: the rate falls with the passes, and the ball holds."""
    data, rates = cells([[0.0]] * 4), []

    def sgd(ws):
        made = torch.optim.SGD(ws, lr=0.3)
        made.register_step_pre_hook(lambda optimizer, *_: rates.append(optimizer.param_groups[0]["lr"]))
        return made

    how = {"passes": 3, "batch_size": 4, "loss": lambda z, _: z[:, 0] / 4, "optimizer": sgd}
    found = fit_universal(Cells(), data, {"audio": Threat(math.inf, 0.5)}, **how)
    assert rates == pytest.approx([0.3, 0.2, 0.1])
    # A batch of four has the slope 4 · ε / 4 = .5 in units of ε: .15, then .25, then .3 of the radius.
    assert found.history["ratio_audio"].tolist() == pytest.approx([0, 0.15, 0.25, 0.3])
    far = fit_universal(Cells(), data, {"audio": Threat(math.inf, 50.0)}, **how)
    assert far.history["ratio_audio"].tolist() == pytest.approx([0, 1, 1, 1])


@pytest.mark.parametrize("norm", [1, 2, math.inf])
def test_adam_on_a_curved_model_stays_inside_and_raises_the_loss(norm):
    threats = {"audio": Threat(norm, 1.0, over="frame")}
    adam = lambda ws: torch.optim.Adam(ws, lr=0.1)  # noqa: E731
    found = fit_universal(Curved(), split(), threats, passes=4, batch_size=8, optimizer=adam, generator=gen())
    assert found.history["ratio_audio"].max() <= 1 + 1e-5
    assert found.history["loss"].max() > found.history["loss"][0] + 0.02
