"""A perturbation that exists before the batch it is added to."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import pandas as pd
import torch
from torch import Tensor

from avlib.attacks.ball import Budget, balls
from avlib.attacks.threat import Bounds, Threat
from avlib.errors import AvlibError


def add(batch: Mapping[str, Tensor], delta: Mapping[str, Tensor], bounds: Mapping[str, Bounds]) -> dict[str, Tensor]:
    """x + δ of the modalities in `delta`, clamped to their `bounds` where they have any.

    >>> add({"audio": torch.zeros(1, 2)}, {"audio": torch.tensor([[0.5, 2.0]])}, {"audio": (-1.0, 1.0)})
    {'audio': tensor([[0.5000, 1.0000]])}
    """
    moved = {name: batch[name] + value.to(batch[name]) for name, value in delta.items()}
    for name, (low, high) in bounds.items():
        x = moved[name]
        moved[name] = x.clamp(torch.as_tensor(low).to(x), torch.as_tensor(high).to(x))
    return moved


@dataclass(frozen=True)
class Perturbation:
    """δ of each modality: (1, …) and the same for every clip, or (N, …) for one batch of N clips.

    As ``attack`` of `predict` it is called with (batch, labels) and returns the perturbed batch.

    delta : δ of each modality.
    ratio : ‖δ‖ / ε of each modality (of the pair under a joint budget), the largest over clips and frames.
    bounds : box of x + δ, applied when δ is added.
    history : a row for the start and one for each pass: `pass`, `loss`, and `ratio_<modality>`.
    gradients : gradient evaluations for each clip of the fitting split.

    >>> Perturbation({"audio": torch.ones(1, 2)}).apply({"audio": torch.zeros(3, 2)})["audio"].sum()
    tensor(6.)
    """

    delta: dict[str, Tensor]
    ratio: dict[str, float] = field(default_factory=dict)
    bounds: dict[str, Bounds] = field(default_factory=dict)
    history: pd.DataFrame = field(default_factory=pd.DataFrame)
    gradients: int = 0

    def apply(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The batch with x + δ in the attacked modalities.

        Raises
        ------
        AvlibError
            When δ has another shape than the features of the batch.
        """
        for name, value in self.delta.items():
            x = batch.get(name)
            if x is None or value.shape[1:] != x.shape[1:] or len(value) not in (1, len(x)):
                found = "no such modality" if x is None else f"the shape {tuple(x.shape)}"
                raise AvlibError(f"δ of {name!r} has the shape {tuple(value.shape)}, the batch has {found}")
        return {**batch, **add(batch, self.delta, self.bounds)}

    def __call__(self, batch: Mapping[str, Tensor], labels: Tensor) -> dict[str, Tensor]:
        return self.apply(batch)

    def state_dict(self) -> dict[str, Tensor]:
        """δ of each modality on the CPU, ready for safetensors; `Perturbation(state)` reads it back."""
        return {name: value.detach().cpu().contiguous() for name, value in self.delta.items()}


def bounds_of(threats: Mapping[str, Threat]) -> dict[str, Bounds]:
    """The bounds of the threats that have some."""
    return {name: threat.bounds for name, threat in threats.items() if threat.bounds is not None}


def noise(
    batch: Mapping[str, Tensor],
    threats: Mapping[str, Threat],
    *,
    generator: torch.Generator,
    kind: Literal["sample-wise", "universal"] = "sample-wise",
    budget: Budget = "separate",
) -> Perturbation:
    """Random δ of norm exactly ε under the same axes, mask and scale: what an attack must be compared with.

    Uniform on the sphere for ℓ1 and ℓ2, random signs for ℓ∞.  One δ for each clip, which follows from the generator
    clip by clip whatever the batch size, or one for all.  Only the bounds of x + δ can make it shorter.

    Raises
    ------
    AvlibError
        When the threats do not fit the batch.

    >>> threats = {"audio": Threat(2, 0.3, over="frame")}
    >>> made = noise({"audio": torch.zeros(4, 5, 8)}, threats, generator=torch.Generator().manual_seed(0))
    >>> torch.linalg.vector_norm(made.delta["audio"], dim=2).allclose(torch.tensor(0.3))
    True
    """
    shared = kind == "universal"
    field = balls(threats, {name: x[:1] for name, x in batch.items()} if shared else batch, budget, box=not shared)
    clips = len(field[0].unit)
    seeds = torch.randint(2**62, (clips, len(field)), generator=generator)
    ws = [ball.draw(seeds[:, b], surface=True) for b, ball in enumerate(field)]
    return Perturbation(
        delta={name: delta for ball, w in zip(field, ws, strict=True) for name, delta in ball.delta(w).items()},
        ratio={name: float(ball.ratio(w).max()) for ball, w in zip(field, ws, strict=True) for name in ball.shapes},
        bounds=bounds_of(threats),
    )
