import pytest
import torch
from torch import nn

from avlib.models import CRNN, CSN
from avlib.training import predict


@pytest.fixture(params=[CSN, CRNN])
def model(request):
    return request.param(classes=4, mels=32, width=32)


def test_equals_the_model_in_eval_mode_at_any_batch_size(model, data):
    expected = model.eval()(data.eval.batch(range(24))[0]).detach()
    for size in (1, 7, 256):
        logits = predict(model, data.eval, batch_size=size)
        torch.testing.assert_close(logits, expected, atol=1e-5, rtol=0)
    assert (logits.dtype, logits.device.type, logits.requires_grad) == (torch.float32, "cpu", False)


def test_every_flag_and_buffer_stays(model, data):
    model.train()
    model.branches["audio"].front.eval()
    model.head.event.weight.requires_grad_(False)
    flags = [(m.training, [p.requires_grad for p in m.parameters()]) for m in model.modules()]
    before = [buffer.clone() for buffer in model.buffers()]
    predict(model, data.eval)
    assert flags == [(m.training, [p.requires_grad for p in m.parameters()]) for m in model.modules()]
    assert all(torch.equal(a, b) for a, b in zip(before, model.buffers(), strict=True))
    assert all(parameter.grad is None for parameter in model.parameters())


def test_flags_come_back_when_the_attack_fails(model, data):
    model.train()

    def attack(batch, labels):
        raise RuntimeError

    with pytest.raises(RuntimeError):
        predict(model, data.eval, attack)
    assert all(module.training for module in model.modules())


def test_attack_sees_labels_and_may_take_gradients(model, data):
    """One step of ascent on each clip raises the loss that it climbs."""

    def attack(batch, labels):
        audio = batch["audio"].clone().requires_grad_()
        loss = nn.functional.binary_cross_entropy_with_logits(model({"audio": audio}), labels)
        return {"audio": audio + 0.05 * torch.autograd.grad(loss, audio)[0].sign()}

    def loss(logits):
        return nn.functional.binary_cross_entropy_with_logits(logits, data.eval.labels)

    attacked = predict(model, data.eval, attack, batch_size=10)
    assert loss(attacked) > loss(predict(model, data.eval))
    assert not attacked.requires_grad


def test_dropout_is_off(data):
    model = CSN(4, 32, 32, dropout=0.9).train()
    assert torch.equal(predict(model, data.eval), predict(model, data.eval))
