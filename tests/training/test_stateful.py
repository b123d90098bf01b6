"""A transform that changes from batch to batch: kept in the checkpoint, so that a stopped run ends the same."""

import dataclasses

import pytest
import torch

from avlib.adversary import Adversary, UniversalAdversary
from avlib.attacks import Threat
from avlib.training import Recipe, train
from avlib.training.checkpoint import Damaged, pack, read, unpack
from avlib.training.cost import cost

BALL = (("audio", Threat(2, 1.0, over="frame")),)
RECIPE = Recipe(epochs=3, batch_size=8, lr=3e-3, transforms=(UniversalAdversary(BALL, 0.25),))


def state(model):
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}


def test_a_stopped_run_with_a_climbing_delta_ends_as_if_never_stopped(data, factory, tmp_path, interrupted):
    start, checkpoint = factory().state_dict(), tmp_path / "model.safetensors"
    whole, stopped, fresh = factory(), factory(), factory()
    whole.load_state_dict(start)
    stopped.load_state_dict(start)
    train(whole, data, RECIPE, seed=3)
    interrupted(stopped, data, RECIPE, seed=3, checkpoint=checkpoint)
    kept = read(checkpoint)[0]
    assert kept["step/0/0"].any(), "δ lies beside the weights"
    train(fresh, data, RECIPE, seed=3, checkpoint=checkpoint)
    assert all(torch.equal(tensor, fresh.state_dict()[name]) for name, tensor in whole.state_dict().items())


def test_training_with_the_delta_is_another_training(data, factory):
    start, ends = factory().state_dict(), []
    for transforms in ((), RECIPE.transforms):
        model = factory()
        model.load_state_dict(start)
        train(model, data, dataclasses.replace(RECIPE, transforms=transforms), seed=0)
        ends.append(model.head.event.weight)
    assert not torch.equal(*ends)


def test_a_state_of_other_shape_or_number_is_damage_and_nothing_is_put_back(data, factory):
    model = factory()
    adam = torch.optim.Adam(model.parameters())
    step = RECIPE.transforms[0].prepare(data.train)
    kept = pack(model, adam, [step])
    before = state(model)
    for wrong in (
        {name: tensor for name, tensor in kept.items() if not name.startswith("step")},
        kept | {"step/0/0": torch.zeros(3)},
        kept | {"step/1/0": torch.zeros(3)},
    ):
        with pytest.raises(Damaged, match="states of transforms"):
            unpack({name: tensor + 1 for name, tensor in wrong.items()}, model, adam, [step])
        assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
    unpack(kept, model, adam, [step])


@pytest.mark.parametrize(
    ("transforms", "forward", "backward"),
    [((), 1, 1), (RECIPE.transforms, 1, 1), ((Adversary(BALL),), 3, 2), ((Adversary(BALL, 5, 0.5),), 7, 6)],
)
def test_passes_are_counted_where_they_go_through_the_head(data, factory, transforms, forward, backward):
    """A one-step attack looks once with a gradient and once more without, and then the training itself comes."""
    model = factory()
    before = state(model)
    found = cost(model, data, dataclasses.replace(RECIPE, transforms=transforms), steps=2)
    assert (found.forward, found.backward) == (forward, backward)
    assert found.seconds > 0
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
