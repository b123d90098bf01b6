"""What a training descends: gradients of one length, losses blended by their weights."""

import dataclasses
import math

import pandas as pd
import pytest
import torch

from avlib.data.split import Split
from avlib.errors import AvlibError
from avlib.losses import bce
from avlib.models import CSN
from avlib.training import Recipe, train, trained
from avlib.training.objective import EqualGradients, GradientBlending, MeanBCE, blending_weights
from tests.attacks.toys import Curved, batch, coin, gen

WEIGHTS = GradientBlending((("audio", 0.5), ("video", 0.2), ("joint", 0.3)))


def _gradients(objective, scale=1.0):
    """Gradients that arrive at the encodings of each sense, and those of the head, for one batch."""
    model, arrived = Curved().train(False), {}
    model.branches["audio"].layers[0].weight.data *= scale
    for name, branch in model.branches.items():

        def watch(module, given, code, name=name):
            code.register_hook(lambda gradient: arrived.update({name: gradient.clone()}))

        branch.register_forward_hook(watch)
    loss = objective.of(model, 4)(batch(6, video=True), coin(6, 4).float())
    loss.backward()
    return arrived, model.head.weight.grad.clone(), loss


@pytest.mark.parametrize("scale", [1.0, 0.05, 20.0])
def test_equal_gradients_have_the_mean_of_the_norms_and_their_own_directions(scale):
    plain, head, loss = _gradients(MeanBCE(), scale)
    equal, same_head, same_loss = _gradients(EqualGradients(), scale)
    norms = {name: gradient.norm() for name, gradient in plain.items()}
    mean = sum(norms.values()) / 2
    assert norms["audio"] != pytest.approx(float(norms["video"]), rel=0.01)
    for name, gradient in plain.items():
        torch.testing.assert_close(equal[name], gradient / norms[name] * mean)
    torch.testing.assert_close(head, same_head)  # what comes after the encodings learns as ever
    assert loss == same_loss


def test_a_gradient_of_nothing_stays_nothing():
    x = {"audio": torch.zeros(2, 6, 5), "video": torch.zeros(2, 2, 4)}
    model = Curved().eval()
    for parameter in model.head.parameters():
        parameter.data.zero_()
    EqualGradients().of(model, 4)(x, torch.zeros(2, 4)).backward()
    assert all(p.grad is None or p.grad.isfinite().all() for p in model.parameters())


def test_blending_is_the_weighted_sum_of_the_losses_of_all_heads():
    model, x, labels = Curved().eval(), batch(6, video=True), coin(6, 4).float()
    module = WEIGHTS.of(model, 4)
    codes = model.encode(x)
    apart = {name: bce(module.heads[name](codes[name]), labels).mean() for name in ("audio", "video")}
    joint = bce(model(x), labels).mean()
    expected = 0.5 * apart["audio"] + 0.2 * apart["video"] + 0.3 * joint
    torch.testing.assert_close(module(x, labels), expected)


def test_heads_of_a_blend_learn_and_are_left_behind():
    clips = 32
    features = batch(clips, video=True)
    split = Split(features, coin(clips, 4).float(), tuple(map(str, range(clips))))
    from tests.training.conftest import tones

    data = dataclasses.replace(
        tones(), train=split, valid=split, eval=split, checksums={"audio": "1", "video": "2", "labels": "3"}
    )
    ends = {}
    for objective in (MeanBCE(), WEIGHTS):
        model = Curved()
        before = set(model.state_dict())
        train(model, data, Recipe(epochs=2, batch_size=8, objective=objective), seed=0)
        assert set(model.state_dict()) == before
        ends[objective] = model.state_dict()["head.weight"]
    assert not torch.equal(*ends.values())


@pytest.mark.parametrize(
    "weights",
    [
        (("audio", 1.0), ("joint", 1.0)),
        (("audio", 1.0), ("video", -1.0), ("joint", 1.0)),
        (("audio", 1.0), ("video", math.nan), ("joint", 1.0)),
        (("audio", 1.0), ("video", 1.0), ("joint", 1.0), ("smell", 1.0)),
    ],
)
def test_a_weight_for_each_head_and_no_other(weights):
    with pytest.raises(AvlibError, match="needed is one, not negative, for each of audio, joint, video"):
        GradientBlending(weights).of(Curved(), 4)


@pytest.mark.parametrize("objective", [EqualGradients(), WEIGHTS])
def test_one_sense_has_nothing_to_balance(objective):
    with pytest.raises(AvlibError, match="needs a tagger of two modalities or more, not CSN"):
        objective.of(CSN(4, 32, 32), 4)


def _history(train_losses, valid_losses):
    return pd.DataFrame({"train_loss": train_losses, "valid_loss": valid_losses})


def test_blending_weights_are_gain_over_squared_growth_of_the_gap():
    steady = _history([1.0, 0.9, 0.5], [1.0, 0.9, 0.6])  # ΔG = .4, ΔO = .1
    greedy = _history([1.0, 0.9, 0.1], [1.0, 0.9, 0.5])  # ΔG = .5, ΔO = .4
    raw = 0.4 / 0.1**2, 0.5 / 0.4**2
    found = dict(blending_weights({"audio": steady, "video": greedy}))
    assert found == pytest.approx({"audio": raw[0] / sum(raw), "video": raw[1] / sum(raw)}, abs=1e-3)


def test_who_does_not_generalise_has_no_weight_and_nothing_is_divided_by_nothing():
    up = _history([1.0, 0.5], [1.0, 1.2])
    fine = _history([1.0, 0.5], [1.0, 0.6])
    shrinking = _history([1.0, 0.9], [1.2, 0.9])
    found = dict(blending_weights({"audio": up, "video": fine, "joint": shrinking}))
    assert found["audio"] == 0
    assert sum(found.values()) == pytest.approx(1, abs=2e-3)
    assert found["joint"] == pytest.approx(0.3 / 0.7, abs=1e-3)  # both gaps count as .1
    assert dict(blending_weights({"joint": shrinking})) == {"joint": 1.0}


def test_blending_weights_of_too_little_are_refused():
    with pytest.raises(AvlibError, match="video has fewer than two"):
        blending_weights({"audio": _history([1, 0.5], [1, 0.5]), "video": _history([1.0], [1.0])})
    with pytest.raises(AvlibError, match="the held-out loss of audio did not fall"):
        blending_weights({"audio": _history([1, 0.5], [1, 1.5])})


@dataclasses.dataclass
class Thawed:
    def of(self, model, classes):
        return model


@pytest.mark.parametrize("objective", [Thawed(), "bce", None])
def test_an_objective_is_frozen(objective):
    with pytest.raises(AvlibError, match="is no objective"):
        Recipe(objective=objective)


def test_another_objective_or_start_is_another_training(data, factory, cache):
    recipe = Recipe(epochs=1, batch_size=8)
    with torch.random.fork_rng():
        torch.manual_seed(1)
        other = factory().state_dict()
    own, _ = trained(factory, data, recipe)
    begun, _ = trained(factory, data, recipe, start=other)
    again, _ = trained(factory, data, recipe, start={name: x.clone() for name, x in other.items()})
    assert len(list(cache.glob("*.safetensors"))) == 2
    assert all(torch.equal(a, b) for a, b in zip(begun.parameters(), again.parameters(), strict=True))
    assert any(not torch.equal(a, b) for a, b in zip(begun.parameters(), own.parameters(), strict=True))
    moved = dict(other) | {next(iter(other)): next(iter(other.values())) + torch.randn(1, generator=gen(0))}
    trained(factory, data, recipe, start=moved)
    assert len(list(cache.glob("*.safetensors"))) == 3
