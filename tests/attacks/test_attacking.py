import pytest
import torch

from avlib.attacks import attacking
from tests.attacks.toys import Curved, batch


def test_only_recurrent_modules_train_and_without_dropout():
    model = Curved().train()
    with attacking(model):
        assert [type(m).__name__ for m in model.modules() if m.training] == ["GRU"]
        assert model.gru.dropout == 0
        assert not any(p.requires_grad for p in model.parameters())
        assert torch.equal(model(batch()), model(batch())), "nothing random is left"
    assert model.training
    assert model.gru.dropout == 0.5


def test_everything_is_put_back_after_an_error():
    model = Curved().train()
    model.head.eval()
    model.head.weight.requires_grad_(False)
    with pytest.raises(KeyboardInterrupt), attacking(model):
        raise KeyboardInterrupt
    assert model.gru.training
    assert not model.head.training
    assert not model.head.weight.requires_grad
    assert model.head.bias.requires_grad
    assert model.gru.dropout == 0.5


def test_it_nests():
    model = Curved().train()
    with attacking(model):
        with attacking(model):
            pass
        assert not model.training
        assert not model.head.weight.requires_grad
    assert model.head.weight.requires_grad
