"""Auto-PGD: the sample-wise attack whose steps nobody has to choose."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from avlib.attacks.adversarial import Adversarial
from avlib.attacks.ascent import Coordinates, Point, choose, deltas, evaluate, finite, flat_in, forward_of
from avlib.attacks.attacking import attacking
from avlib.attacks.ball import Ball, Budget, balls
from avlib.attacks.perturbation import add, bounds_of, limits
from avlib.attacks.threat import Threat
from avlib.clock import spent
from avlib.errors import AvlibError
from avlib.losses import Loss, dlr

MOMENTUM = 0.25  # of the last move, that is kept: 1 − α in the paper
ENOUGH = 0.75  # of the steps since the last look must have raised the loss, ρ in the paper


def apgd(
    model: nn.Module,
    batch: Mapping[str, Tensor],
    labels: Tensor,
    threats: Mapping[str, Threat],
    *,
    steps: int,
    budget: Budget = "separate",
    loss: Loss = dlr,
) -> Adversarial:
    """Projected ascent with momentum, whose step begins at 2ε and is halved for a clip that no longer gets on.

    z = Π(w + η·d), w⁺ = Π(w + α(z − w) + (1 − α)(w − w⁻)), α = 3/4.  A clip is looked at after a share of .22 of the
    steps, and then at intervals that shrink.  It goes back to its best point with half the η when fewer than 3/4 of its
    steps since the last look have raised its loss, or when neither η nor the best loss has changed between two looks.

    Source: Croce & Hein (2020), algorithm 1, from δ = 0; d is the steepest direction of the norm, as in `pgd`.

    Returns
    -------
    As `pgd`: the best point of each clip.

    Raises
    ------
    AvlibError
        As `pgd`.

    >>> model = nn.Linear(3, 1)
    >>> class Tagger(nn.Module):
    ...     def forward(self, batch):
    ...         return model(batch["audio"])
    >>> x, y, threat = {"audio": torch.zeros(2, 3)}, torch.zeros(2, 1), {"audio": Threat(2, 0.1)}
    >>> found = apgd(Tagger(), x, y, threat, steps=10, loss=lambda z, y: z[:, 0])
    >>> (found.loss - model.bias).allclose(0.1 * model.weight.norm().expand(2))
    True
    """
    if steps < 1:
        raise AvlibError(f"steps = {steps!r}: at least 1 is needed")
    allowed, looks = balls(threats, batch, budget), _looks(steps)
    within = limits(batch, bounds_of(threats))
    with spent("attacks"), attacking(model) as model:
        forward = forward_of(model, batch, list(threats))

        def at(ws: Coordinates) -> Point:
            return evaluate(forward, lambda delta: add(batch, delta, within), allowed, ws, labels, loss)

        ws = before = [ball.project(ball.rows({})) for ball in allowed]
        point = at(ws)
        size = torch.full_like(point.loss, 2.0)[:, None, None]
        best, record, halved = [point.loss, *ws, *point.gradients], point.loss, torch.zeros_like(point.loss).bool()
        sound, flat, course, rises = finite(point), flat_in(point), [point.loss], torch.zeros_like(point.loss)
        for i in range(1, steps + 1):
            keep = MOMENTUM if i > 1 else 0.0  # there is no last move yet
            moves = zip(allowed, ws, before, point.gradients, strict=True)
            before, ws = ws, [_moved(*each, size, keep, i / steps) for each in moves]
            point = at(ws)
            best = choose(point.loss > best[0], [point.loss, *ws, *point.gradients], best)
            sound, rises = sound & finite(point), rises + (point.loss > course[-1])
            course.append(point.loss)
            if i in looks:
                stuck = (rises < ENOUGH * looks[i]) | (~halved & (best[0] <= record))
                size = torch.where(stuck[:, None, None], size / 2, size)
                _, *back = choose(stuck, best, [point.loss, *ws, *point.gradients])
                ws, point = back[: len(ws)], point._replace(gradients=back[len(ws) :])
                rises, record, halved = torch.zeros_like(rises), best[0], stuck
    delta, cost = deltas(allowed, best[1 : 1 + len(ws)]), torch.full_like(flat, steps + 1, dtype=torch.long)
    moved = {**batch, **add(batch, delta, within)}
    return Adversarial(delta, moved, best[0], torch.stack(course, dim=1), cost, ~sound, flat)


def _moved(
    ball: Ball, w: Tensor, before: Tensor, gradient: Tensor, size: Tensor, keep: float, progress: float
) -> Tensor:
    ahead = ball.project(w + size * ball.steepest(gradient, progress))
    return ball.project(w + (1 - keep) * (ahead - w) + keep * (w - before))


def _looks(steps: int) -> dict[int, int]:
    """The steps after which clips are looked at, and how many went before each since the last look.

    >>> _looks(100)
    {22: 22, 41: 19, 57: 16, 70: 13, 80: 10, 87: 7, 93: 6, 99: 6}
    """
    looks, last, gap = {}, 0, max(1, round(0.22 * steps))
    while last + gap <= steps:
        last += gap
        looks[last] = gap
        gap = max(round(0.06 * steps), gap - round(0.03 * steps), 1)
    return looks
