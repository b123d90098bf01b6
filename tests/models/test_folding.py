"""A folded model computes the same, is put back as it was, and is folded for every attack."""

import pytest
import torch
from torch import nn

from avlib.attacks import attacking
from avlib.errors import AvlibError
from avlib.models import CRNN, CSN, ResNet
from avlib.models.folding import folded

MODELS = {
    "csn": lambda: CSN(3, width=64, transformer_dropout=0.0),
    "crnn": lambda: CRNN(3, width=64),
    "resnet": lambda: ResNet(3, depth=18, stem=4),
    "bottlenecks": lambda: ResNet(3, depth=50, stem=2),
}


def _trained(make) -> nn.Module:
    """A model whose batch norms have statistics, scales and shifts of their own."""
    torch.manual_seed(0)
    model = make()
    for norm in [module for module in model.modules() if isinstance(module, nn.BatchNorm2d)]:
        norm.running_mean.normal_()
        norm.running_var.uniform_(0.5, 2)
        nn.init.normal_(norm.weight)
        nn.init.normal_(norm.bias)
    return model.eval()


def _batch() -> dict[str, torch.Tensor]:
    return {"audio": torch.randn(4, 40, 64, generator=torch.Generator().manual_seed(1))}


@pytest.mark.parametrize("make", MODELS.values(), ids=MODELS)
def test_logits_and_gradients_are_equal_but_for_rounding(make):
    model, x = _trained(make).double().requires_grad_(False), _batch()["audio"].double()

    def computed() -> tuple[torch.Tensor, torch.Tensor]:
        moved = x.clone().requires_grad_()
        logits = model({"audio": moved})
        return logits.detach(), torch.autograd.grad(logits.square().sum(), moved)[0]

    logits, gradient = computed()
    with folded(model):
        assert not any(isinstance(module, nn.BatchNorm2d) for module in model.modules())
        again, slope = computed()
    for new, old in ((again, logits), (slope, gradient)):
        assert float((new - old).abs().max()) <= 1e-9 * float(old.abs().max())


@pytest.mark.parametrize("make", MODELS.values(), ids=MODELS)
def test_everything_is_the_very_object_that_it_was(make):
    model = _trained(make).train()
    before = [(name, id(module)) for name, module in model.named_modules()]
    weights = [(name, id(weight), weight.clone(), weight.requires_grad) for name, weight in model.named_parameters()]
    buffers = {name: buffer.clone() for name, buffer in model.named_buffers()}
    with pytest.raises(AvlibError), attacking(model):
        model({})
    assert [(name, id(module)) for name, module in model.named_modules()] == before
    for (name, weight), (old_name, place, value, wanted) in zip(model.named_parameters(), weights, strict=True):
        assert (name, id(weight), weight.requires_grad) == (old_name, place, wanted)
        assert torch.equal(weight, value)
    assert all(torch.equal(buffer, buffers[name]) for name, buffer in model.named_buffers())


def test_a_model_is_folded_while_it_is_attacked_and_an_attack_within_an_attack_finds_it_so():
    model = _trained(MODELS["csn"])
    with attacking(model):
        assert not any(isinstance(module, nn.BatchNorm2d) for module in model.modules())
        with attacking(model):
            inner = model(_batch())
        assert torch.equal(model(_batch()), inner)
    assert any(isinstance(module, nn.BatchNorm2d) for module in model.modules())


def test_a_norm_without_statistics_of_its_own_is_left_alone():
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2, track_running_stats=False)).eval()
    with folded(model):
        assert isinstance(model[1], nn.BatchNorm2d)


def test_a_norm_that_follows_no_convolution_is_left_alone():
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.BatchNorm2d(2)).eval()
    with folded(model):
        assert isinstance(model[2], nn.BatchNorm2d)
