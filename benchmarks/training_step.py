"""Training steps of `avlib.training.train` against the same steps as one writes them, with the same draws."""

import copy
from dataclasses import replace

import torch
from torch import nn

from avlib.losses import bce
from avlib.models import CSN
from avlib.training import Recipe, train
from avlib.training.loop import seeded
from benchmarks.race import Row, race, ratio
from benchmarks.subject import SIZE, network, subject

STEPS, ROUNDS, SEED = 32, 5, 0  # so many that setting up a training does not count


def plainly(model: CSN) -> CSN:
    """The same network as one writes it: rectified before it is pooled, torch's batch norm, memory as it comes."""
    model = copy.deepcopy(model)
    layers = model.branches["audio"].front.layers
    for i, layer in enumerate(layers):
        if isinstance(layer, nn.BatchNorm2d):
            layers[i] = nn.BatchNorm2d(layer.num_features)
            layers[i].load_state_dict(layer.state_dict())
        elif isinstance(layer, nn.ReLU):
            layers[i] = nn.ReLU()
    for i in [i for i, layer in enumerate(layers) if isinstance(layer, nn.MaxPool2d)]:
        layers[i], layers[i + 1] = layers[i + 1], layers[i]
    for parameter in model.parameters():
        parameter.data = parameter.data.contiguous()
    return model


def rows() -> list[Row]:
    """One row: the same batches, dropout and rates on both sides; what is lost is the mean loss of the steps."""
    _, data = subject()
    count = STEPS * SIZE.batch_size
    some = data.train.only(["audio"])
    batch, labels = some.batch(range(count))
    split = replace(some.subset(range(count)), features=batch, rows=None)
    data = replace(data, train=split, valid=split.subset([]))
    recipe = Recipe(epochs=1, batch_size=SIZE.batch_size, lr=SIZE.lr)
    torch.manual_seed(SEED)
    start = network()
    losses = {}

    def ours() -> None:
        losses["avlib"] = train(copy.deepcopy(start), data, recipe, seed=SEED)["train_loss"].iloc[-1]

    def theirs() -> None:
        model = plainly(start).train()
        adam, seen = torch.optim.Adam(model.parameters(), lr=recipe.lr), []
        with seeded(SEED, 1, torch.device("cpu")) as generator:
            for step, clips in enumerate(torch.randperm(count, generator=generator).split(recipe.batch_size)):
                adam.param_groups[0]["lr"] = recipe.rate(step, STEPS)
                loss = bce(model({"audio": batch["audio"][clips]}), labels[clips]).mean()
                adam.zero_grad()
                loss.backward()
                adam.step()
                seen.append(loss.item())
        losses["plain"] = sum(seen) / len(seen)

    seconds = race({"plain": theirs, "avlib": ours}, ROUNDS)
    remark = f"mean loss {losses['plain']:.4f}, avlib {losses['avlib']:.4f}"
    what = f"{STEPS} training steps, {recipe.batch_size} clips each"
    quotient = ratio(seconds["avlib"], seconds["plain"])
    return [Row(what, "the same written plainly", seconds["plain"], seconds["avlib"], quotient, "≤ .85", remark)]
