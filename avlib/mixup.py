"""Mix-up: training on what lies between two clips."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from avlib.data.split import Batch, Split
from avlib.errors import AvlibError
from avlib.transform import Labels


@dataclass(frozen=True)
class MixUp:
    """x̃ = λ x_i + (1 − λ) x_j and ỹ = λ y_i + (1 − λ) y_j, for a `share` of the clips i of each batch.

    Zhang et al. 2018, as in the recipe of P3: λ ~ Beta(`beta`, `beta`), drawn clip by clip and the same for every
    modality and for the labels; Beta(10, 10) lies near 1/2.  The released recipe of P3 mixes 30 or 50 % of the clips,
    waveforms in place of spectrograms, with partners from the whole training split; here j is any other clip of the
    same batch, and all that the batch has is mixed as it is.  `hard` labels stay those of clip i.

    Raises
    ------
    AvlibError
        For a share or a `beta` out of range.

    >>> batch, labels = {"audio": torch.tensor([[0.0], [1.0]])}, torch.eye(2)
    >>> mix, generator = MixUp(share=1.0), torch.Generator().manual_seed(0)
    >>> batch, labels = mix(nn.Identity(), batch, Labels(labels, labels), generator)
    >>> torch.allclose(batch["audio"].flatten(), labels.soft[:, 1])
    True
    """

    share: float = 0.5
    beta: float = 10.0

    def __post_init__(self) -> None:
        if not 0 <= self.share <= 1:
            raise AvlibError(f"MixUp: share={self.share} is not allowed; it is a share of the clips, in [0, 1]")
        if not 0 < self.beta < float("inf"):
            raise AvlibError(f"MixUp: beta={self.beta} is not allowed; it must be positive")

    def prepare(self, train: Split) -> "MixUp":
        return self

    def __call__(
        self, model: nn.Module, batch: Batch, labels: Labels, generator: torch.Generator
    ) -> tuple[Batch, Labels]:
        clips = len(labels.hard)
        if clips < 2:
            return batch, labels
        partner, has_one = self._partners(labels.hard.cpu(), generator)
        weight = torch.where(has_one, self._weights(clips, generator), 1.0)
        mixed = {name: blend(x, weight, partner) for name, x in batch.items()}
        return mixed, labels._replace(soft=blend(labels.soft, weight, partner))

    def _partners(self, labels: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """The partner of each clip, (N,), and whether there is one: any other clip."""
        clips = len(labels)
        step = torch.randint(1, clips, (clips,), generator=generator)
        return (torch.arange(clips) + step) % clips, torch.ones(clips, dtype=torch.bool)

    def _weights(self, clips: int, generator: torch.Generator) -> Tensor:
        """λ of each clip, (N,); 1 for a clip that is left alone."""
        chosen = torch.rand(clips, generator=generator) < self.share
        # torch draws Beta numbers from the global generator only.
        source = np.random.default_rng(int(torch.randint(2**62, (), generator=generator)))
        drawn = torch.from_numpy(source.beta(self.beta, self.beta, clips)).float()
        return torch.where(chosen, drawn, 1.0)


@dataclass(frozen=True)
class ClassMixUp(MixUp):
    """`MixUp` of clips of some `classes` alone, each with a clip of another of these classes: P2, equation 9.

    A clip i that carries one of the classes is mixed, with the chance `share`, with a clip j of its batch that carries
    one that i does not carry; where the batch has none it stays as it is, and so do clips of other classes.  Which
    classes is for `avlib.selection` to say, or for chance.  P2 draws λ from [0, 1]: `beta` = 1.

    Raises
    ------
    AvlibError
        For fewer than two classes, which make no pair.

    >>> batch, labels = {"audio": torch.tensor([[0.0], [1.0], [5.0]])}, torch.eye(3)
    >>> mix, generator = ClassMixUp(share=1.0, beta=1.0, classes=(0, 1)), torch.Generator().manual_seed(0)
    >>> batch, labels = mix(nn.Identity(), batch, Labels(labels, labels), generator)
    >>> torch.allclose(batch["audio"][:2, 0], labels.soft[:2, 1]), float(batch["audio"][2, 0])
    (True, 5.0)
    """

    classes: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        if len(set(self.classes)) < 2:
            raise AvlibError(f"ClassMixUp: classes={self.classes} make no pair; at least two are needed")

    def _partners(self, labels: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        chosen = labels[:, list(self.classes)] > 0.5  # (N, k)
        other = (chosen.unsqueeze(0) & ~chosen.unsqueeze(1)).any(dim=2)  # j carries one that i does not
        allowed = other & chosen.any(dim=1, keepdim=True)
        drawn = torch.rand(allowed.shape, generator=generator)
        return torch.where(allowed, drawn, -1.0).argmax(dim=1), allowed.any(dim=1)


def blend(x: Tensor, weight: Tensor, partner: Tensor) -> Tensor:
    """λ_i x_i + (1 − λ_i) x_j with j = ``partner[i]``: x (N, …), weight (N,), partner (N,).

    >>> blend(torch.tensor([0.0, 8.0]), torch.tensor([0.75, 1.0]), torch.tensor([1, 0]))
    tensor([2., 8.])
    """
    return between(x, x[partner.to(x.device)], weight)


def between(x: Tensor, other: Tensor, weight: Tensor) -> Tensor:
    """λ_i x_i + (1 − λ_i) x′_i: x and x′ (N, …), λ (N,).

    >>> between(torch.tensor([0.0, 8.0]), torch.tensor([4.0, 0.0]), torch.tensor([0.75, 0.5]))
    tensor([1., 4.])
    """
    return torch.lerp(other, x, weight.to(x).reshape(-1, *[1] * (x.dim() - 1)))
