"""Batch norm of few channels is torch's, in every mode, with its gradients and its running averages."""

import pytest
import torch
from torch import nn

from avlib.models import CSN
from avlib.models.norm import LANES, BatchNorm


def _pair(channels: int) -> tuple[BatchNorm, nn.BatchNorm2d]:
    """Ours and torch's, with the same scales, shifts and running averages."""
    torch.manual_seed(channels)
    theirs = nn.BatchNorm2d(channels).double()
    nn.init.normal_(theirs.weight)
    nn.init.normal_(theirs.bias)
    theirs.running_mean.normal_()
    ours = BatchNorm(channels).double()
    ours.load_state_dict(theirs.state_dict())
    return ours, theirs


@pytest.mark.parametrize("layout", [torch.channels_last, torch.contiguous_format], ids=["channels last", "plain"])
@pytest.mark.parametrize("channels", [1, 2, LANES - 1, LANES])
def test_values_gradients_and_averages_are_those_of_torch(channels, layout):
    x = (3 * torch.randn(5, channels, 6, 4, dtype=torch.float64) + 1).contiguous(memory_format=layout)
    weights, seen = torch.randn_like(x), []
    for norm in _pair(channels):
        moved = x.clone().requires_grad_()
        y = norm(moved)
        gradients = torch.autograd.grad((y.square() * weights).sum(), [moved, *norm.parameters()])
        seen.append([y.detach(), *gradients, *norm.buffers(), norm.eval()(x).detach()])
    for ours, theirs in zip(*seen, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-10, atol=1e-10)


def test_it_may_be_rectified_in_place():
    norms, found = _pair(3), []
    x = torch.randn(2, 3, 4, 4, dtype=torch.float64)
    for norm in norms:
        moved = x.clone().requires_grad_()
        found.append(torch.autograd.grad(nn.functional.relu_(norm(moved)).square().sum(), moved)[0])
    torch.testing.assert_close(*found)


def test_a_gradient_of_second_order_is_refused_and_not_wrong():
    x = torch.randn(2, 3, 4, 4, requires_grad=True)
    (gradient,) = torch.autograd.grad(BatchNorm(3)(x).square().sum(), x, create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        gradient.sum().backward()


def test_a_network_of_few_channels_learns_what_it_would_with_the_norms_of_torch():
    batch, labels = {"audio": torch.randn(6, 20, 64)}, torch.ones(6, 2)
    gradients = []
    for ours in (True, False):
        torch.manual_seed(0)
        model = CSN(2, width=64, transformer_dropout=0.0).double().train()
        if not ours:
            for norm in [module for module in model.modules() if isinstance(module, BatchNorm)]:
                norm.forward = lambda x, norm=norm: nn.BatchNorm2d.forward(norm, x)
        logits = model({"audio": batch["audio"].double()})
        gradients.append(torch.autograd.grad((logits * labels).sum(), list(model.parameters())))
    for a, b in zip(*gradients, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-6, atol=1e-9)
