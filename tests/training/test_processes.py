from datetime import timedelta

import torch
from lightning_fabric import Fabric
from lightning_fabric.strategies import DDPStrategy

from avlib.adversary import UniversalAdversary
from avlib.attacks import Threat
from avlib.mixup import MixUp
from avlib.training import Recipe, predict, trained


def test_two_processes_train_one_model(data, factory, cache, tmp_path, monkeypatch):
    """Each takes half of every batch; gradients are averaged, one of them writes, and both end with the same model."""

    def work(fabric: Fabric) -> None:
        assert fabric.world_size == 2
        shared = UniversalAdversary((("audio", Threat(2, 0.5, over="frame")),))
        recipe = Recipe(epochs=2, batch_size=8, transforms=(MixUp(), shared))
        model, history = trained(factory, data, recipe, fabric=fabric)
        torch.save((predict(model, data.eval), history.train_loss.tolist()), tmp_path / f"{fabric.global_rank}.pt")

    monkeypatch.setenv("MASTER_PORT", "")  # to be gone after the test: Fabric sets it
    monkeypatch.delenv("MASTER_PORT")
    # A process that waits for the other in vain gives up soon: half an hour is the default.
    pair = DDPStrategy(start_method="fork", timeout=timedelta(minutes=2))
    Fabric(accelerator="cpu", devices=2, strategy=pair).launch(work)
    (logits, losses), (other_logits, other_losses) = (torch.load(tmp_path / f"{rank}.pt") for rank in (0, 1))
    assert torch.equal(logits, other_logits)
    assert losses == other_losses
    assert len(list(cache.glob("*.safetensors"))) == 1
