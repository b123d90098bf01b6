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

SIDES = "low", "high"


Limits = dict[str, tuple[Tensor, Tensor]]


def limits(batch: Mapping[str, Tensor], bounds: Mapping[str, Bounds]) -> Limits:
    """[min(low, x), max(high, x)] of each modality that has `bounds`, in the shape of its features.

    So an x that lies outside its bounds may stay or move inwards, and none is moved further than by δ.

    >>> limits({"audio": torch.tensor([[0.0, 3.0]])}, {"audio": (-1.0, 1.0)})
    {'audio': (tensor([[-1., -1.]]), tensor([[1., 3.]]))}
    """
    sides = {name: [b.to(batch[name]) if isinstance(b, Tensor) else b for b in pair] for name, pair in bounds.items()}
    return {name: (batch[name].clamp(max=low), batch[name].clamp(min=high)) for name, (low, high) in sides.items()}


def add(batch: Mapping[str, Tensor], delta: Mapping[str, Tensor], limits: Limits) -> dict[str, Tensor]:
    """x + δ of the modalities in `delta`, clamped to their `limits` where they have any: the only clamp there is.

    >>> x = {"audio": torch.tensor([[0.0, 0.0, 3.0]])}
    >>> add(x, {"audio": torch.tensor([[0.5, 2.0, 2.0]])}, limits(x, {"audio": (-1.0, 1.0)}))
    {'audio': tensor([[0.5000, 1.0000, 3.0000]])}
    """
    moved = {name: batch[name] + value.to(batch[name]) for name, value in delta.items()}
    return {name: x.clamp(*limits[name]) if name in limits else x for name, x in moved.items()}


@dataclass(frozen=True)
class Perturbation:
    """δ of each modality: (1, …) and the same for every clip, or (N, …) for one batch of N clips.

    As ``attack`` of `predict` it is called with (batch, labels), batch after batch, and returns the perturbed batch.
    That is for a δ that all clips share: one of (N, …) belongs to the batch that it was made for, see `apply`.

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
        return {**batch, **add(batch, self.delta, limits(batch, self.bounds))}

    def __call__(self, batch: Mapping[str, Tensor], labels: Tensor) -> dict[str, Tensor]:
        for name, value in self.delta.items():
            if len(value) > 1:
                raise AvlibError(
                    f"δ of {name!r} has the shape {tuple(value.shape)}, one for each of {len(value)} clips: an attack "
                    "on batch after batch needs (1, …); .apply(batch) adds it to the batch that it was made for"
                )
        return self.apply(batch)

    def state_dict(self) -> dict[str, Tensor]:
        """All of it as tensors on the CPU, ready for safetensors; `from_state` reads it back."""
        state = {f"delta/{name}": value.detach().cpu().contiguous() for name, value in self.delta.items()}
        for name, pair in self.bounds.items():
            for side, bound in zip(SIDES, pair, strict=True):
                state[f"{side}/{name}"] = torch.as_tensor(bound, dtype=self.delta[name].dtype).cpu().clone()
        for name, ratio in self.ratio.items():
            state[f"ratio/{name}"] = torch.tensor(ratio, dtype=torch.float64)
        for i, (title, column) in enumerate(self.history.items()):
            state[f"history/{i:02}/{title}"] = torch.tensor(column.to_numpy())
        return state | {"gradients": torch.tensor(self.gradients)}

    @classmethod
    def from_state(cls, state: Mapping[str, Tensor]) -> "Perturbation":
        """The perturbation whose `state_dict` is `state`.

        Raises
        ------
        AvlibError
            When `state` is not one of a perturbation.

        >>> made = Perturbation({"audio": torch.ones(1, 2)}, bounds={"audio": (0.0, 0.5)})
        >>> Perturbation.from_state(made.state_dict()).apply({"audio": torch.zeros(1, 2)})
        {'audio': tensor([[0.5000, 0.5000]])}
        """

        def part(kind: str) -> dict[str, Tensor]:
            return {key.removeprefix(f"{kind}/"): state[key] for key in sorted(state) if key.startswith(f"{kind}/")}

        if "gradients" not in state or not part("delta"):
            raise AvlibError(f"a state with the keys {sorted(state)} is not one of a perturbation")
        low, high = (part(side) for side in SIDES)
        return cls(
            delta=part("delta"),
            ratio={name: float(ratio) for name, ratio in part("ratio").items()},
            bounds={name: (low[name], high[name]) for name in low},
            history=pd.DataFrame({key.partition("/")[2]: column.numpy() for key, column in part("history").items()}),
            gradients=int(state["gradients"]),
        )


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
    allowed = balls(threats, {name: x[:1] for name, x in batch.items()} if shared else batch, budget, box=not shared)
    clips = len(allowed[0].unit)
    seeds = torch.randint(2**62, (clips, len(allowed)), generator=generator)
    ws = [ball.draw(seeds[:, b], surface=True) for b, ball in enumerate(allowed)]
    return Perturbation(
        delta={name: delta for ball, w in zip(allowed, ws, strict=True) for name, delta in ball.delta(w).items()},
        ratio={name: float(ball.ratio(w).max()) for ball, w in zip(allowed, ws, strict=True) for name in ball.shapes},
        bounds=bounds_of(threats),
    )
