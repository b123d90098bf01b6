import os
import subprocess
import sys
from pathlib import Path

import torch

WORKER = """
import sys
sys.path.insert(0, {here!r})
import conftest, torch
from lightning_fabric import Fabric
from avlib.mixup import MixUp
from avlib.training import Recipe, predict, trained
fabric = Fabric(accelerator="cpu", devices=2, strategy="ddp")
fabric.launch()
data = conftest.tones()
model, history = trained(conftest.FACTORY, data, Recipe(epochs=2, batch_size=8, transforms=(MixUp(),)), fabric=fabric)
torch.save((predict(model, data.eval), history.train_loss.tolist()), f"{out}/{{fabric.global_rank}}.pt")
"""


def test_two_processes_train_one_model(tmp_path):
    """Each takes half of every batch; gradients are averaged, one of them writes, and both end with the same model."""
    script = tmp_path / "worker.py"
    script.write_text(WORKER.format(here=str(Path(__file__).parent), out=tmp_path))
    environment = {**os.environ, "AVLIB_CACHE": str(tmp_path), "TQDM_DISABLE": "1", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", str(script)]
    subprocess.run(command, env=environment, check=True, timeout=120, capture_output=True)
    (logits, losses), (other_logits, other_losses) = (torch.load(tmp_path / f"{rank}.pt") for rank in (0, 1))
    assert torch.equal(logits, other_logits)
    assert losses == other_losses
    assert len(list((tmp_path / "models").glob("*.safetensors"))) == 1
