"""Several taggers that vote."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn


class Mean(nn.Module):
    """The mean of several models' logits, (N, C), on the same batch.

    >>> double, negative = nn.Linear(1, 1, bias=False), nn.Linear(1, 1, bias=False)
    >>> _ = double.weight.data.fill_(2), negative.weight.data.fill_(-1)
    >>> Mean([double, negative])(torch.ones(1, 1)).item()
    0.5
    """

    def __init__(self, models: Sequence[nn.Module]) -> None:
        super().__init__()
        self.models = nn.ModuleList(models)

    def forward(self, batch: Mapping[str, Tensor]) -> Tensor:
        return torch.stack([model(batch) for model in self.models]).mean(dim=0)
