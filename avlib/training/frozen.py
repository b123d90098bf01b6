"""A trained model taken apart: what it computes on the way, and heads trained on that alone."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from torch import Tensor, nn

from avlib.data.source import SPLITS
from avlib.data.split import AVData, Batch, Split
from avlib.models import POOLINGS, Head
from avlib.models.tagger import Identity, Tagger, tagger_of
from avlib.provenance import digest
from avlib.training.cache import trained
from avlib.training.predict import predict
from avlib.training.recipe import Recipe

Observer = Callable[[Batch], Tensor]
ENCODED = "encoding"  # the modality of clips that a model has encoded


class _Through(nn.Module):
    """A model whose answer is what `observer` sees in it."""

    def __init__(self, model: nn.Module, observer: Observer) -> None:
        super().__init__()
        self.model = model
        self.observer = observer

    def forward(self, batch: Batch) -> Tensor:
        return self.observer(batch)


def observed(model: nn.Module, split: Split, observer: Observer) -> Tensor:
    """What `observer(batch)` sees inside `model` for every clip of `split`: float32 (N, …) on the CPU.

    Runs in `predict`, so the model stands still as in every evaluation.

    >>> import torch
    >>> split = Split({"audio": torch.ones(3, 8, 2)}, torch.zeros(3, 1), ("a", "b", "c"))
    >>> observed(nn.Linear(1, 1), split, lambda batch: batch["audio"].mean(dim=1)).shape
    torch.Size([3, 2])
    """
    return predict(_Through(model, observer), tagger_of(model).view(split))


def encoded(model: Tagger, data: AVData, observer: Observer | None = None) -> AVData:
    """`data` as the head of `model` meets it: sequences (N, T′, d) as their one modality, "encoding".

    `observer` takes the sequences from another place inside the model; the bottleneck when left out.  Each split is
    encoded once and held in memory, with its labels, events and sound.
    """
    observer = observer or model.bottleneck
    splits: dict[str, Any] = {}
    for name in SPLITS:
        split: Split = getattr(data, name)
        media = None if split.render is None else split.media
        features = {ENCODED: observed(model, split, observer)}
        splits[name] = replace(split, features=features, render=media, rows=None)
    held = [split.features[ENCODED] for split in splits.values()]
    return replace(data, **splits, checksums={ENCODED: digest(held), "labels": data.checksums["labels"]})


class HeadOnly(Tagger):
    """A head on clips that are encoded already, (N, T′, width): all that is trained on frozen encodings.

    >>> import torch
    >>> HeadOnly(width=16, classes=3, pooling="average")({"encoding": torch.zeros(2, 25, 16)}).shape
    torch.Size([2, 3])
    """

    def __init__(self, width: int, classes: int, pooling: str = "attention") -> None:
        super().__init__({ENCODED: Identity(width=width, sizes=(width,))}, Head(width, classes, pooling))


def heads(frozen: AVData, recipe: Recipe, seed: int = 0, poolings: Sequence[str] = POOLINGS) -> dict[str, HeadOnly]:
    """A head for each pooling, trained on the `encoded` data alone, or taken from the cache: as `trained`."""
    batch, labels = frozen.train.batch([0])
    sizes = batch[ENCODED].shape[2], labels.shape[1]
    return {name: trained(partial(HeadOnly, *sizes, name), frozen, recipe, seed)[0] for name in poolings}
