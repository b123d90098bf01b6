import itertools
import math
import re

import pytest
import torch

from avlib.attacks import Threat, fgsm, fit_universal, noise, pgd
from avlib.data.split import Split
from avlib.errors import AvlibError
from avlib.losses import bce, margin, ranking
from tests.attacks import checks
from tests.attacks.checks import MASK
from tests.attacks.toys import DUAL, NORMS, Curved, Linear, batch, coin, gen, signed, truth

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
    assert both.gradients.tolist() == [12] * 6


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
    assert bool((several[0].loss > one.loss).any()), "no restart has won"
    assert torch.equal(several[0].loss, several[0].history.amax(dim=1)), "the history of another run"
    assert several[0].gradients.tolist() == [12] * 6
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
        ({"steps": 2, "start": {"audio": torch.zeros(1, 7)}}, r"start of 'audio' has the shape \(1, 7\)"),
    ],
)
def test_impossible_runs_are_refused(arguments, word):
    with pytest.raises(AvlibError, match=word):
        pgd(Curved(), batch(), truth(batch()), {"audio": Threat(2, 1.0)}, **arguments)


@pytest.mark.parametrize("part", [slice(2), (slice(None), slice(1))], ids=["clips", "classes"])
def test_labels_of_other_clips_or_classes_are_named(part):
    labels = truth(batch())[part]
    with pytest.raises(AvlibError, match=f"the labels have the shape {re.escape(str(tuple(labels.shape)))}, and the"):
        pgd(Curved(), batch(), labels, {"audio": Threat(2, 1.0)}, steps=1)


def test_a_model_that_ignores_the_attacked_modality_is_named():
    class Blind(torch.nn.Module):
        def forward(self, batch):
            return torch.zeros(len(batch["audio"]), 4)

    with pytest.raises(AvlibError, match="audio"):
        pgd(Blind(), batch(), truth(batch()), {"audio": Threat(2, 1.0)}, steps=1)


class Pixels(torch.nn.Module):
    """One number a clip, linear in its pixels (N, W, k, 3, H, W′)."""

    def __init__(self):
        super().__init__()
        self.weights = torch.randn(3, 2, 3, 4, 5, generator=gen(), dtype=torch.float64)

    def forward(self, batch):
        return (batch["video"] * self.weights).flatten(1).sum(dim=1, keepdim=True)


def pixels() -> dict[str, torch.Tensor]:
    return {"video": torch.rand(4, 3, 2, 3, 4, 5, generator=gen(1), dtype=torch.float64)}


def test_pixels_of_six_axes_reach_the_closed_form_in_their_box():
    model, x, y = Pixels(), pixels(), coin(4)
    eps = 8 / 255
    found = pgd(model, x, y, {"video": Threat(math.inf, eps, bounds=(0.0, 1.0))}, steps=5, loss=signed)
    uphill = (1 - 2 * y).reshape(4, 1, 1, 1, 1, 1) * model.weights.sign()
    best = (x["video"] + eps * uphill).clamp(0, 1)
    torch.testing.assert_close(found.batch["video"], best)
    torch.testing.assert_close(found.loss, signed(model({"video": best}), y))
    assert float((found.loss - signed(model(x), y)).min()) > 1


@pytest.mark.parametrize("norm", NORMS)
def test_a_frame_of_pixels_is_a_window(norm):
    """One ball for each of the three windows, k frames together: ε · Σ_w ‖weights of window w‖_*."""
    model, x, y = Pixels(), pixels(), coin(4)
    found = pgd(model, x, y, {"video": Threat(norm, 0.2, over="frame")}, steps=20, loss=signed)
    best = 0.2 * torch.linalg.vector_norm(model.weights.flatten(1), ord=DUAL[norm], dim=1).sum()
    gain = found.loss - signed(model(x), y)
    torch.testing.assert_close(gain, best.expand(4), rtol=1e-3, atol=0)


def test_one_delta_for_pixels_of_many_clips():
    model, x = Pixels(), pixels()
    absent = Split(x, torch.zeros(4, 1, dtype=torch.float64), tuple("abcd"))
    found = fit_universal(model, absent, {"video": Threat(2, 0.5)}, passes=20, batch_size=2, loss=signed)
    torch.testing.assert_close(
        found.delta["video"], 0.5 * model.weights[None] / model.weights.norm(), atol=1e-3, rtol=0
    )


def test_a_targeted_attack_is_the_negative_loss_on_the_target():
    x, model = batch(), Curved().eval()
    y = truth(x)
    target = y.roll(1, dims=1)
    threats = {"audio": Threat(2, 4.0)}
    found = pgd(model, x, target, threats, steps=40, loss=lambda z, t: -bce(z, t))
    clean, moved = (model(b).detach() for b in (x, found.batch))
    torch.testing.assert_close(found.loss, -bce(moved, target))
    assert bool((bce(moved, target) <= bce(clean, target)).all())
    reached = (moved > 0) == (target > 0)
    assert float(reached.float().mean()) > 0.9
    away = model(pgd(model, x, y, threats, steps=40).batch).detach()
    assert float(bce(moved, target).mean()) < 0.5 * float(bce(away, target).mean()), "away from y is not towards t"
