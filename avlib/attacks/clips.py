"""The fitting split as universal attacks read it: on the model's device, shared out over the processes."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from avlib.attacks.perturbation import Perturbation
from avlib.data.split import Batch, Split
from avlib.device import bring, home
from avlib.losses import Loss, whole
from avlib.models.tagger import tagger_of

if TYPE_CHECKING:
    from lightning_fabric import Fabric


@dataclass(frozen=True)
class Clips:
    """`split` in batches of `batch_size` over all processes together, so that no result depends on their number."""

    model: nn.Module
    split: Split
    batch_size: int
    fabric: "Fabric | None" = None

    def order(self, generator: torch.Generator | None) -> tuple[Tensor, ...]:
        """Batches of clip numbers for one pass, the same in every process; shuffled if there is a generator."""
        count = len(self.split)
        order = torch.arange(count) if generator is None else torch.randperm(count, generator=generator)
        return order.split(self.batch_size)

    def read(self, indices: Tensor, whole: bool = False) -> tuple[Batch, Tensor]:
        """This process's share of the clips at `indices` (the `whole` of them if asked), on the model's device."""
        if self.fabric is not None and not whole:
            indices = indices[self.fabric.global_rank :: self.fabric.world_size]
        return bring(home(self.model), *tagger_of(self.model).view(self.split).batch(indices))

    def total(self, value: Tensor) -> Tensor:
        """Sum of `value` over the processes."""
        return value if self.fabric is None else self.fabric.all_reduce(value, reduce_op="sum")  # type: ignore[return-value]

    @torch.no_grad()
    def mean_loss(self, indices: Tensor, perturbation: Perturbation, loss: Loss) -> float:
        """Mean loss of the model on the clips at `indices` under `perturbation`."""
        summed = torch.zeros((), dtype=torch.float64)
        for chunk in indices.split(self.batch_size):
            batch, labels = self.read(chunk)
            if len(labels):
                summed = summed + loss(whole(self.model(perturbation.apply(batch))), labels).cpu().double().sum()
        return float(self.total(summed)) / len(indices)


def evenly(count: int, share: float) -> Tensor:
    """Numbers of `share` of `count` clips (the nearest whole number of them, at least one), evenly spaced.

    >>> evenly(10, 0.4)
    tensor([0, 2, 5, 7])
    """
    chosen = max(1, round(share * count))
    return torch.arange(chosen) * count // chosen
