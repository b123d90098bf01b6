"""The one evaluation loop."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from avlib.attacks.attacking import attacking
from avlib.data.split import Batch, Split

Attack = Callable[[Batch, Tensor], Batch]


def predict(model: nn.Module, split: Split, attack: Attack | None = None, batch_size: int = 256) -> Tensor:
    """Logits of every clip of `split`, float32 (N, C) on the CPU, each batch as `attack(batch, labels)` leaves it.

    The model stands still meanwhile (`attacking`), and all its flags are put back.  It computes on the device of its
    parameters.  Logits do not depend on `batch_size`, but for rounding.
    """
    device = next(model.parameters()).device
    parts = []
    with attacking(model):
        for clean, labels in split.batches(batch_size):
            batch = {name: values.to(device) for name, values in clean.items()}
            if attack is not None:
                batch = attack(batch, labels.to(device))
            with torch.no_grad():
                parts.append(model(batch).float().cpu())
    return torch.cat(parts)
