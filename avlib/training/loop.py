"""The training loop: one epoch after the other, each of them a place to resume from."""

import contextlib
import logging
import math
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from lightning_fabric import Fabric
from torch import Tensor, nn
from tqdm import tqdm

from avlib.data.split import AVData, Batch, Split
from avlib.device import bring, device
from avlib.errors import AvlibError
from avlib.losses import bce
from avlib.metrics import tagging
from avlib.models.tagger import tagger_of
from avlib.training.checkpoint import Damaged, pack, read, unpack, write
from avlib.training.predict import predict
from avlib.training.recipe import Recipe
from avlib.transform import Labels, Step

log = logging.getLogger("avlib")


def default_fabric() -> Fabric:
    """This machine's device: an NVIDIA GPU in bfloat16 where it can, else float32."""
    half = torch.cuda.is_available() and torch.cuda.is_bf16_supported()
    return Fabric(accelerator=device().type, devices=1, precision="bf16-mixed" if half else "32-true")


@contextlib.contextmanager
def seeded(seed: int, stage: int, device: torch.device) -> Iterator[torch.Generator]:
    """A generator for stage `stage` of run `seed`; the global one, that dropout draws from, is lent and given back."""
    number = int(np.random.SeedSequence([seed, stage]).generate_state(1)[0])
    elsewhere = [] if device.type == "cpu" else [device]
    with torch.random.fork_rng(elsewhere, device_type=device.type):
        torch.manual_seed(number)
        yield torch.Generator().manual_seed(number)


def train(
    model: nn.Module,
    data: AVData,
    recipe: Recipe,
    *,
    seed: int,
    fabric: Fabric | None = None,
    checkpoint: Path | None = None,
) -> pd.DataFrame:
    """Train `model` in place on ``data.train`` and leave it in eval mode on the fabric's device.

    Returns one row an epoch: epoch, train_loss (the recipe's objective), valid_loss (mean BCE), valid_mAP, seconds.
    With `checkpoint`, every whole epoch is kept there, and a run that finds one goes on from it to the same weights,
    bit for bit, as a run that was never stopped.  Each epoch draws its order, its transforms and dropout from (seed,
    epoch) alone; the global random state is left as it was.

    The recipe's transforms see each batch in turn, on the device, with the bare model at its present weights and under
    the fabric's precision.  Under several processes each takes its share of a batch, transforms it alone, with the
    draws that the others have too, and averages its gradients with theirs: weights depend on the number of processes,
    as they do through batch norm.

    Raises
    ------
    AvlibError
        When there is nothing to train on, or the loss is no longer finite.
    """
    if not len(data.train):
        raise AvlibError(f"data set {data.name!r} has no training clips")
    data = tagger_of(model).view(data)
    fabric = fabric or default_fabric()
    with seeded(seed, 0, fabric.device):
        objective = recipe.objective.of(model, data.train.labels.shape[1])
    adam = torch.optim.Adam(objective.parameters(), lr=recipe.lr, weight_decay=recipe.weight_decay, fused=True)
    wrapped, optimizer = fabric.setup(objective, adam)
    steps = [transform.prepare(data.train) for transform in recipe.transforms]
    rows = _resume(checkpoint, objective, adam, steps)
    epochs, per_epoch, total = recipe.lengths(len(data.train))
    bar = tqdm(total=epochs, initial=len(rows), desc=f"training {type(model).__name__}", unit="epoch", leave=False)
    with bar:
        for epoch in range(len(rows), epochs):
            start = time.perf_counter()
            rates = [recipe.rate(step, total) for step in range(epoch * per_epoch, min((epoch + 1) * per_epoch, total))]
            with seeded(seed, epoch + 1, fabric.device) as generator:
                batches = _batches(data.train, recipe.batch_size, generator, fabric)
                batches = _transformed(batches, steps, model, generator, fabric)
                loss = _epoch(wrapped, optimizer, zip(rates, batches, strict=False), fabric)
            if not math.isfinite(loss):
                raise AvlibError(f"training loss is {loss} in epoch {epoch + 1}: try a smaller lr than {recipe.lr:g}")
            rows.append({"epoch": epoch + 1, "train_loss": loss, **_validate(model, data.valid)})
            rows[-1]["seconds"] = time.perf_counter() - start
            if checkpoint is not None:
                tensors = pack(objective, adam, steps)  # by every process: a step may need the others for its state
                if fabric.is_global_zero:
                    write(checkpoint, tensors, {"history": rows})
            bar.set_postfix(loss=f"{loss:.3f}", mAP=f"{rows[-1]['valid_mAP']:.3f}", refresh=False)
            bar.update()
    model.eval()
    return pd.DataFrame(rows)


def _epoch(
    objective: nn.Module,
    optimizer: torch.optim.Optimizer,
    plan: Iterable[tuple[float, tuple[Batch, Tensor]]],
    fabric: Fabric,
) -> float:
    objective.train()
    losses = []
    for rate, (batch, labels) in plan:
        for group in optimizer.param_groups:
            group["lr"] = rate
        loss = objective(batch, labels)
        optimizer.zero_grad()
        fabric.backward(loss)
        optimizer.step()
        losses.append(loss.detach())  # read once an epoch: a GPU need not wait at every step
    return fabric.all_reduce(torch.stack(losses).mean()).item()  # type: ignore[union-attr]


def _batches(split: Split, size: int, generator: torch.Generator, fabric: Fabric) -> Iterator[tuple[Batch, Tensor]]:
    for indices in torch.randperm(len(split), generator=generator).split(size):
        yield bring(fabric.device, *split.batch(indices[fabric.global_rank :: fabric.world_size]))


def _transformed(
    batches: Iterable[tuple[Batch, Tensor]],
    steps: Sequence[Step],
    model: nn.Module,
    generator: torch.Generator,
    fabric: Fabric,
) -> Iterator[tuple[Batch, Tensor]]:
    for batch, hard in batches:
        labels = Labels(hard, hard)
        with fabric.autocast():
            for step in steps:
                batch, labels = step(model, batch, labels, generator)
        yield batch, labels.soft


def _validate(model: nn.Module, split: Split) -> dict[str, float]:
    if not len(split):
        return {"valid_loss": math.nan, "valid_mAP": math.nan}
    logits = predict(model, split)
    return {"valid_loss": bce(logits, split.labels).mean().item(), "valid_mAP": tagging(logits, split.labels).mAP}


def _resume(
    checkpoint: Path | None, model: nn.Module, optimizer: torch.optim.Optimizer, steps: Sequence[Step]
) -> list[dict[str, Any]]:
    if checkpoint is None or not checkpoint.exists():
        return []
    try:
        tensors, facts, _ = read(checkpoint)
        unpack(tensors, model, optimizer, steps)
    except Damaged as error:
        log.warning("%s: training starts again", error)
        checkpoint.unlink(missing_ok=True)
        return []
    return facts["history"]
