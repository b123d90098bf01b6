"""The one evaluation loop."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from avlib.attacks.attacking import attacking
from avlib.clock import spent
from avlib.data.split import Batch, Split
from avlib.device import bring, home
from avlib.models.tagger import tagger_of

Attack = Callable[[Batch, Tensor], Batch]


def predict(model: nn.Module, split: Split, attack: Attack | None = None, batch_size: int = 256) -> Tensor:
    """Logits of every clip of `split`, float32 (N, C) on the CPU, each batch as `attack(batch, labels)` leaves it.

    The model stands still meanwhile (`attacking`), and all its flags are put back.  It computes on its own device, and
    only the modalities that it uses are read.  Logits do not depend on `batch_size`, but for rounding.
    """
    parts = []
    with spent("scoring" if attack is None else "attacks"), attacking(model) as model:
        for clips in tagger_of(model).view(split).batches(batch_size):
            batch, labels = bring(home(model), *clips)
            if attack is not None:
                batch = attack(batch, labels)
            with torch.no_grad():
                parts.append(model(batch).float().cpu())
    return torch.cat(parts)
