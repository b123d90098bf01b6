"""A control for what a sense says: its clips dealt out again."""

from dataclasses import replace

import torch

from avlib.data.split import AVData, Split
from avlib.provenance import digest


def exchanged(data: AVData, modality: str, seed: int = 0) -> AVData:
    """`data`, each clip with the `modality` of another clip of its split, so that it says nothing of the labels.

    All else stays: each sense by itself is distributed as it was.  The features of `modality` are held in memory.

    >>> from avlib.data import load
    >>> data = load("synthav", clips=(4, 2, 2), classes=3)
    >>> before, after = (clips.train.batch(range(4))[0]["audio"] for clips in (data, exchanged(data, "audio")))
    >>> (before == after).flatten(1).all(dim=1).tolist(), (before.sum() - after.sum()).abs().item() < 1
    ([False, False, False, False], True)
    """
    generator = torch.Generator().manual_seed(seed)

    def dealt(split: Split) -> Split:
        order = torch.randperm(len(split), generator=generator)
        partner = torch.empty_like(order).scatter_(0, order, order.roll(1))  # one round: nobody keeps its own
        return split.having({modality: split.whole(modality)[partner]})

    stamp = digest(data.checksums[modality], "exchanged", seed)
    checksums = {**data.checksums, modality: stamp}
    return replace(data, train=dealt(data.train), valid=dealt(data.valid), eval=dealt(data.eval), checksums=checksums)
