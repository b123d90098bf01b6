"""The audio model that is attacked: the laptop's CSN on generated clips, one event and so one label a clip."""

from functools import cache, partial

import torch
from torch import Tensor
from torch.nn import functional as F

from avlib import profiles
from avlib.data import load
from avlib.data.split import AVData, Batch
from avlib.models import CSN
from avlib.training import Recipe, trained

CLASSES = 10
SIZE = profiles.of("laptop")


def network() -> CSN:
    """A new model, of the width that the default book has."""
    return CSN(CLASSES, width=SIZE.width, transformer_dropout=SIZE.dropout)


@cache
def subject() -> tuple[CSN, AVData]:
    """The model, trained (a minute) or read from the cache, and its data: peers know single labels only."""
    data = load(
        "synthav", world=1, classes=CLASSES, clips=(1200, 60, 300), events=(1, 1), agreement=1.0, label_noise=0.0
    )
    factory = partial(CSN, classes=CLASSES, width=SIZE.width, transformer_dropout=SIZE.dropout)
    model, _ = trained(factory, data, Recipe(epochs=6, batch_size=16, lr=SIZE.lr), seed=0)
    return model.eval(), data


def clips(count: int, split: str = "eval") -> tuple[Batch, Tensor]:
    """The first `count` clips of a split that the model gets right, and their labels."""
    model, data = subject()
    batch, labels = getattr(data, split).batch(range(3 * count))
    with torch.no_grad():
        right = (model(batch).argmax(dim=1) == labels.argmax(dim=1)).nonzero()[:count, 0]
    return {"audio": batch["audio"][right]}, labels[right]


def cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    """The loss that single-label libraries ascend, (N,)."""
    return F.cross_entropy(logits, labels.argmax(dim=1), reduction="none")
