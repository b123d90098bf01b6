"""A control for what a sense says: its clips dealt out again."""

from dataclasses import replace

import torch

from avlib.data.split import AVData, Split
from avlib.errors import AvlibError
from avlib.provenance import digest


def exchanged(data: AVData, modality: str, seed: int = 0, share: float = 1.0) -> AVData:
    """`data`, a `share` of its clips with the `modality` of another of them, which says nothing of their labels.

    All else stays: each sense by itself is distributed as it was.  The features of `modality` are held in memory.

    Raises
    ------
    AvlibError
        When `share` is not between 0 and 1.

    >>> from avlib.data import load
    >>> data = load("synthav", clips=(4, 2, 2), classes=3)
    >>> before, after = (clips.train.batch(range(4))[0]["audio"] for clips in (data, exchanged(data, "audio")))
    >>> (before == after).flatten(1).all(dim=1).tolist(), (before.sum() - after.sum()).abs().item() < 1
    ([False, False, False, False], True)
    """
    if not 0 <= share <= 1:
        raise AvlibError(f"share={share}: of the clips, so from 0 to 1")
    generator = torch.Generator().manual_seed(seed)

    def dealt(split: Split) -> Split:
        order = torch.randperm(len(split), generator=generator)[: round(share * len(split))]
        partner = torch.arange(len(split)).scatter_(0, order, order.roll(1))  # one round: nobody in it keeps its own
        return split.having({modality: split.whole(modality)[partner]})

    stamp = digest(data.checksums[modality], "exchanged", seed, share)
    checksums = {**data.checksums, modality: stamp}
    return replace(data, train=dealt(data.train), valid=dealt(data.valid), eval=dealt(data.eval), checksums=checksums)
