"""Auto-PGD: the properties of any attack, and the rule by which its steps shrink."""

import math

import pytest
import torch

from avlib.attacks import Threat, apgd, falling, pgd
from avlib.attacks.apgd import _looks
from avlib.errors import AvlibError
from avlib.losses import margin
from tests.attacks import checks
from tests.attacks.toys import Curved, F, T, batch, gen, truth


@pytest.mark.parametrize("check", [checks.stays_inside, checks.reaches_dual_norm], ids=lambda check: check.__name__)
def test_property(check):
    check(apgd)


def test_the_best_point_is_returned_and_scored_as_the_model_scores_it():
    model, x = Curved(), batch()
    y = truth(x)
    found = apgd(model, x, y, {"audio": Threat(2, 3.0)}, steps=15, loss=margin)
    assert torch.equal(found.loss, found.history.amax(dim=1))
    torch.testing.assert_close(margin(model.eval()(found.batch), y), found.loss, atol=1e-5, rtol=0)
    assert found.history.shape == (len(y), 16)
    assert found.gradients.tolist() == [16] * len(y)


def test_clips_do_not_depend_on_their_company():
    model, x = Curved(), batch(7)
    y = truth(x)
    whole = apgd(model, x, y, {"audio": Threat(2, 1.0)}, steps=12).delta["audio"]
    alone = [
        apgd(model, {"audio": part}, target, {"audio": Threat(2, 1.0)}, steps=12).delta["audio"]
        for part, target in zip(x["audio"].split(3), y.split(3), strict=True)
    ]
    torch.testing.assert_close(torch.cat(alone), whole, atol=1e-5, rtol=0)


class Peak(torch.nn.Module):
    """A logit whose loss, its own value, is largest at x = .3 and falls on both sides."""

    def forward(self, x):
        return -(x["audio"] - 0.3).abs()


def test_steps_are_halved_until_a_peak_is_met_and_the_search_goes_back_to_its_best_point():
    x, y, ball = {"audio": torch.zeros(1, 1)}, torch.zeros(1, 1), {"audio": Threat(math.inf, 1.0)}
    found = apgd(Peak(), x, y, ball, steps=60, loss=lambda z, _: z[:, 0])
    assert found.history[0, 1] == pytest.approx(-0.7)  # the first step of 2ε crosses the whole ball
    assert float(found.loss) == pytest.approx(0.0, abs=0.02)
    long = pgd(Peak(), x, y, ball, steps=60, step_size=1.0, loss=lambda z, _: z[:, 0])
    assert float(long.loss) < -0.25  # steps that do not shrink jump over it for ever
    after = 1 + next(iter(_looks(60)))
    best = float(found.history[0, : after + 1].max())
    assert abs(float(found.history[0, after + 1 :].amin()) - best) < 0.75  # it never strays a whole step again


def algorithm_1(loss, x, steps):
    """Croce & Hein (2020), algorithm 1, for one clip in the ℓ∞ ball of radius 1: the losses that it meets."""
    shares = [0.0, 0.22]
    while shares[-1] + max(shares[-1] - shares[-2] - 0.03, 0.06) <= 1 + 1e-9:
        shares.append(shares[-1] + max(shares[-1] - shares[-2] - 0.03, 0.06))
    looks = [round(share * steps) for share in shares]

    def value_and_slope(at):
        at = at.clone().requires_grad_()
        value = loss(at)
        return float(value.detach()), torch.autograd.grad(value, at)[0].sign()

    eta, last = 2.0, x
    here, slope = value_and_slope(x)
    met, best, halved = [here], (here, x, slope), False
    record, rises, since = here, 0, 0
    for k in range(1, steps + 1):
        ahead = (x + eta * slope).clamp(-1, 1)
        new = ahead if k == 1 else (x + 0.75 * (ahead - x) + 0.25 * (x - last)).clamp(-1, 1)
        last, x = x, new
        here, slope = value_and_slope(x)
        rises, since = rises + (here > met[-1]), since + 1
        met.append(here)
        best = (here, x, slope) if here > best[0] else best
        if k in looks:
            stuck = rises < 0.75 * since or (not halved and best[0] <= record)
            if stuck:
                eta, (_, x, slope) = eta / 2, best
            halved, record, rises, since = stuck, best[0], 0, 0
    return met


@pytest.mark.parametrize("seed", range(4))
def test_it_walks_as_the_algorithm_of_the_paper_does(seed):
    weights = torch.randn(5, 6, generator=gen(seed), dtype=torch.float64)

    def bumpy(at):
        return (weights @ at).mul(3).sin().sum()

    class Model(torch.nn.Module):
        def forward(self, batch):
            return torch.stack([bumpy(clip) for clip in batch["audio"]])[:, None]

    x = {"audio": torch.zeros(1, 6, dtype=torch.float64)}
    found = apgd(Model(), x, torch.zeros(1, 1), {"audio": Threat(math.inf, 1.0)}, steps=100, loss=lambda z, _: z[:, 0])
    met = algorithm_1(bumpy, torch.zeros(6, dtype=torch.float64), 100)
    assert found.history[0].tolist() == pytest.approx(met, abs=1e-9)


def test_looks_are_those_of_the_paper_and_fit_any_number_of_steps():
    assert list(_looks(100)) == [22, 41, 57, 70, 80, 87, 93, 99]
    for steps in range(1, 40):
        looks = _looks(steps)
        assert sum(looks.values()) == max(looks, default=0) <= steps
        assert all(gap >= 1 for gap in looks.values())


def test_momentum_and_schedule_beat_one_long_step():
    model, x = Curved(), batch(12)
    y = truth(x)
    ball = {"audio": Threat(2, 1.0, over="frame")}
    auto = apgd(model, x, y, ball, steps=20, loss=margin)
    fixed = pgd(model, x, y, ball, steps=20, step_size=2.0, loss=margin)
    assert float(auto.loss.mean()) > float(fixed.loss.mean())


def test_flat_and_unsound_clips_are_named():
    class Half(torch.nn.Module):
        def forward(self, x):
            z = x["audio"].flatten(1).sum(dim=1, keepdim=True)
            bad = torch.where(torch.arange(len(z)) == 1, torch.nan, 1.0)[:, None]
            dead = torch.where(torch.arange(len(z)) == 2, 0.0, 1.0)[:, None]
            return z * bad * dead

    x = {"audio": torch.ones(3, T, F)}
    found = apgd(Half(), x, torch.zeros(3, 1), {"audio": Threat(2, 1.0)}, steps=3, loss=lambda z, _: z[:, 0])
    assert found.unsound.tolist() == [False, True, False]
    assert found.flat.tolist() == [False, False, True]


def test_no_step_is_refused():
    with pytest.raises(AvlibError, match="steps = 0"):
        apgd(Curved(), batch(), truth(batch()), {"audio": Threat(2, 1.0)}, steps=0)


def test_falling_steps_cross_the_ball_first_and_end_small():
    assert falling(1) == [1.0]
    assert falling(5) == pytest.approx([1.0, 0.8, 0.6, 0.4, 0.2])
