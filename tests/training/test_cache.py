"""A model is trained once, and found again by the same question."""

import json
from functools import partial

import pytest
import torch

from avlib import clock
from avlib.errors import AvlibError
from avlib.models import CSN
from avlib.training import predict, trained


def test_second_call_loads_what_the_first_one_trained(data, factory, recipe, cache, epochs, suffixes):
    model, history = trained(factory, data, recipe, seed=5)
    assert len(epochs) == 3
    again, same = trained(factory, data, recipe, seed=5)
    assert len(epochs) == 3
    assert torch.equal(predict(model, data.eval), predict(again, data.eval))
    assert history.equals(same)
    assert not model.training
    assert not again.training
    assert suffixes(cache) == [".json", ".safetensors"]


def test_a_page_waits_for_the_training_and_not_for_the_cache(data, factory, recipe, cache):
    clock.restart()
    trained(factory, data, recipe, seed=5)
    took = clock.seconds()
    assert took["training"] > 0
    trained(factory, data, recipe, seed=5)
    assert clock.seconds() == took
    assert took["scoring"] == 0  # the validation after each epoch is part of the training


def test_sidecar_says_what_the_weights_are(data, factory, recipe, cache):
    trained(factory, data, recipe, seed=5)
    (sidecar,) = cache.glob("CSN-*.json")
    facts = json.loads(sidecar.read_text())
    assert facts["factory"] == "avlib.models.csn.CSN"
    assert (facts["arguments"]["width"], facts["arguments"]["tied"]) == (32, True)
    assert (facts["recipe"]["epochs"], facts["seed"], facts["torch"]) == (3, 5, torch.__version__)
    assert {"avlib.models.conv", "avlib.losses", "avlib.specaugment", "avlib.training.recipe"} <= facts[
        "sources"
    ].keys()
    assert facts["recipe"]["transforms"][0].startswith(
        "avlib.specaugment.SpecAugment(freq=4, time=4, modality='audio')"
    )
    assert "avlib.models.resnet" not in facts["sources"]


def test_seed_decides_the_weights_and_the_global_state_does_not(data, factory, recipe, cache, tmp_path, monkeypatch):
    logits = []
    for folder, seed in (("a", 0), ("b", 0), ("c", 1)):
        monkeypatch.setenv("AVLIB_CACHE", str(tmp_path / folder))
        torch.rand(7)
        before = torch.random.get_rng_state()
        model, _ = trained(factory, data, recipe, seed)
        assert torch.equal(torch.random.get_rng_state(), before)
        logits.append(predict(model, data.eval))
    assert torch.equal(logits[0], logits[1])
    assert not torch.equal(logits[0], logits[2])


@pytest.mark.parametrize(
    ("factory", "message"),
    [
        (lambda: None, "has no file that tells its version"),
        (partial(CSN, width=32), "cannot be called as given: missing a required argument: 'classes'"),
        (partial(CSN, classes=4, width=torch.tensor(32)), "has an argument that is no plain value"),
    ],
)
def test_factory_that_cannot_be_named_is_refused(data, recipe, cache, factory, message):
    with pytest.raises(AvlibError, match=message):
        trained(factory, data, recipe)
