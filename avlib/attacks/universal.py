"""Universal attacks: one δ for every clip."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import pandas as pd
import torch
from torch import Tensor, nn

from avlib.attacks.ascent import Coordinates, Point, ascend, deltas, evaluate, finite, forward_of, schedule
from avlib.attacks.attacking import attacking
from avlib.attacks.ball import Ball, Budget, balls
from avlib.attacks.clips import Clips, evenly
from avlib.attacks.perturbation import Perturbation, add, bounds_of, limits
from avlib.attacks.still import encoded_once
from avlib.attacks.threat import Threat
from avlib.clock import spent
from avlib.data.split import Split
from avlib.errors import AvlibError
from avlib.losses import Loss, bce

if TYPE_CHECKING:
    from lightning_fabric import Fabric

FIRST_STEP = 0.5
Optimizer = Callable[[Coordinates], torch.optim.Optimizer]


def fit_universal(
    model: nn.Module,
    split: Split,
    threats: Mapping[str, Threat],
    *,
    passes: int,
    batch_size: int,
    step_size: float | Sequence[float] | None = None,
    start: Mapping[str, Tensor] | Sequence[Mapping[str, Tensor]] | None = None,
    budget: Budget = "separate",
    loss: Loss = bce,
    optimizer: Optimizer | None = None,
    part: float = 0.25,
    generator: torch.Generator | None = None,
    fabric: "Fabric | None" = None,
) -> Perturbation:
    """One δ that raises the mean loss over `split`: max_δ E_{x,y} L(f(x + δ), y) subject to the threats.

    P1, section 4.1.  Each update takes the mean gradient over a batch, steps along its steepest direction and projects
    the *shared* δ, which therefore never leaves its ball.  x + δ is clamped to the bounds inside the graph.

    Parameters
    ----------
    passes, batch_size : passes over the split, clips an update (over all processes together).
    step_size : α in units of ε, one number or one for each pass.  Default: from 1/2 down to 0 in equal steps.
    optimizer : makes a torch optimiser of the coordinates w = δ / ε, which takes the steps in place of the steepest
        direction; its learning rate shrinks as the step sizes do, and w is projected after each step.
    start : δ to begin from, (1, …) for each modality that it has and 0 for the others; 0 without.  Of several, each
        projected, the one with the largest mean loss on the `part`: the fit ends below none of them there.  So an
        attack on two modalities that starts from the δs of each, and from both together, is never weaker than one.
    part : share of the split, evenly spaced, on which the mean loss is taken of each start and after each pass; the
        δ that is best there is returned.
    generator : shuffles the clips before each pass; without one their order is kept.
    fabric : gradients are summed over its processes; the result does not depend on their number.

    Raises
    ------
    AvlibError
        When the threats do not fit the split or the model, a number is out of range, the loss is not one value for
        each clip, or a loss or gradient is not finite; the clips are named.

    >>> from avlib.data.split import Split
    >>> model = torch.nn.Linear(3, 1)
    >>> class Tagger(torch.nn.Module):
    ...     def forward(self, batch):
    ...         return model(batch["audio"])
    >>> split = Split({"audio": torch.zeros(8, 3)}, torch.ones(8, 1), tuple("abcdefgh"))
    >>> fitted = fit_universal(Tagger(), split, {"audio": Threat(2, 0.1)}, passes=3, batch_size=4)
    >>> list(fitted.history), round(fitted.ratio["audio"], 3)
    (['pass', 'loss', 'ratio_audio'], 1.0)
    """
    if passes < 1 or batch_size < 1 or not 0 < part <= 1 or not len(split):
        raise AvlibError(
            f"passes = {passes!r}, batch_size = {batch_size!r}, part = {part!r}, clips = {len(split)}: "
            "needed are at least 1 pass, 1 clip a batch, 0 < part ≤ 1 and 1 clip"
        )
    sizes = schedule(step_size, [FIRST_STEP * (1 - i / passes) for i in range(passes)])
    for name, threat in threats.items():
        if isinstance(threat.eps, Tensor) and threat.eps.numel() > 1:
            raise AvlibError(f"eps of the threat against {name!r} differs from clip to clip: a universal δ has one")
    clips = Clips(model, split, batch_size, fabric)
    bounds = bounds_of(threats)
    allowed = balls(threats, clips.read(torch.tensor([0]), whole=True)[0], budget, box=False)
    held = evenly(len(split), part)

    def point(indices: Tensor, ws: Coordinates, whole: bool = False) -> Point | None:
        """This process's share of the clips at `indices` (or the `whole`): None without any."""
        batch, labels = clips.read(indices, whole)
        if not len(labels):
            return None
        forward, within = forward_of(model, batch, list(threats)), limits(batch, bounds)
        return evaluate(forward, lambda delta: add(batch, delta, within), allowed, ws, labels, loss)

    def gradient(indices: Tensor, ws: Coordinates) -> tuple[Coordinates, Tensor]:
        """The gradient over all processes, and the number of unsound clips in this one's share."""
        here = point(indices, ws)
        if here is None:  # fewer clips in the last batch than processes
            return [clips.total(torch.zeros_like(w)) for w in ws], ws[0].new_zeros((), dtype=torch.long)
        return [clips.total(g) for g in here.gradients], (~finite(here)).sum()

    def unsound(ws: Coordinates) -> list[str]:
        """Ids of the clips whose loss or gradient is not finite, looked at one by one where a batch has some."""

        def sound(indices: Tensor) -> bool:
            return bool(finite(point(indices, ws, whole=True)).all())  # type: ignore[arg-type]

        suspects = [i for batch in clips.order(None) if not sound(batch) for i in batch.split(1)]
        return [split.ids[int(i)] for i in suspects if not sound(i)]

    def row(number: int, ws: Coordinates) -> dict[str, float]:
        mean = clips.mean_loss(held, Perturbation(deltas(allowed, ws), bounds=bounds), loss)
        return {"pass": number, "loss": mean, **{f"ratio_{name}": r for name, r in ratios(allowed, ws).items()}}

    starts = [start] if start is None or isinstance(start, Mapping) else list(start)
    runs = [[ball.project(ball.rows(given or {})) for ball in allowed] for given in starts]
    with spent("attacks"), attacking(model) as model:
        model, still = encoded_once(model, split, list(threats), batch_size)
        clips = replace(clips, model=model, split=still)
        rows = [row(0, ws) for ws in runs]
        first = max(range(len(runs)), key=lambda i: rows[i]["loss"])
        history, best, ws = [rows[first]], runs[first], runs[first]
        step = ascend if optimizer is None else _Optimised(optimizer, ws, sizes[0])
        for number, size in enumerate(sizes, 1):
            batches, before, faults = clips.order(generator), ws, []
            for i, indices in enumerate(batches, 1):
                gradients, fault = gradient(indices, ws)
                faults.append(fault)
                progress = (number - 1 + i / len(batches)) / passes
                ws = step(allowed, ws, gradients, size, progress)
            history.append(row(number, ws))
            if int(clips.total(torch.stack(faults).sum())) or not math.isfinite(history[-1]["loss"]):
                named = ", ".join(map(repr, unsound(before))) or "some clips, once δ has moved"
                raise AvlibError(f"pass {number}: the loss or its gradient is not finite on {named}")
            if history[-1]["loss"] > max(earlier["loss"] for earlier in history[:-1]):
                best = ws
    return Perturbation(
        deltas(allowed, best), ratios(allowed, best), bounds, pd.DataFrame(history).astype({"pass": int}), passes
    )


def ratios(allowed: Sequence[Ball], ws: Coordinates) -> dict[str, float]:
    """‖δ‖ / ε of each modality, the largest over its rows."""
    return {name: float(ball.ratio(w).max()) for ball, w in zip(allowed, ws, strict=True) for name in ball.shapes}


class _Optimised:
    """`ascend`, as a torch optimiser does it."""

    def __init__(self, optimizer: Optimizer, ws: Coordinates, first: float) -> None:
        self.ws, self.first = [w.clone() for w in ws], first
        self.optimizer = optimizer(self.ws)
        self.rates = [group["lr"] for group in self.optimizer.param_groups]

    def __call__(
        self, balls: Sequence[Ball], ws: Coordinates, gradients: Coordinates, size: float, progress: float
    ) -> Coordinates:
        for group, rate in zip(self.optimizer.param_groups, self.rates, strict=True):
            group["lr"] = rate * size / self.first
        for w, gradient in zip(self.ws, gradients, strict=True):
            w.grad = -gradient
        self.optimizer.step()
        for ball, w in zip(balls, self.ws, strict=True):
            w.copy_(ball.project(w))
        return [w.clone() for w in self.ws]
