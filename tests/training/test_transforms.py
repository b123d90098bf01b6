"""What the loop makes of a recipe's transforms: what the model and the loss are given at each step."""

import dataclasses
import itertools
from collections.abc import Callable
from typing import Any

import pytest
import torch
from lightning_fabric import Fabric

from avlib.data.split import Split
from avlib.mixup import MixUp
from avlib.specaugment import SpecAugment
from avlib.training import Recipe, loop, objective, train

CALM = Recipe(epochs=2, batch_size=8)


@dataclasses.dataclass(frozen=True)
class Does:
    """A transform of whatever the test says."""

    step: Callable[..., Any]

    def prepare(self, train):
        return self.step


@pytest.fixture
def given(monkeypatch):
    """Batches that the model is trained on, and labels of the loss there."""
    seen = []

    def noted(logits, labels, real=objective.bce):
        seen[-1] = (seen[-1], labels)
        return real(logits, labels)

    def watch(model):
        model.register_forward_pre_hook(lambda module, args: seen.append(args[0]) if module.training else None)
        return model

    monkeypatch.setattr(objective, "bce", noted)
    monkeypatch.setattr(loop, "_validate", lambda *a: {"valid_loss": 0.0, "valid_mAP": 0.0})
    return watch, seen


def with_labels_inside(data):
    """Clips whose first frame is their labels: a batch shows whether it fits the labels that come with it."""
    audio = data.train.features["audio"].clone()
    audio[:, 0, :4] = data.train.labels
    return dataclasses.replace(data, train=dataclasses.replace(data.train, features={"audio": audio}))


def test_mixed_labels_reach_the_loss_with_the_clips_they_belong_to(data, factory, given):
    watch, seen = given
    train(watch(factory()), with_labels_inside(data), dataclasses.replace(CALM, transforms=(MixUp(),)), seed=0)
    assert len(seen) == 10
    for batch, labels in seen:
        assert torch.allclose(batch["audio"][:, 0, :4], labels, atol=1e-6)
    values = torch.cat([labels for _, labels in seen])
    between = ((values > 0) & (values < 1)).any(dim=1).float().mean()
    assert 0.2 < between < 0.6  # half of the clips are mixed, some of them with one of the same labels


def test_without_transforms_the_clips_are_the_split_s_own(data, factory, given):
    watch, seen = given
    marked = with_labels_inside(data)
    train(watch(factory()), marked, CALM, seed=0)
    clips = {clip.numpy().tobytes() for clip in marked.train.features["audio"]}
    for batch, labels in seen:
        assert torch.equal(batch["audio"][:, 0, :4], labels)
        assert all(clip.numpy().tobytes() in clips for clip in batch["audio"])


def test_transforms_act_in_the_order_of_the_recipe(data, factory, given):
    watch, seen = given

    def plus(model, batch, labels, generator):
        return {"audio": batch["audio"] + 1}, labels

    def times(model, batch, labels, generator):
        return {"audio": batch["audio"] * 2}, labels

    for order in ((plus, times), (times, plus), ()):
        train(watch(factory()), data, dataclasses.replace(CALM, transforms=tuple(map(Does, order))), seed=0)
    first, second, plain = (seen[k][0]["audio"] for k in (0, 10, 20))
    assert torch.equal(first, (plain + 1) * 2)
    assert torch.equal(second, plain * 2 + 1)


def test_each_transform_sees_what_the_one_before_made_of_batch_and_labels(data, factory, given):
    """And the clips' own labels beside the mixed ones."""
    watch, seen = given
    met = []

    def note(model, batch, labels, generator):
        met.append((batch, labels))
        return batch, labels

    recipe = dataclasses.replace(CALM, transforms=(Does(note), MixUp(), Does(note)))
    train(watch(factory()), with_labels_inside(data), recipe, seed=0)
    for (before, own), (after, mixed), (batch, labels) in zip(met[::2], met[1::2], seen, strict=True):
        assert torch.equal(own.soft, own.hard)
        assert torch.equal(own.hard, before["audio"][:, 0, :4])
        assert torch.equal(mixed.hard, own.hard)
        assert torch.equal(mixed.soft, labels)
        assert torch.equal(after["audio"], batch["audio"])


def test_a_transform_prepares_itself_once_on_the_training_clips(data, factory, given):
    watch, _ = given
    order = []

    class Prepared(Does):
        def prepare(self, train: Split):
            order.append(train.ids)
            return lambda model, batch, labels, generator: order.append("step") or (batch, labels)

    train(watch(factory()), data, dataclasses.replace(CALM, transforms=(Prepared(None),)), seed=0)
    assert order == [data.train.ids, *["step"] * 10]


def test_a_transform_meets_the_bare_model_at_its_present_weights_in_train_mode(data, factory, given):
    watch, _ = given
    model, weights = watch(factory()).eval(), []

    def look(met, batch, labels, generator):
        assert met is model
        assert met.training
        weights.append(next(met.parameters()).detach().clone())
        return batch, labels

    fabric = Fabric(accelerator="cpu", devices=1, precision="bf16-mixed")
    train(model, data, dataclasses.replace(CALM, lr=1e-2, transforms=(Does(look),)), seed=0, fabric=fabric)
    assert all(not torch.equal(a, b) for a, b in itertools.pairwise(weights))


@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed"])
def test_the_precision_in_force_is_that_of_the_training(data, factory, given, precision):
    watch, _ = given
    seen = []

    def look(model, batch, labels, generator):
        seen.append(torch.is_autocast_enabled("cpu"))
        return batch, labels

    fabric = Fabric(accelerator="cpu", devices=1, precision=precision)
    train(watch(factory()), data, dataclasses.replace(CALM, transforms=(Does(look),)), seed=0, fabric=fabric)
    assert set(seen) == {precision == "bf16-mixed"}


def test_draws_come_from_seed_and_epoch_alone(data, factory, given):
    """The global generator decides nothing, and each epoch has its own draws."""
    watch, seen = given
    start = factory().state_dict()
    recipe = dataclasses.replace(CALM, transforms=(SpecAugment(8, 8), MixUp()))
    for glob, seed in ((1, 0), (2, 0), (1, 1)):
        torch.manual_seed(glob)
        model = watch(factory())
        model.load_state_dict(start)
        train(model, data, recipe, seed=seed)
    a, b, c = ([batch["audio"] for batch, _ in seen[k : k + 10]] for k in (0, 10, 20))
    assert all(torch.equal(x, y) for x, y in zip(a, b, strict=True))
    assert not any(torch.equal(x, y) for x, y in zip(a, c, strict=True))
