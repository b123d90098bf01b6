"""Kept models that are not what was written are trained again."""

import json

import pytest
import torch

from avlib.training import predict, trained


def half(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def flipped(path):
    content = bytearray(path.read_bytes())
    content[-3] ^= 1
    path.write_bytes(content)


def nothing(path):
    path.write_text("null")


def a_list(path):
    path.write_text("[]")


def no_history(path):
    path.write_text(json.dumps({**json.loads(path.read_text()), "history": None}))


def other_digest(path):
    path.write_text(path.read_text().replace('"digest": "', '"digest": "0'))


@pytest.mark.parametrize(
    ("suffix", "damage"),
    [
        (".safetensors", half),
        (".safetensors", flipped),
        (".json", half),
        (".json", other_digest),
        (".json", nothing),
        (".json", a_list),
        (".json", no_history),
    ],
)
def test_damage_is_told_in_one_line_and_trained_away(data, factory, recipe, cache, caplog, epochs, suffix, damage):
    model, _ = trained(factory, data, recipe)
    (path,) = cache.glob(f"*{suffix}")
    damage(path)
    again, _ = trained(factory, data, recipe)
    assert len(epochs) == 6
    (record,) = caplog.records
    assert "is damaged" in record.getMessage()
    assert "\n" not in record.getMessage()
    assert torch.equal(predict(model, data.eval), predict(again, data.eval))
    caplog.clear()
    trained(factory, data, recipe)
    assert len(epochs) == 6
    assert not caplog.records


def test_weights_without_sidecar_are_not_taken_for_whole(data, factory, recipe, cache, epochs):
    trained(factory, data, recipe)
    next(cache.glob("*.json")).unlink()
    trained(factory, data, recipe)
    assert len(epochs) == 6
