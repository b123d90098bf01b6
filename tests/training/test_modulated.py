"""OGM-GE: who is ahead is slowed down, by the factor of the paper, and the noise is as large as the gradient was."""

import math

import pytest
import torch

from avlib.errors import AvlibError
from avlib.models import CSN
from avlib.training.modulated import Modulated
from avlib.training.objective import PLAIN
from tests.attacks.toys import Curved, batch, coin


def gradients(objective, model, x, y):
    model.zero_grad()
    loss = objective.of(model, 4)(x, y)
    loss.backward()
    return {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}, loss


@pytest.mark.parametrize(("louder", "slower"), [("audio", "video"), ("video", "audio")])
@pytest.mark.parametrize("alpha", [0.0, 0.1, 0.7])
def test_only_the_branch_that_tells_more_is_slowed_and_by_the_factor_of_the_paper(monkeypatch, louder, slower, alpha):
    monkeypatch.setattr(torch, "randn_like", torch.zeros_like)  # without the noise
    model, x = Curved().eval(), batch(6, video=True)
    with torch.no_grad():
        codes = model.encode(x)
        alone = {n: model.classify({m: c if m == n else 0 * c for m, c in codes.items()}).sigmoid() for n in codes}
    y = (alone[louder] > alone[slower]).float()
    told = {n: (y * alone[n]).sum() for n in codes}
    found, loss = gradients(Modulated(alpha), model, x, y)
    expected, same = gradients(PLAIN, model, x, y)
    assert loss == same, "what is learnt from is not changed"
    factor = 1 - math.tanh(alpha * float(told[louder] / told[slower]))
    for name, gradient in expected.items():
        by = factor if f"branches.{louder}" in name else 1.0
        torch.testing.assert_close(found[name], by * gradient, atol=1e-7, rtol=1e-4)


def test_the_noise_is_as_large_as_the_gradient_was_in_both_branches_and_nowhere_else():
    model, x, y = Curved().eval(), batch(6, video=True), coin(6, 4).float()
    expected, _ = gradients(PLAIN, model, x, y)
    draws = []
    for seed in range(200):
        torch.manual_seed(seed)
        draws.append(gradients(Modulated(0.5), model, x, y)[0])
    for name, gradient in expected.items():
        noise = torch.stack([draw[name] for draw in draws])
        if "branches" not in name:
            torch.testing.assert_close(noise, gradient.expand_as(noise))
        elif gradient.numel() > 8:
            size = float(noise.std(dim=0).mean())
            assert size == pytest.approx(float(gradient.std(correction=0)), rel=0.1), name


def test_the_noise_is_gone_when_the_training_is():
    model, x, y = Curved().eval(), batch(6, video=True), coin(6, 4).float()
    expected, _ = gradients(PLAIN, model, x, y)
    gradients(Modulated(), model, x, y)
    again, _ = gradients(PLAIN, model, x, y)
    for name, gradient in expected.items():
        torch.testing.assert_close(again[name], gradient)


def test_one_sense_has_nobody_to_be_ahead_of():
    with pytest.raises(AvlibError, match="two senses of a tagger, which CSN has not"):
        Modulated().of(CSN(4, 32, 32), 4)
    with pytest.raises(AvlibError, match="alpha=-1"):
        Modulated(-1)
