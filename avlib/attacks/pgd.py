"""Sample-wise attacks: a δ of its own for each clip.

How a step goes, and the six places that it passes through:

    for each run, of the clips that no run before has broken:
        w ← the start, or a random point (Ball.draw)
        for each step:
            δ ← ε · scale · mask · w        1. ball.Ball.delta
            x′ ← clamp(x + δ)               2. perturbation.add
            z ← f(x′)                       3. ascent.forward_of
            L ← loss(z, y)                  4. losses, or the caller's: one value for each clip
            keep w, z and L of each clip whose L is its largest so far
            g ← ∂ ΣL / ∂w                      by autograd, in ascent.evaluate
            d ← steepest(g)                 5. geometry.steepest
            w ← Π(w + α · d)                6. geometry.project
    x + δ at the kept w: the worst of all runs
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn

from avlib.attacks.adversarial import Adversarial
from avlib.attacks.ascent import (
    Coordinates,
    Forward,
    Point,
    ascend,
    choose,
    deltas,
    evaluate,
    finite,
    flat_in,
    forward_of,
    schedule,
)
from avlib.attacks.attacking import attacking
from avlib.attacks.ball import Ball, Budget, balls
from avlib.attacks.perturbation import Limits, add, bounds_of, limits
from avlib.attacks.threat import Threat
from avlib.clock import spent
from avlib.errors import AvlibError
from avlib.losses import Loss, bce

Broken = Callable[[Tensor, Tensor], Tensor]


def pgd(
    model: nn.Module,
    batch: Mapping[str, Tensor],
    labels: Tensor,
    threats: Mapping[str, Threat],
    *,
    steps: int,
    step_size: float | Sequence[float] | None = None,
    restarts: int = 1,
    start: Mapping[str, Tensor] | Sequence[Mapping[str, Tensor]] | None = None,
    budget: Budget = "separate",
    loss: Loss = bce,
    broken: Broken | None = None,
    generator: torch.Generator | None = None,
) -> Adversarial:
    """Projected gradient ascent: δ ← Π_ε(δ + α · steepest(∇_δ L(f(x + δ), y))), each clip on its own.

    P1, eq. 1–2; P2, eq. 2 and 4–6, with the sign that ascends (the papers print a minus under a max) and the
    steepest direction of each norm.  Kept is the best point of each clip, by loss, over all steps, starts and
    restarts, the starts themselves included: an attack never ends below where it began.

    A *targeted* attack, towards labels of the attacker's choice, is the descent of a loss on those: hand in the target
    as `labels` and the negative loss, ``pgd(…, batch, target, …, loss=lambda z, y: -bce(z, y))``.  Then larger is
    nearer to the target, and all else holds as it stands.

    Parameters
    ----------
    model : maps a batch to logits (N, C); it is left as it was, see `attacking`.
    threats : what may be done to each modality; one that is not named is not attacked.
    steps : gradient evaluations of each run.
    step_size : α in units of each modality's ε, so that two modalities step alike; one number or one for each step.
        Default 2.5 / steps.  Steps that shrink, `falling`, often get further in fewer.
    restarts : number of runs from no δ of the caller's: the first from 0 (or, when there is a `start`, from there),
        the others from random points of the ball, drawn clip by clip, so that the batch size does not matter.
    start : a δ for each modality to begin from, or several such: one run each.  A modality that it lacks begins at 0.
    budget : ``"separate"``, ``"joint"`` or ``"split"``, see `avlib.attacks.ball.balls`.
    loss : (logits, labels) → (N,), a value for each clip.
    broken : (logits, labels) → (N,), True where the attacker has reached the aim.  Runs after the first then leave out
        the clips whose worst point so far is broken; what is found for the others does not depend on which these are.
    generator : source of the random starts; needed only for more than one restart.

    Raises
    ------
    AvlibError
        When the threats do not fit the batch or the model, a number is out of range, or `loss` or `broken` is not
        one value for each clip.  A loss or gradient that is not finite is no error: it is `unsound` in the result.

    >>> model = torch.nn.Linear(3, 1)
    >>> class Tagger(torch.nn.Module):
    ...     def forward(self, batch):
    ...         return model(batch["audio"])
    >>> found = pgd(Tagger(), {"audio": torch.zeros(2, 3)}, torch.ones(2, 1), {"audio": Threat(2, 0.1)}, steps=5)
    >>> found.delta["audio"].shape, found.history.shape
    (torch.Size([2, 3]), torch.Size([2, 6]))
    >>> found.signs
    {'unsound': 0.0, 'flat': 0.0, 'one_step': 0.0, 'fell': 0.0}
    """
    if steps < 1 or restarts < 1:
        raise AvlibError(f"steps = {steps!r}, restarts = {restarts!r}: both must be at least 1")
    if restarts > 1 and generator is None:
        raise AvlibError(
            f"restarts = {restarts}: random starts need a generator, such as torch.Generator().manual_seed(0)"
        )
    sizes = schedule(step_size, [2.5 / steps] * steps)
    allowed = balls(threats, batch, budget)
    starts = [start] if start is None or isinstance(start, Mapping) else list(start)
    runs = [[ball.project(ball.rows(given or {})) for ball in allowed] for given in starts]
    if generator is not None and restarts > 1:
        seeds = torch.randint(2**62, (len(labels), restarts - 1, len(allowed)), generator=generator)
        runs += [[ball.draw(seeds[:, r, b]) for b, ball in enumerate(allowed)] for r in range(restarts - 1)]
    with spent("attacks"), attacking(model) as model:
        forward = forward_of(model, batch, list(threats))
        everyone = _Victims(forward, batch, labels, allowed, limits(batch, bounds_of(threats)))
        best, unsound, flat = _climb(everyone, runs[0], sizes, loss)
        gradients = torch.full_like(unsound, steps, dtype=torch.long)
        for ws in runs[1:]:
            who = _survivors(broken, best[1], labels)
            if not len(who):
                break
            victims = everyone if len(who) == len(labels) else everyone.take(who, model)
            new, new_unsound, _ = _climb(victims, [w[who] for w in ws], sizes, loss)
            old = [kept[who] for kept in best]
            chosen = choose(new[0] > old[0], new, old)
            best = [kept.index_copy(0, who, part) for kept, part in zip(best, chosen, strict=True)]
            unsound[who] |= new_unsound
            gradients[who] += steps
    worst, _, history, *ws = best
    delta = deltas(allowed, ws)
    moved = add(batch, delta, everyone.limits)
    return Adversarial(delta, {**batch, **moved}, worst, history, gradients, unsound, flat)


@dataclass(frozen=True)
class _Victims:
    """Clips under attack: the model as a function of what moves, and what each clip allows."""

    forward: Forward
    batch: Mapping[str, Tensor]
    labels: Tensor
    allowed: list[Ball]
    limits: Limits

    def take(self, who: Tensor, model: nn.Module) -> "_Victims":
        """The clips with the numbers `who` alone."""
        batch = {name: x[who] for name, x in self.batch.items()}
        attacked = [name for ball in self.allowed for name in ball.shapes]
        return _Victims(
            forward_of(model, batch, attacked),
            batch,
            self.labels[who],
            [ball.take(who) for ball in self.allowed],
            {name: (low[who], high[who]) for name, (low, high) in self.limits.items()},
        )

    def place(self, delta: dict[str, Tensor]) -> dict[str, Tensor]:
        """x + δ.  The balls hold it in bounds already: the clamp mends rounding, and the gradient passes by it."""
        moved = add(self.batch, delta, {})
        for name, (low, high) in self.limits.items():
            x = moved[name].detach()
            moved[name] = moved[name] + (x.clamp(low, high) - x)
        return moved


class _Climb(NamedTuple):
    """One run: loss, logits, history and ws of each clip at its best point; which were unsound; which began flat."""

    best: list[Tensor]
    unsound: Tensor
    flat: Tensor


def _climb(victims: _Victims, ws: Coordinates, sizes: Sequence[float], loss: Loss) -> _Climb:
    forward, place, allowed, labels = victims.forward, victims.place, victims.allowed, victims.labels
    course, sound = [], []
    best: list[Tensor] = []
    for i, size in enumerate(sizes):
        point = evaluate(forward, place, allowed, ws, labels, loss)
        if i == 0:
            flat = flat_in(point)
        best = _better(point, ws, best)
        course.append(point.loss)
        sound.append(finite(point))
        ws = ascend(allowed, ws, point.gradients, size, (i + 1) / len(sizes))
    with torch.no_grad():
        logits = forward(place(deltas(allowed, ws)))
        last = Point(logits, loss(logits, labels), [])
    values, logits, *kept = _better(last, ws, best)
    history = torch.stack([*course, last.loss], dim=1)
    unsound = ~torch.stack([*sound, finite(last)]).all(dim=0)
    return _Climb([values, logits, history, *kept], unsound, flat)


def _better(point: Point, ws: Coordinates, best: list[Tensor]) -> list[Tensor]:
    """Loss, logits and ws of each clip at `point` or at its `best`, whichever has the larger loss."""
    here = [point.loss, point.logits, *ws]
    return choose(point.loss > best[0], here, best) if best else here


def _survivors(broken: Broken | None, logits: Tensor, labels: Tensor) -> Tensor:
    """Numbers of the clips that are not broken."""
    if broken is None:
        return torch.arange(len(labels), device=labels.device)
    over = broken(logits, labels)
    if over.shape != labels.shape[:1] or over.dtype != torch.bool:
        raise AvlibError(
            f"broken returned {over.dtype} of shape {tuple(over.shape)}: needed is torch.bool of ({len(labels)},), "
            "one for each clip"
        )
    return (~over).nonzero()[:, 0]


def falling(steps: int) -> list[float]:
    """Step sizes that fall from ε in equal steps towards 0: they cross the ball first, and settle in the end.

    >>> falling(4)
    [1.0, 0.75, 0.5, 0.25]
    """
    return [1 - i / steps for i in range(steps)]


def fgsm(
    model: nn.Module,
    batch: Mapping[str, Tensor],
    labels: Tensor,
    threats: Mapping[str, Threat],
    *,
    budget: Budget = "separate",
    loss: Loss = bce,
) -> Adversarial:
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
