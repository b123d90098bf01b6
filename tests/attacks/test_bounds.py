"""x outside its bounds: one clamp, to [min(low, x), max(high, x)], in the search, in its result and in a shared δ."""

import math

import pytest
import torch

from avlib.attacks import Perturbation, Threat, fit_universal, noise, pgd
from avlib.attacks.perturbation import add, limits
from avlib.losses import bce
from tests.attacks.checks import MASK, inside
from tests.attacks.toys import NORMS, Curved, F, T, batch, gen, split, truth

LOW, HIGH = -1.0, 0.8
EDGE = 1 - MASK  # where nothing may move


def outside() -> dict[str, torch.Tensor]:
    """Clips of which some cells, on the mask and off it, lie 2 beyond their bounds."""
    x = batch()
    x["audio"][:, 0, 0], x["audio"][:, 2, 1], x["audio"][:, 5, 4] = HIGH + 2, HIGH + 2, LOW - 2
    return x


def within(x: torch.Tensor, moved: torch.Tensor) -> None:
    assert bool((moved >= x.clamp(max=LOW)).all())
    assert bool((moved <= x.clamp(min=HIGH)).all())


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("over", ["clip", "frame"])
def test_sample_wise(norm, over):
    x, model, threat = outside(), Curved().eval(), Threat(norm, 0.1, over=over, mask=MASK, bounds=(LOW, HIGH))
    y = truth(x)
    found = pgd(model, x, y, {"audio": threat}, steps=5)
    moved = found.batch["audio"]
    within(x["audio"], moved)
    assert torch.equal(moved * EDGE, x["audio"] * EDGE), "a masked cell moved"
    inside(x["audio"], moved - x["audio"], Threat(norm, 0.1, over=over, mask=MASK), tolerance=1e-4)
    torch.testing.assert_close(bce(model(found.batch), y), found.loss)


@pytest.mark.parametrize("norm", NORMS)
def test_shared(norm):
    x, data = outside(), split()
    found = fit_universal(
        Curved(), data, {"audio": Threat(norm, 3.0, mask=MASK, bounds=(LOW, HIGH))}, passes=3, batch_size=8
    )
    moved = found.apply(x)["audio"]
    within(x["audio"], moved)
    assert torch.equal(moved * EDGE, x["audio"] * EDGE), "a masked cell moved"
    assert bool(((moved - x["audio"]).abs() <= found.delta["audio"].abs() + 1e-6).all())
    y = data.labels
    loss = bce(Curved().eval()(found.apply(data.batch(range(24))[0])), y).detach()
    assert float(loss[::4].mean()) == pytest.approx(found.history["loss"].max(), rel=1e-5)


def test_noise_keeps_them_too():
    x = outside()
    made = noise(x, {"audio": Threat(2, 3.0, mask=MASK, bounds=(LOW, HIGH))}, generator=gen())
    moved = made.apply(x)["audio"]
    within(x["audio"], moved)
    assert torch.equal(moved * EDGE, x["audio"] * EDGE)
    torch.testing.assert_close(moved - x["audio"], made.delta["audio"])


def test_shared_noise_keeps_them_in_every_batch():
    threats = {"audio": Threat(2, 30.0, bounds=(LOW, HIGH))}
    made = noise(batch(), threats, generator=gen(), kind="universal")
    x = outside()
    within(x["audio"], made.apply(x)["audio"])


def test_bounds_may_differ_from_cell_to_cell_and_from_clip_to_clip():
    x = outside()
    low = torch.linspace(-2, 0, F)
    high = torch.linspace(0.1, 1, 6)[:, None, None]
    moved = add(x, {"audio": torch.full((1, T, F), 9.0)}, limits(x, {"audio": (low, high)}))["audio"]
    torch.testing.assert_close(moved, x["audio"].maximum(high.expand_as(moved)))
    moved = Perturbation({"audio": torch.full((1, T, F), -9.0)}, bounds={"audio": (low, high)}).apply(x)["audio"]
    torch.testing.assert_close(moved, x["audio"].minimum(low.expand_as(moved)))


def test_rounding_at_a_bound_holds_no_cell():
    """The first step goes to the bound, beyond the best point: x + δ may round to above it, and must come back."""
    high, peak, eps = 0.7, 0.6, 0.9

    class Peak(torch.nn.Module):
        def forward(self, batch):
            return -(batch["audio"] - peak).abs().flatten(1)  # one logit a cell

    x = torch.rand(8, T, F, generator=gen()) * peak
    assert bool((x + eps * ((high - x) / eps) > high).any()), "no cell is rounded out of its bounds"
    threat, steps = Threat(math.inf, eps, bounds=(0.0, high)), [1.0, *[0.02] * 10]
    found = pgd(
        Peak(),
        {"audio": x},
        torch.zeros(8, T * F),
        {"audio": threat},
        steps=11,
        step_size=steps,
        loss=lambda z, _: z.sum(1),
    )
    moved = found.batch["audio"]
    assert float((moved - peak).abs().max()) < 0.03
    assert float(moved.max()) <= high
    assert torch.equal(found.loss, Peak()({"audio": moved}).sum(1)), "not the batch whose loss is reported"
