import itertools
import math

import pytest
import torch

from avlib.attacks import Threat, fgsm, noise, pgd
from avlib.errors import AvlibError
from avlib.losses import bce, margin, ranking
from tests.attacks import checks
from tests.attacks.checks import MASK
from tests.attacks.toys import NORMS, Curved, Linear, batch, coin, gen, signed, truth

BOTH = {"audio": Threat(2, 1.0), "video": Threat(2, 0.5)}


@pytest.mark.parametrize(
    "check",
    [
        checks.stays_inside,
        checks.reaches_dual_norm,
        checks.best_so_far,
        checks.batch_size_does_not_matter,
        checks.leaves_model_untouched,
    ],
    ids=lambda check: check.__name__,
)
def test_property(check):
    check()


@pytest.mark.parametrize("norm", NORMS)
def test_random_starts_reach_the_closed_form_too(norm):
    model, x, y = Linear(), batch(dtype=torch.float64), coin()
    threats = {"audio": Threat(norm, 0.3)}
    zero = pgd(model, x, y, threats, steps=100, step_size=0.25, loss=signed)
    start = {"audio": noise(x, threats, generator=gen()).delta["audio"]}
    there = pgd(model, x, y, threats, steps=100, step_size=0.25, loss=signed, start=start)
    torch.testing.assert_close(there.loss, zero.loss, rtol=1e-3, atol=1e-4)


def test_l1_reaches_the_vertex_among_thousands_of_coordinates():
    weights = torch.randn(100, 64, generator=gen(), dtype=torch.float64)

    class Wide(torch.nn.Module):
        def forward(self, batch):
            return torch.einsum("ntf,tf->n", batch["audio"], weights)[:, None]

    x = {"audio": torch.zeros(2, 100, 64, dtype=torch.float64)}
    found = pgd(Wide(), x, torch.zeros(2, 1).double(), {"audio": Threat(1, 3.0)}, steps=10, loss=signed)
    torch.testing.assert_close(found.loss, (3 * weights.abs().max()).expand(2), rtol=1e-3, atol=0)


def test_a_tagger_of_sound_alone_takes_batches_with_pictures():
    class Deaf(Curved):
        modalities = ("audio",)

        def encode(self, batch):
            assert "audio" in batch
            return super().encode({"audio": batch["audio"]})

    x = batch(video=True)
    found = pgd(Deaf(), x, truth(x), {"audio": Threat(2, 1.0)}, steps=2)
    assert found.batch["video"] is x["video"]


def test_linf_in_a_box_reaches_the_closed_form():
    model, x, y = Linear(), batch(dtype=torch.float64), coin()
    x = {"audio": x["audio"].clamp(-1, 1)}
    found = pgd(model, x, y, {"audio": Threat(math.inf, 0.4, bounds=(-1.0, 1.0))}, steps=10, loss=signed)
    best = (x["audio"] + 0.4 * ((1 - 2 * y)[:, :, None] * model.audio.detach()).sign()).clamp(-1, 1)
    torch.testing.assert_close(found.batch["audio"], best)


@pytest.mark.parametrize(
    ("budget", "expected"),
    [
        ("separate", lambda a, v: a + v),
        ("split", lambda a, v: (a + v) / 2),
        ("joint", lambda a, v: (a * a + v * v) ** 0.5),
    ],
)
def test_budgets_reach_their_closed_forms(budget, expected):
    model = Linear()
    x, y = batch(video=True, dtype=torch.float64), coin()
    found = pgd(model, x, y, BOTH, steps=40, budget=budget, loss=signed)
    gain = found.loss - signed(model(x), y)
    best = expected(1.0 * model.audio.norm(), 0.5 * model.video.norm()).detach()
    torch.testing.assert_close(gain, best.expand_as(gain), rtol=1e-3, atol=0)


def test_joint_equals_separate_under_linf():
    threats = {name: Threat(math.inf, eps) for name, eps in (("audio", 0.3), ("video", 0.1))}
    arguments = (Curved(), batch(video=True), truth(batch(video=True)), threats)
    separate, joint = (pgd(*arguments, steps=5, budget=budget) for budget in ("separate", "joint"))
    for name in threats:
        torch.testing.assert_close(separate.delta[name], joint.delta[name])


@pytest.mark.parametrize("norm", NORMS)
def test_more_steps_never_hurt(norm):
    x, threats, model = batch(), {"audio": Threat(norm, 1.0)}, Curved()
    y = truth(x)
    found = [pgd(model, x, y, threats, steps=5)]
    for _ in range(3):
        found.append(pgd(model, x, y, threats, steps=5, start=found[-1].delta))
    for before, after in itertools.pairwise(found):
        assert bool((after.loss >= before.loss - 1e-5).all())
        assert bool((after.history[:, 0] <= after.loss).all())


@pytest.mark.parametrize("norm", NORMS)
def test_a_larger_radius_never_hurts_from_the_smaller_ones_delta(norm):
    x, model = batch(), Curved()
    y = truth(x)
    last, start = bce(model.eval()(x), y).detach(), None
    for eps in (0.0, 0.3, 1.0, 3.0):
        found = pgd(model, x, y, {"audio": Threat(norm, eps)}, steps=4, start=start)
        assert bool((found.loss >= last - 1e-5).all())
        last, start = found.loss, found.delta


@pytest.mark.parametrize("norm", NORMS)
def test_pgd_beats_fgsm_beats_noise(norm):
    x, model = batch(32), Curved()
    y = truth(x)
    threats = {"audio": Threat(norm, 1.0)}
    once = fgsm(model, x, y, threats)
    many = pgd(model, x, y, threats, steps=8, start=once.delta)
    assert bool((many.loss >= once.loss - 1e-5).all())
    random = noise(x, threats, generator=gen()).apply(x)
    assert float(once.loss.mean()) > float(bce(model.eval()(random), y).mean().detach())


def test_both_modalities_beat_each_when_started_from_both():
    x, model = batch(video=True), Curved()
    y = truth(x)
    alone = [pgd(model, x, y, {name: BOTH[name]}, steps=6) for name in BOTH]
    both = pgd(model, x, y, BOTH, steps=6, start=[found.delta for found in alone])
    assert bool((both.loss >= torch.maximum(alone[0].loss, alone[1].loss) - 1e-5).all())
    assert both.gradients == 12


@pytest.mark.parametrize("norm", NORMS)
def test_a_subset_is_weaker_than_the_whole_from_its_delta(norm):
    x, model = batch(), Curved()
    y = truth(x)
    part = pgd(model, x, y, {"audio": Threat(norm, 1.0, mask=MASK)}, steps=6)
    whole = pgd(model, x, y, {"audio": Threat(norm, 1.0)}, steps=6, start=part.delta)
    assert bool((whole.loss >= part.loss - 1e-5).all())


def test_restarts_never_hurt_and_the_generator_decides():
    x, model, threats = batch(), Curved(), {"audio": Threat(2, 2.0)}
    y = truth(x)
    one = pgd(model, x, y, threats, steps=3)
    several = [pgd(model, x, y, threats, steps=3, restarts=4, generator=gen(seed)) for seed in (1, 1, 2)]
    assert bool((several[0].loss >= one.loss).all())
    assert several[0].gradients == 12
    assert torch.equal(several[0].delta["audio"], several[1].delta["audio"])
    assert not torch.equal(several[0].delta["audio"], several[2].delta["audio"])


def test_each_clip_has_its_own_radius():
    x, model = batch(), Curved()
    y = truth(x)
    eps = torch.linspace(0.1, 2, 6)
    together = pgd(model, x, y, {"audio": Threat(2, eps)}, steps=4)
    for i in range(6):
        alone = pgd(model, {"audio": x["audio"][i : i + 1]}, y[i : i + 1], {"audio": Threat(2, float(eps[i]))}, steps=4)
        torch.testing.assert_close(together.delta["audio"][i], alone.delta["audio"][0], atol=1e-5, rtol=1e-4)


def test_the_branch_that_is_not_attacked_is_encoded_once():
    model = Curved()
    pgd(
        model,
        batch(video=True),
        truth(batch(video=True)),
        {"audio": BOTH["audio"]},
        steps=5,
        restarts=2,
        generator=gen(),
    )
    assert model.encoded == {"video": 1, "audio": 12}


def test_works_under_no_grad_and_with_every_loss():
    x, model = batch(), Curved()
    model.eval()
    y = truth(x)
    clean = model(x).detach()
    with torch.no_grad():
        for loss in (bce, ranking, margin):
            found = pgd(model, x, y, {"audio": Threat(2, 1.0)}, steps=4, loss=loss)
            assert float(found.loss.mean()) > float(loss(clean, y).mean()) + 0.1


def test_the_rest_of_the_batch_is_kept():
    x = batch(video=True)
    found = pgd(Curved(), x, truth(x), {"audio": Threat(2, 1.0)}, steps=1)
    assert found.batch["video"] is x["video"]
    torch.testing.assert_close(found.batch["audio"], x["audio"] + found.delta["audio"])
    assert found.history.shape == (6, 2)


def test_a_flat_loss_leaves_delta_at_zero():
    class Flat(torch.nn.Module):
        def forward(self, batch):
            return 0 * batch["audio"].sum(dim=(1, 2))[:, None]

    for norm in NORMS:
        found = pgd(Flat(), batch(), coin(), {"audio": Threat(norm, 1.0)}, steps=3)
        assert bool((found.delta["audio"] == 0).all())


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        ({"steps": 0}, "steps = 0"),
        ({"steps": 2, "restarts": 2}, "generator"),
        ({"steps": 2, "step_size": [0.1]}, "step_size"),
        ({"steps": 2, "step_size": -1.0}, "step_size"),
    ],
)
def test_impossible_runs_are_refused(arguments, word):
    with pytest.raises(AvlibError, match=word):
        pgd(Curved(), batch(), truth(batch()), {"audio": Threat(2, 1.0)}, **arguments)


def test_a_model_that_ignores_the_attacked_modality_is_named():
    class Blind(torch.nn.Module):
        def forward(self, batch):
            return torch.zeros(len(batch["audio"]), 4)

    with pytest.raises(AvlibError, match="audio"):
        pgd(Blind(), batch(), truth(batch()), {"audio": Threat(2, 1.0)}, steps=1)


@pytest.mark.parametrize("over", ["clip", "frame"])
def test_five_axes_of_pixels_reach_the_best_that_the_ball_and_the_box_allow(over):
    """Linear in the pixels (N, W, k, 3, H, W′), the best δ of ℓ∞ is known: ε against each weight, cut at the box."""
    x = {"video": torch.rand(2, 3, 2, 3, 4, 4, generator=gen())}
    weight = torch.randn(3, 2, 3, 4, 4, generator=gen(1))

    class Pixels(torch.nn.Module):
        def forward(self, batch):
            return 0.1 * (batch["video"] * weight).flatten(1).sum(dim=1, keepdim=True)

    threat = Threat(math.inf, 8 / 255, over=over, bounds=(0.0, 1.0))
    found = pgd(Pixels(), x, torch.ones(2, 1), {"video": threat}, steps=5)
    best = (x["video"] - 8 / 255 * weight.sign()).clamp(0, 1)
    assert float((best - x["video"]).abs().max()) > 0.03
    torch.testing.assert_close(found.batch["video"], best, atol=1e-6, rtol=0)
    torch.testing.assert_close(found.loss, bce(Pixels()({"video": best}), torch.ones(2, 1)))


def test_five_axes_of_pixels_have_one_ball_a_clip_or_one_a_window():
    """ℓ2 in a linear model: ε along w / ‖w‖, over all axes after N, or over all after N and the windows."""
    x = {"video": torch.rand(2, 3, 2, 3, 4, 4, generator=gen())}
    weight = torch.randn(3, 2, 3, 4, 4, generator=gen(1))

    class Pixels(torch.nn.Module):
        def forward(self, batch):
            return 0.1 * (batch["video"] * weight).flatten(1).sum(dim=1, keepdim=True)

    rows = {"clip": weight.norm(), "frame": weight.flatten(1).norm(dim=1).reshape(3, 1, 1, 1, 1)}
    for over, length in rows.items():
        found = pgd(Pixels(), x, torch.ones(2, 1), {"video": Threat(2, 0.5, over=over)}, steps=5)
        best = (-0.5 * weight / length).expand(2, 3, 2, 3, 4, 4)
        torch.testing.assert_close(found.delta["video"], best, atol=1e-5, rtol=1e-4)
