"""What a model does not use decides nothing about it: not its weights, not its key."""

import dataclasses

import pytest
import torch

from avlib.data.split import AVData
from avlib.training import loop, predict, trained


def filmed(data: AVData, seed: int = 0) -> AVData:
    """The same data with pictures."""
    generator = torch.Generator().manual_seed(seed)

    def with_pictures(split):
        video = torch.randn(len(split), 3, 6, generator=generator)
        return dataclasses.replace(split, features={**split.features, "video": video})

    parts = {name: with_pictures(getattr(data, name)) for name in ("train", "valid", "eval")}
    return dataclasses.replace(data, **parts, checksums={**data.checksums, "video": str(seed)})


@pytest.fixture
def epochs(monkeypatch):
    """Counts the epochs that are really trained."""
    seen, real = [], loop._epoch
    monkeypatch.setattr(loop, "_epoch", lambda *a, **k: seen.append(1) or real(*a, **k))
    return seen


def test_a_model_of_sound_is_not_trained_again_because_its_set_has_pictures(data, factory, recipe, cache, epochs):
    model, _ = trained(factory, data, recipe)
    for seed in (0, 1):
        again, _ = trained(factory, filmed(data, seed), recipe)
        assert torch.equal(predict(again, filmed(data, seed).eval), predict(model, data.eval))
    assert len(epochs) == recipe.epochs


@pytest.mark.parametrize("changed", ["audio", "labels"])
def test_it_is_trained_again_when_what_it_uses_is_another(data, factory, recipe, cache, epochs, changed):
    trained(factory, data, recipe)
    trained(factory, dataclasses.replace(data, checksums={**data.checksums, changed: "other"}), recipe)
    assert len(epochs) == 2 * recipe.epochs


def test_a_view_keeps_its_checksums_and_those_of_the_labels(data):
    both = filmed(data)
    assert both.only(["audio"]).checksums == data.checksums
    assert both.only(["video"]).checksums == {"video": "0", "labels": data.checksums["labels"]}
    assert both.only(["video"]).train.features.keys() == {"video"}
    assert len({both.checksum, both.only(["audio"]).checksum, both.only(["video"]).checksum}) == 3
