"""Sample-wise attacks: a δ of its own for each clip."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from avlib.attacks.ascent import Coordinates, Forward, ascend, deltas, forward_of, losses_and_gradients, schedule
from avlib.attacks.attacking import attacking
from avlib.attacks.ball import Ball, Budget, balls
from avlib.attacks.perturbation import add, bounds_of
from avlib.attacks.threat import Threat
from avlib.errors import AvlibError
from avlib.losses import Loss, bce

Batch = Mapping[str, Tensor]


@dataclass(frozen=True)
class Attack:
    """What a sample-wise attack found.

    delta : δ of each attacked modality, in the shape of its features.
    batch : the whole batch with x + δ in place.
    loss : loss of each clip there, (N,).
    history : loss of each clip before the first step and after each, in the run that won, (N, steps + 1).
    gradients : gradient evaluations a clip, the cost.
    """

    delta: dict[str, Tensor]
    batch: dict[str, Tensor]
    loss: Tensor
    history: Tensor
    gradients: int


def pgd(
    model: nn.Module,
    batch: Batch,
    labels: Tensor,
    threats: Mapping[str, Threat],
    *,
    steps: int,
    step_size: float | Sequence[float] | None = None,
    restarts: int = 1,
    start: Batch | Sequence[Batch] | None = None,
    budget: Budget = "separate",
    loss: Loss = bce,
    generator: torch.Generator | None = None,
) -> Attack:
    """Projected gradient ascent: δ ← Π_ε(δ + α · steepest(∇_δ L(f(x + δ), y))), each clip on its own.

    P1, eq. 1–2; P2, eq. 2 and 4–6, with the sign that ascends (the papers print a minus under a max) and the
    steepest direction of each norm.  Kept is the best point of each clip, by loss, over all steps, starts and
    restarts, the starts themselves included: an attack never ends below where it began.

    Parameters
    ----------
    model : maps a batch to logits (N, C); it is left as it was, see `attacking`.
    threats : what may be done to each modality; one that is not named is not attacked.
    steps : gradient evaluations of each run.
    step_size : α in units of each modality's ε, so that two modalities step alike; one number or one for each step.
        Default 2.5 / steps.  Steps that shrink, from 5 / steps down to 0, often get further in fewer.
    restarts : number of runs from no δ of the caller's: the first from 0 (or, when there is a `start`, from there),
        the others from random points of the ball, drawn clip by clip, so that the batch size does not matter.
    start : a δ for each modality to begin from, or several such: one run each.  A modality that it lacks begins at 0.
    budget : ``"separate"``, ``"joint"`` or ``"split"``, see `avlib.attacks.ball.balls`.
    loss : (logits, labels) → (N,).
    generator : source of the random starts; needed only for more than one restart.

    Raises
    ------
    AvlibError
        When the threats do not fit the batch or the model, or a number is out of range.

    >>> model = torch.nn.Linear(3, 1)
    >>> class Tagger(torch.nn.Module):
    ...     def forward(self, batch):
    ...         return model(batch["audio"])
    >>> found = pgd(Tagger(), {"audio": torch.zeros(2, 3)}, torch.ones(2, 1), {"audio": Threat(2, 0.1)}, steps=5)
    >>> found.delta["audio"].shape, found.history.shape
    (torch.Size([2, 3]), torch.Size([2, 6]))
    """
    if steps < 1 or restarts < 1:
        raise AvlibError(f"steps = {steps!r}, restarts = {restarts!r}: both must be at least 1")
    if restarts > 1 and generator is None:
        raise AvlibError(
            f"restarts = {restarts}: random starts need a generator, such as torch.Generator().manual_seed(0)"
        )
    sizes = schedule(step_size, [2.5 / steps] * steps)
    field = balls(threats, batch, budget)
    starts = [start] if start is None or isinstance(start, Mapping) else list(start)
    runs = [[ball.project(ball.rows(given or {})) for ball in field] for given in starts]
    if generator is not None and restarts > 1:
        seeds = torch.randint(2**62, (len(labels), restarts - 1, len(field)), generator=generator)
        runs += [[ball.draw(seeds[:, r, b]) for b, ball in enumerate(field)] for r in range(restarts - 1)]
    with attacking(model):
        forward = forward_of(model, batch, list(threats))
        climbs = [_climb(forward, batch, field, ws, labels, sizes, loss) for ws in runs]
    best, ws, history = climbs[0]
    for other, others, course in climbs[1:]:
        better = other > best
        ws = [_choose(better, new, old) for new, old in zip(others, ws, strict=True)]
        history, best = _choose(better, course, history), torch.where(better, other, best)
    delta = deltas(field, ws)
    return Attack(delta, {**batch, **add(batch, delta, bounds_of(threats))}, best, history, steps * len(runs))


def _climb(
    forward: Forward,
    batch: Batch,
    field: list[Ball],
    ws: Coordinates,
    labels: Tensor,
    sizes: Sequence[float],
    loss: Loss,
) -> tuple[Tensor, Coordinates, Tensor]:
    """One run: the best loss of each clip, where it was, and the loss at every step."""

    def place(delta: dict[str, Tensor]) -> dict[str, Tensor]:
        return {name: batch[name] + value for name, value in delta.items()}  # in bounds: the balls have the box

    best, kept, course = ws[0].new_full((len(labels),), -torch.inf), ws, []
    for i in range(len(sizes) + 1):
        if i < len(sizes):
            values, gradients = losses_and_gradients(forward, place, field, ws, labels, loss)
        else:
            with torch.no_grad():
                values = loss(forward(place(deltas(field, ws))), labels)
        better = values > best
        kept = [_choose(better, w, old) for w, old in zip(ws, kept, strict=True)]
        best = torch.where(better, values, best)
        course.append(values)
        if i < len(sizes):
            ws = ascend(field, ws, gradients, sizes[i], (i + 1) / len(sizes))
    return best, kept, torch.stack(course, dim=1)


def _choose(mask: Tensor, yes: Tensor, no: Tensor) -> Tensor:
    return torch.where(mask.reshape(-1, *[1] * (yes.dim() - 1)), yes, no)


def fgsm(
    model: nn.Module,
    batch: Batch,
    labels: Tensor,
    threats: Mapping[str, Threat],
    *,
    budget: Budget = "separate",
    loss: Loss = bce,
) -> Attack:
    """One step of steepest ascent, of size ε (Goodfellow et al. 2015, for every norm).

    A clip that the step does not hurt keeps δ = 0.  Raises as `pgd` does.

    >>> model = torch.nn.Linear(3, 1).requires_grad_(False)
    >>> class Tagger(torch.nn.Module):
    ...     def forward(self, batch):
    ...         return model(batch["audio"])
    >>> x, y = torch.zeros(1, 3), torch.ones(1, 1)
    >>> fgsm(Tagger(), {"audio": x}, y, {"audio": Threat(torch.inf, 0.1)}).delta["audio"] == -0.1 * model.weight.sign()
    tensor([[True, True, True]])
    """
    return pgd(model, batch, labels, threats, steps=1, step_size=1.0, budget=budget, loss=loss)
