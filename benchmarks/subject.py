"""The audio model that is attacked: a CSN on spoken digits, one digit a clip."""

from functools import cache, partial

import torch
from torch import Tensor
from torch.nn import functional as F

from avlib.data import load
from avlib.data.split import AVData, Batch
from avlib.models import CSN
from avlib.training import Recipe, trained


@cache
def subject() -> tuple[CSN, AVData]:
    """The model, trained or read from the cache, and its data: `avdigits` with one digit a clip."""
    data = load("avdigits", digits=(1, 1), clips=(1500, 100, 600))
    model, _ = trained(partial(CSN, classes=10, width=64), data, Recipe(epochs=16, batch_size=16, lr=2e-3), seed=0)
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
