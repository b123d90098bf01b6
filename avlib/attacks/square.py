"""An attack that never asks for a gradient: Square, for any ball and several labels."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from avlib.attacks import geometry
from avlib.attacks.adversarial import Adversarial
from avlib.attacks.ascent import Coordinates, choose, deltas, forward_of
from avlib.attacks.attacking import attacking
from avlib.attacks.ball import Ball, Budget, balls
from avlib.attacks.perturbation import add, bounds_of, limits
from avlib.attacks.threat import Threat
from avlib.clock import spent
from avlib.errors import AvlibError
from avlib.losses import Loss, bce

FIRST = 0.3  # share of the coordinates that the first proposals change
LOUD = 3.0  # height of a new rectangle in ℓ1 and ℓ2, in units of the mean height of a bin
HALVED = (0.001, 0.005, 0.02, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8)  # of all queries, when that share is halved


def square(
    model: nn.Module,
    batch: Mapping[str, Tensor],
    labels: Tensor,
    threats: Mapping[str, Threat],
    *,
    queries: int,
    budget: Budget = "separate",
    loss: Loss = bce,
    generator: torch.Generator,
) -> Adversarial:
    """Random search: a rectangle of δ is drawn anew, and stays where the clip's loss has risen.

    A proposal fills a random rectangle of rows × bins of w (see `Ball`) with one value and brings the rows back to the
    surface of the ball: to length 1 in ℓ1 and ℓ2; in ℓ∞ the value is ±1; all under mask, scale and bounds.  The
    rectangles shrink as the search goes on.  Nothing is differentiated, so nothing can hide its gradient.

    Source: Andriushchenko et al. (2020), with squares of pixels there; the schedule of their size is the same.

    Parameters
    ----------
    queries : forward passes after the first.
    generator : decides everything, clip by clip, so that the batch size does not matter.

    Returns
    -------
    As `pgd`: the best point of each clip.  `history` never falls, and `gradients` are 0.

    Raises
    ------
    AvlibError
        When the threats do not fit the batch or the model, or `queries` is not positive.

    >>> class Tagger(torch.nn.Module):
    ...     def forward(self, batch):
    ...         return batch["audio"].sum(dim=(1, 2))[:, None].round()  # no gradient anywhere
    >>> x, y, threat = {"audio": torch.zeros(1, 4, 8)}, torch.ones(1, 1), {"audio": Threat(2, 1.0, over="frame")}
    >>> found = square(Tagger(), x, y, threat, queries=200, generator=torch.Generator().manual_seed(0))
    >>> bool(found.loss > 3), found.history.shape
    (True, torch.Size([1, 201]))
    """
    if queries < 1:
        raise AvlibError(f"queries = {queries!r}: at least 1 is needed")
    allowed = balls(threats, batch, budget)
    seeds = torch.randint(2**62, (len(labels), len(allowed)), generator=generator)
    draws = [torch.stack([_draws(int(seed), queries) for seed in column]).to(labels) for column in seeds.T]
    within = limits(batch, bounds_of(threats))
    with spent("attacks"), attacking(model) as model, torch.no_grad():
        forward = forward_of(model, batch, list(threats))

        def scored(ws: Coordinates) -> Tensor:
            return loss(forward(add(batch, deltas(allowed, ws), within)), labels)

        best = [ball.draw(seeds[:, b], surface=True) for b, ball in enumerate(allowed)]
        history = [scored(best)]
        for query in range(queries):
            share = FIRST / 2 ** sum(query / queries >= when for when in HALVED)
            tried = [
                _proposal(*each, share) for each in zip(allowed, best, (own[:, query] for own in draws), strict=True)
            ]
            values = scored(tried)
            better = values > history[-1]
            *best, kept = choose(better, [*tried, values], [*best, history[-1]])
            history.append(kept)
    delta, course = deltas(allowed, best), torch.stack(history, dim=1)
    nothing = torch.zeros_like(course[:, 0], dtype=torch.bool)
    moved = {**batch, **add(batch, delta, within)}
    return Adversarial(delta, moved, course[:, -1], course, nothing.long(), ~course.isfinite().all(dim=1), nothing)


def _draws(seed: int, queries: int) -> Tensor:
    """Numbers in [0, 1) that decide the proposals against one clip: top, left, sign."""
    return torch.rand(queries, 3, generator=torch.Generator().manual_seed(seed))


def _proposal(ball: Ball, w: Tensor, draws: Tensor, share: float) -> Tensor:
    """`w` (N, rows, D) with a rectangle of each clip, as `draws` (N, 3) say, at the surface of the ball again."""
    _, rows, size = w.shape
    inside = [_span(draws[:, axis], length, share**0.5) for axis, length in enumerate((rows, size))]
    level = 1.0 if ball.norm == torch.inf else LOUD * size ** (-1 / ball.norm)
    signs = (2 * (draws[:, 2] < 0.5).to(w) - 1)[:, None, None]
    tried = torch.where(inside[0][:, :, None] & inside[1][:, None], signs * level, w) * (ball.unit > 0)
    if ball.norm != torch.inf:
        tried = tried / geometry.norms(tried, ball.norm).clamp_min(torch.finfo(w.dtype).tiny)
    return ball.project(tried)


def _span(at: Tensor, length: int, share: float) -> Tensor:
    """A run of `share` of `length` places, beginning at a place that `at` (N,) chooses: booleans (N, length)."""
    long = max(1, round(share * length))
    first = (at * (length - long + 1)).long()[:, None]
    places = torch.arange(length, device=at.device)
    return (places >= first) & (places < first + long)
