"""How far each clip is from being broken: its own radius, by bisection."""

import math
from collections.abc import Mapping
from dataclasses import replace

import torch
from torch import Tensor, nn

from avlib.attacks.attacking import attacking
from avlib.attacks.ball import Budget
from avlib.attacks.pgd import Broken, falling, pgd
from avlib.attacks.threat import Threat
from avlib.errors import AvlibError
from avlib.losses import Loss, whole

WARM = 0.5  # of the steps of a search that begins at a δ which broke the clip in a larger ball


def wrong_side(logits: Tensor, sides: Tensor) -> Tensor:
    """Whether the logits are on the wrong side of 0, or on it: Σ_c s_c · z_c ≤ 0, (N,).

    `sides` (N, C) has 1 or −1 for the class that is looked at in a clip, by what is right there, and 0 for the others.

    >>> wrong_side(torch.tensor([[2.0, 5.0], [2.0, 5.0]]), torch.tensor([[1, 0], [0, -1]]))
    tensor([False,  True])
    """
    return (sides * logits).sum(dim=1) <= 0


def towards_the_other_side(logits: Tensor, sides: Tensor) -> Tensor:
    """The loss whose ascent leads there: −Σ_c s_c · z_c, (N,).

    >>> towards_the_other_side(torch.tensor([[2.0, 5.0]]), torch.tensor([[0, -1]]))
    tensor([5.])
    """
    return -(sides * logits).sum(dim=1)


def radius(
    model: nn.Module,
    batch: Mapping[str, Tensor],
    labels: Tensor,
    threats: Mapping[str, Threat],
    *,
    broken: Broken = wrong_side,
    loss: Loss = towards_the_other_side,
    steps: int,
    halvings: int,
    budget: Budget = "separate",
) -> Tensor:
    """The smallest share t of the threats' ε at which `pgd` breaks each clip, (N,): an upper bound of the true one.

    r(x) = min {t : some δ within t·ε has broken(f(x + δ), y)}.  All clips are searched at once, each in a ball of its
    own, first at t = 1; then the interval between the largest t at which the search failed and the smallest at which it
    did not is halved, so that r is at most 2^−halvings above a t at which the search failed.  Each search begins at the
    δ that broke the clip last, shortened to the new ball.  With ε = 1 for one modality, t is the length of δ itself.

    Parameters
    ----------
    labels : whatever `broken` and `loss` take as their second argument; for both defaults the sides of one logit.
    broken : (logits, labels) → (N,), True where the aim is reached: asked of the best point, by loss, of each clip.
    loss : must be larger the nearer a clip is to being broken.
    steps, halvings : gradient steps of each of the 1 + halvings searches.

    Returns
    -------
    0 where the clip is broken as it is, ∞ where it is not broken at t = 1 (its radius may be larger, or the search too
    weak), and NaN where its logits are not finite, clean or at the point that was found: nothing is known of it.

    Raises
    ------
    AvlibError
        As `pgd`; also when there is no step, or fewer than 0 halvings.

    >>> from avlib.models import LinearTagger
    >>> model = LinearTagger(classes=1, frames=1, mels=2)
    >>> _ = model.head.weight.data.copy_(torch.tensor([[3.0, -4.0]]))
    >>> x, right = {"audio": torch.tensor([[[5.0, 0.0]], [[0.0, 1.0]], [[50.0, 0.0]]])}, torch.ones(3, 1)
    >>> radius(model, x, right, {"audio": Threat(2, 4.0)}, steps=3, halvings=12)  # 3, already broken, 30
    tensor([0.7500, 0.0000,    inf])
    """
    if steps < 1 or halvings < 0:
        raise AvlibError(f"steps = {steps!r}, halvings = {halvings!r}: needed are at least 1 step, and 0 halvings")
    with torch.no_grad(), attacking(model) as still:
        before = whole(still(batch))
    low, high = (torch.full(labels.shape[:1], t, dtype=before.dtype, device=labels.device) for t in (0.0, 1.0))
    lost = _lost(before)
    start: dict[str, Tensor] | None = None
    for search in range(1 + halvings):
        share = high if search == 0 else (low + high) / 2
        found = pgd(
            model,
            batch,
            labels,
            {name: replace(threat, eps=share * threat.eps) for name, threat in threats.items()},
            steps=steps,
            step_size=[(WARM if start else 1.0) * size for size in falling(steps)],
            start=start,
            budget=budget,
            loss=loss,
        )
        with torch.no_grad(), attacking(model) as still:
            after = whole(still(found.batch))
        lost, success = lost | _lost(after) | found.unsound, broken(after, labels)
        if search == 0:
            reached = success
        low, high = torch.where(success, low, share), torch.where(success, share, high)
        held = found.delta if start is None else start
        start = {name: _chosen(success, delta, held[name]) for name, delta in found.delta.items()}
    radii = torch.where(reached, high, torch.full_like(high, math.inf))
    radii = torch.where(broken(before, labels), torch.zeros_like(radii), radii)
    return torch.where(lost, torch.full_like(radii, math.nan), radii)


def _lost(logits: Tensor) -> Tensor:
    return ~logits.isfinite().all(dim=1)


def _chosen(mask: Tensor, yes: Tensor, no: Tensor) -> Tensor:
    return torch.where(mask.reshape(-1, *[1] * (yes.dim() - 1)), yes, no)
