"""A threat against given clips, as a unit ball."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

import torch
from torch import Tensor

from avlib.attacks import geometry
from avlib.attacks.threat import Threat
from avlib.errors import AvlibError

Budget = Literal["separate", "joint", "split"]

L1_SHARE = 0.01


@dataclass(frozen=True)
class Ball:
    """The perturbations of one modality (or of several under one joint budget) in coordinates w where ‖w‖ ≤ 1.

    δ = unit · w with unit = ε · scale · mask.  So a step of size α moves every modality by α·ε; the chain rule masks
    and scales the gradient before it is normalised; and clips with different ε need no special care.  w has the shape
    (N, rows, D): one row a clip, or one a frame.
    """

    shapes: dict[str, torch.Size]
    norm: float
    unit: Tensor
    box: geometry.Box | None

    def rows(self, delta: Mapping[str, Tensor]) -> Tensor:
        """Coordinates w of `delta`, a modality that it lacks being 0; the inverse of `delta()` where unit > 0.

        Raises
        ------
        AvlibError
            When a δ does not broadcast to the features.
        """
        zero = self.unit.new_zeros(())
        parts = [
            _spread(f"the start of {name!r}", delta.get(name, zero).detach().to(self.unit), shape).reshape(
                *self.unit.shape[:2], -1
            )
            for name, shape in self.shapes.items()
        ]
        return torch.where(self.unit > 0, torch.cat(parts, dim=-1) / self.unit, zero)

    def delta(self, w: Tensor) -> dict[str, Tensor]:
        """δ of each modality, in the shape of its features."""
        sizes = [shape.numel() // (w.shape[0] * w.shape[1]) for shape in self.shapes.values()]
        whole = w * self.unit
        parts = whole.split(sizes, dim=-1) if len(sizes) > 1 else [whole]  # to split off all copies its gradient
        return {name: part.reshape(shape) for (name, shape), part in zip(self.shapes.items(), parts, strict=True)}

    def take(self, clips: Tensor) -> "Ball":
        """The same ball against the clips with the numbers `clips` alone."""
        return Ball(
            {name: torch.Size((len(clips), *shape[1:])) for name, shape in self.shapes.items()},
            self.norm,
            self.unit[clips],
            None if self.box is None else (self.box[0][clips], self.box[1][clips]),
        )

    def project(self, w: Tensor) -> Tensor:
        """The nearest feasible point."""
        return geometry.project(w, self.norm, self.box)

    def ascend(self, w: Tensor, gradient: Tensor, step: float, progress: float) -> Tensor:
        """One step of projected steepest ascent, `progress` in (0, 1] being how much of the run is over after it.

        In the first half of a run, a step of ℓ1 moves a hundredth of the coordinates, which gets further on a curved
        loss; in the second only the steepest one, which ends on the vertex that is best for a linear loss.
        """
        return self.project(torch.add(w, self.steepest(gradient, progress), alpha=step))

    def steepest(self, gradient: Tensor, progress: float) -> Tensor:
        """The unit direction of such a step."""
        count = max(1, round(L1_SHARE * gradient.shape[-1])) if progress <= 0.5 else 1
        return geometry.steepest(gradient, self.norm, count)

    def draw(self, seeds: Tensor, surface: bool = False) -> Tensor:
        """A random feasible w (on the sphere when `surface`): clip n follows from seeds[n] alone."""
        point = geometry.on_sphere if surface else geometry.in_ball
        live = (self.unit > 0).expand(len(seeds), -1, -1)
        clips = [
            point(live[n], self.norm, torch.Generator().manual_seed(seed)) for n, seed in enumerate(seeds.tolist())
        ]
        return self.project(torch.stack(clips).to(self.unit))

    def ratio(self, w: Tensor) -> Tensor:
        """‖δ‖ / ε of each clip, the largest over its rows; shape (N,)."""
        return geometry.norms(w, self.norm).amax(dim=(1, 2))


def balls(
    threats: Mapping[str, Threat], batch: Mapping[str, Tensor], budget: Budget = "separate", box: bool = True
) -> list[Ball]:
    """`threats` against the clips of `batch`: one ball a modality, or a single one for the joint budget.

    ``separate``: ε for each modality (P2, eq. 3).  ``split``: ε / number of modalities for each.
    ``joint``: ‖(δ_A / ε_A, δ_V / ε_V)‖_p ≤ 1 over the clip (the one Π_ε of P2, eq. 6).
    `box` = False leaves the bounds to the caller, as a δ for many clips must.

    Raises
    ------
    AvlibError
        When a modality is missing, a tensor of a threat does not fit the features, the budget is unknown, or a joint
        budget is asked of unlike norms or of norms over frames.
    """
    if not threats:
        raise AvlibError("threats is empty: name at least one modality to attack")
    if budget not in get_args(Budget):
        raise AvlibError(f"budget = {budget!r}: allowed are 'separate', 'joint' and 'split'")
    for name in threats:
        if name not in batch:
            raise AvlibError(f"threat against {name!r}: the batch has only {sorted(batch)}")
    share = len(threats) if budget == "split" else 1
    single = [_ball(name, threats[name], batch[name], share, box) for name in sorted(threats)]
    if budget != "joint" or len(single) == 1:
        return single
    if len({ball.norm for ball in single}) > 1 or any(threat.over != "clip" for threat in threats.values()):
        raise AvlibError("budget = 'joint' needs one norm for all modalities, over='clip'")
    boxes = [
        ball.box or (torch.full_like(ball.unit, -torch.inf), torch.full_like(ball.unit, torch.inf)) for ball in single
    ]
    return [
        Ball(
            shapes={name: shape for ball in single for name, shape in ball.shapes.items()},
            norm=single[0].norm,
            unit=torch.cat([ball.unit for ball in single], dim=-1),
            box=(torch.cat([low for low, _ in boxes], dim=-1), torch.cat([high for _, high in boxes], dim=-1))
            if any(ball.box for ball in single)
            else None,
        )
    ]


def _spread(what: str, value: Tensor, shape: torch.Size) -> Tensor:
    try:
        return value.expand(shape)
    except RuntimeError:
        raise AvlibError(
            f"{what} has the shape {tuple(value.shape)}: it must broadcast to the features, {tuple(shape)}"
        ) from None


def _tensor(value: Tensor | float) -> Tensor:
    return value if isinstance(value, Tensor) else torch.tensor(value, dtype=torch.float64)


def _ball(name: str, threat: Threat, x: Tensor, share: int, box: bool) -> Ball:
    rows = (len(x), 1 if threat.over == "clip" else x.shape[1], -1)

    def spread(what: str, value: Tensor | float) -> Tensor:
        return _spread(f"{what} of the threat against {name!r}", _tensor(value).to(x), x.shape)

    eps = _tensor(threat.eps)
    unit = spread("eps", eps.reshape(-1, *[1] * (x.dim() - 1)) if eps.dim() else eps) / share
    for what, factor in (("scale", threat.scale), ("mask", threat.mask)):
        unit = unit if factor is None else unit * spread(what, factor)
    unit = unit.reshape(rows)
    if threat.bounds is None or not box:
        return Ball({name: x.shape}, threat.norm, unit, None)
    low, high = (spread("bounds", bound) - x for bound in threat.bounds)
    # Zero stays feasible where x lies outside its bounds, so that the set is never empty.
    sides = [side.reshape(rows) / unit for side in (low.clamp_max(0), high.clamp_min(0))]
    return Ball({name: x.shape}, threat.norm, unit, tuple(torch.where(unit > 0, side, 0) for side in sides))  # type: ignore[arg-type]
