"""What reaches each part of a model, and what it costs: against what is known on paper."""

import pytest
import torch
from torch import nn

from avlib.models import CSN, sized
from avlib.models.anatomy import flops, parts
from avlib.models.ensemble import Mean
from tests.attacks.toys import gen

BOTH = "audio + video"
READS = {
    "early": [("convolutions in time", "video"), ("linear map", "video"), ("convolutions", BOTH), ("linear map", BOTH),
              ("transformer ×2", BOTH), ("head", BOTH)],
    "mid1": [("convolutions", "audio"), ("convolutions in time", "video"), ("linear map", BOTH),
             ("transformer ×2", BOTH), ("head", BOTH)],
    "mid2": [("convolutions", "audio"), ("transformer ×2", "audio"), ("convolutions in time", "video"), ("head", BOTH)],
    "late_sum": [("convolutions", "audio"), ("transformer ×2", "audio"), ("convolutions in time", "video"),
                 ("transformer ×2", "video"), ("linear map", "audio"), ("linear map", "video"), ("head", BOTH)],
    "late": [("convolutions", "audio"), ("transformer ×2", "audio"), ("convolutions in time", "video"),
             ("transformer ×2", "video"), ("head", "audio"), ("head", "video")],
}  # fmt: skip


@pytest.fixture
def model(tap):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return sized(tap, "smoke", 5, features=24)()


X = {"audio": torch.randn(2, 40, 64, generator=gen(0)), "video": torch.randn(2, 5, 24, generator=gen(1))}


def test_the_parts_of_each_tap_are_those_of_figure_1(tap, model):
    found = parts(model, X)
    assert list(zip(found["part"], found["reads"], strict=True)) == READS[tap]


def test_every_weight_belongs_to_one_part(model):
    assert parts(model, X)["parameters"].sum() == sum(p.numel() for p in model.parameters())


def test_the_model_is_left_as_it_was(model):
    model.train()
    before = {name: x.clone() for name, x in model.state_dict().items()}
    parts(model, X)
    assert model.training
    assert all(torch.equal(x, before[name]) for name, x in model.state_dict().items())
    assert not any(module._forward_hooks for module in model.modules())


def test_flops_are_those_of_products_and_do_not_depend_on_the_number_of_clips():
    linear = nn.Sequential(nn.Linear(7, 11), nn.ReLU(), nn.Linear(11, 2))
    for clips in (1, 4):
        assert flops(linear, torch.zeros(clips, 7)) == 2 * (7 * 11 + 11 * 2)
    ear = CSN(5, width=64).eval()
    one, four = (flops(ear, {"audio": torch.zeros(n, 40, 64)}) for n in (1, 4))
    assert one == four > 0


def test_the_mean_of_models_is_the_mean_of_their_logits():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        ears = [CSN(5, width=64).eval() for _ in range(3)]
    x = {"audio": X["audio"]}
    torch.testing.assert_close(Mean(ears)(x), sum(ear(x) for ear in ears) / 3)
