"""Adversaries inside a training: on models whose worst δ is known."""

import math

import pytest
import torch
from torch import nn

from avlib.adversary import Adversary, UniversalAdversary
from avlib.attacks import Threat
from avlib.attacks.geometry import norms
from avlib.data.split import Split
from avlib.errors import AvlibError
from avlib.losses import bce
from avlib.transform import Labels, Stateful
from tests.attacks.toys import gen

CLIPS, FRAMES, BINS = 6, 4, 5


class Linear(nn.Module):
    """Logits that are linear in sound and picture, so that the steepest direction is the same everywhere."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(BINS, generator=gen(1)))

    def forward(self, batch):
        return sum((x @ self.weight).sum(dim=1, keepdim=True) for x in batch.values())


def clips(seed=0):
    x = {name: torch.randn(CLIPS, FRAMES, BINS, generator=gen(seed)) for name in ("audio", "video")}
    y = (torch.rand(CLIPS, 1, generator=gen(seed + 1)) < 0.5).float()
    return x, Labels(y, y)


def both(norm, over="frame", **more):
    return ("audio", Threat(norm, 0.3, over, **more)), ("video", Threat(norm, 0.6, over, **more))


@pytest.mark.parametrize("norm", [2, math.inf])
def test_one_step_from_a_random_start_nearly_finds_the_worst_point_of_a_linear_model(norm):
    """A step of 1.25 ε crosses the ball: against label 1 along −w, against 0 along w, in each norm its own way."""
    model, (x, y) = Linear(), clips()
    moved, same = Adversary(both(norm))(model, x, y, gen(2))
    assert same is y
    w = model.weight.detach()
    direction = w.sign() if norm == math.inf else w / w.norm()
    for name, eps in (("audio", 0.3), ("video", 0.6)):
        delta = moved[name] - x[name]
        assert (norms(delta, norm) <= eps * (1 + 1e-5)).all(), "δ stays in its ball"
        best = eps * (direction @ w) * FRAMES
        gained = (delta @ w).sum(dim=1) * (1 - 2 * y.hard[:, 0])
        assert (gained > 0.6 * best).all(), "up, not down"
    assert (bce(model(moved), y.hard) > bce(model(x), y.hard)).all()


def test_more_steps_get_further_and_start_at_random():
    model, (x, y) = Linear(), clips()
    gains = [bce(model(Adversary(both(2), steps, 2.5 / steps)(model, x, y, gen(3))[0]), y.hard) for steps in (1, 8)]
    assert (gains[1] >= gains[0] - 1e-6).all()
    a, b, c = (Adversary(both(2))(model, x, y, gen(seed))[0]["audio"] for seed in (1, 1, 2))
    assert torch.equal(a, b)
    assert not torch.equal(a, c)


def stepped(adversary, rounds, model=None):
    """A universal adversary after some rounds of training, of one step of descent each; and the last batch of each."""
    model, (x, y) = model or Linear(), clips()
    step, seen = adversary.prepare(Split(x, y.hard, tuple("abcdef"))), []
    for _ in range(rounds):
        moved, _ = step(model, x, y, gen())
        seen.append({name: moved[name].detach() - x[name] for name in x})
        bce(model(moved), y.soft).mean().backward()
    return step, seen


@pytest.mark.parametrize("norm", [1, 2, math.inf])
def test_one_delta_for_all_climbs_from_batch_to_batch_and_never_leaves_its_ball(norm):
    model, (x, y) = Linear(), clips()
    _, seen = stepped(UniversalAdversary(both(norm), 0.25), 12, model)
    assert all(not deltas["audio"].any() for deltas in seen[:1]), "it begins at 0"
    sizes = [norms(deltas["video"], norm).max() for deltas in seen]
    assert sizes[1] < sizes[3] <= 0.6 * (1 + 1e-5), "it goes on where it was"
    assert max(sizes) <= 0.6 * (1 + 1e-5)
    for deltas in seen:
        for delta in deltas.values():
            torch.testing.assert_close(delta, delta[:1].expand_as(delta), atol=1e-6, rtol=0)
    losses = [bce(model({n: x[n] + d[n] for n in x}), y.soft).mean() for d in seen]
    assert losses[-1] > losses[1] > losses[0], "it climbs"


def test_the_state_of_a_delta_goes_on_where_it_was_left():
    adversary, model = UniversalAdversary(both(2), 0.25), Linear()
    step, _ = stepped(adversary, 3, model)
    assert isinstance(step, Stateful)
    assert not isinstance(Adversary(both(2)), Stateful)
    state = {name: tensor.clone() for name, tensor in step.state_dict().items()}
    assert any(tensor.any() for tensor in state.values())
    other, _ = stepped(adversary, 0, model)
    assert {name: t.shape for name, t in other.state_dict().items()} == {name: t.shape for name, t in state.items()}
    other.load_state_dict(state)
    x, y = clips()
    a, b = (s(model, x, y, gen())[0] for s in (step, other))
    assert torch.equal(a["audio"], b["audio"])


def test_bounds_hold_in_training_too():
    x, y = clips()
    threats = both(2, bounds=(-0.5, 0.5))
    for step in (Adversary(threats), stepped(UniversalAdversary(threats), 5)[0]):
        moved = step(Linear(), x, y, gen())[0]["audio"]
        assert (moved <= torch.maximum(x["audio"], torch.tensor(0.5)) + 1e-6).all()
        assert (moved >= torch.minimum(x["audio"], torch.tensor(-0.5)) - 1e-6).all()


@pytest.mark.parametrize("wrong", [{"threats": ()}, {"threats": both(2), "step_size": 0}])
def test_wrong_values_are_named(wrong):
    for kind in (Adversary, UniversalAdversary):
        with pytest.raises(AvlibError, match=f"{kind.__name__}: .*are needed|{kind.__name__}: .*needed are"):
            kind(**wrong)
    with pytest.raises(AvlibError, match="steps=0"):
        Adversary(both(2), steps=0)
