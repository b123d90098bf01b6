"""Defences that are planted: they hide the gradient of a model and make it no more robust.

None is proposed by anybody here.  They are what a trustworthy attack must see through, or must be seen to fail on.
"""

from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn

Guard = Callable[[Tensor], Tensor]


class Guarded(nn.Module):
    """f(g(x)): the features x of one modality pass a guard g before the model f sees them.

    >>> class Sum(nn.Module):
    ...     def forward(self, batch):
    ...         return batch["audio"].sum(dim=1)
    >>> Guarded(Sum(), rounded)({"audio": torch.tensor([[0.51, 0.52]])})
    tensor([1.])
    """

    def __init__(self, model: nn.Module, guard: Guard, modality: str = "audio") -> None:
        super().__init__()
        self.model, self.guard, self.modality = model, guard, modality

    def forward(self, batch: Mapping[str, Tensor]) -> Tensor:
        return self.model({**batch, self.modality: self.guard(batch[self.modality])})


def rounded(x: Tensor, step: float = 0.05) -> Tensor:
    """x on a grid: step · round(x / step).  Its derivative is 0 wherever it has one.

    >>> rounded(torch.tensor([0.16, -0.31]), step=0.25)
    tensor([ 0.2500, -0.2500])
    """
    return step * (x / step).round()


def rippled(x: Tensor, height: float = 0.01, slope: float = 40.0) -> Tensor:
    """x + h·sin(s·x / h): moved by no more than h, with a derivative that changes its sign every few thousandths.

    >>> x = torch.linspace(-1, 1, 1001)
    >>> float((rippled(x) - x).abs().max()) <= 0.0101
    True
    """
    return x + height * (slope * x / height).sin()


def dithered(generator: torch.Generator, size: float = 0.01) -> Guard:
    """x + size · n, with normal noise n that is new in each call: the gradient is of another function than the score.

    >>> guard, x = dithered(torch.Generator().manual_seed(0)), torch.zeros(2)
    >>> bool((guard(x) == guard(x)).any())
    False
    """

    def guard(x: Tensor) -> Tensor:
        return x + size * torch.randn(x.shape, generator=generator).to(x)

    return guard
