"""Signs that an attack has failed and not the model won: what must hold of any attack that works, checked."""

from collections.abc import Mapping
from dataclasses import replace

import pandas as pd
import torch
from torch import Tensor, nn

from avlib.attacks.adversarial import Adversarial
from avlib.attacks.ascent import deltas, evaluate, forward_of
from avlib.attacks.attacking import attacking
from avlib.attacks.ball import balls
from avlib.attacks.geometry import norms
from avlib.attacks.perturbation import add, noise
from avlib.attacks.pgd import falling, fgsm, pgd
from avlib.attacks.square import square
from avlib.attacks.threat import Threat
from avlib.losses import Loss, margin, whole
from avlib.metrics.clipwise import top_label_lost

FEW = 0.05  # share of the clips on which another attack may have better luck
LEFT = 0.1  # share of the rise of the loss that a search of four times as many steps may still find
WAYS = 8  # random directions a clip, along which the gradient must say what the loss does
STRIDE = 0.1  # length of a move along one, in units of ε
# The first steps of two searches without a bound, in lengths of the longest clip; a survivor has survived both.  A step
# as long as the clip lands where most of a tagger is saturated and no gradient leads on; 20 steps that fall from a
# tenth of it go as far as the clip is long, which need not be far enough.
FAR = (0.1, 0.2)

CHECKS = {
    "the answer is the same twice": ("largest difference of two answers", "at most", 1e-3),
    "no gradient is zero": ("clips whose first gradient is 0", "at most", 0.0),
    "all is finite": ("clips with a loss or gradient that is not finite", "at most", 0.0),
    "the gradient says what the loss does": ("correlation of slope and change", "at least", 0.9),
    "many steps beat one": ("clips on which one step does better", "at most", FEW),
    "more room, more harm": ("clips on which half of ε does better", "at most", FEW),
    "no bound, no survivor": ("broken clips without a bound, of those that can break", "at least", 1 - FEW),
    "the search beats noise": ("clips on which noise does better", "at most", FEW),
    "a search without gradients is no better": ("clips on which Square does better", "at most", FEW),
    "a stand-in is no better": ("clips on which its δ does better", "at most", FEW),
    "more steps find no more": ("rise of the loss still to come", "at most", LEFT),
}


def flags(
    model: nn.Module,
    batch: Mapping[str, Tensor],
    labels: Tensor,
    threats: Mapping[str, Threat],
    *,
    stand_in: nn.Module,
    steps: int,
    queries: int,
    loss: Loss = margin,
    generator: torch.Generator,
) -> pd.DataFrame:
    """One row for each of `CHECKS`: what is measured, the value, what is allowed, and whether the flag is raised.

    The attack that is on trial is `pgd` with `steps` steps that fall from ε to 0.  "Better" on a clip means a larger
    loss; among few clips, one is allowed to have better luck.  A raised flag says that the attack's number is not the
    model's robustness.  No flag proves that it is.

    Sources: Athalye et al. (2018), section 3.1; Carlini et al. (2019), section 5; Croce & Hein (2020).

    Parameters
    ----------
    stand_in : another model, whose δs are tried on this one.
    queries : forward passes of the search without gradients.
    loss : what all attacks climb.
    generator : of the noise, of Square and of the directions.

    Raises
    ------
    AvlibError
        As `pgd`.
    """

    def answer(of: Mapping[str, Tensor]) -> Tensor:
        with torch.no_grad(), attacking(model) as still:
            return whole(still(of))

    def search(of: nn.Module, within: Mapping[str, Threat], steps: int, first: float = 1.0) -> Adversarial:
        sizes = [first * size for size in falling(steps)]
        return pgd(of, batch, labels, within, steps=steps, step_size=sizes, loss=loss)

    def better(than: Tensor, found: Mapping[str, Tensor]) -> float:
        return _share(loss(answer(found), labels) > than + 1e-4 * than.abs())

    found, clean = search(model, threats, steps), answer(batch)
    half = {name: replace(threat, eps=threat.eps / 2) for name, threat in threats.items()}
    far = {name: replace(threat, eps=_length(batch[name], threat)) for name, threat in threats.items()}
    long, foreign = search(model, threats, 4 * steps), search(stand_in, threats, steps)
    gone = [top_label_lost(answer(search(model, far, steps, first).batch), labels) for first in FAR]
    start, breakable = loss(clean, labels), labels.bool().any(dim=1) & ~labels.bool().all(dim=1)
    values = [
        float((clean - answer(batch)).abs().max()),
        _share(found.flat),
        _share(found.unsound),
        _foretold(model, batch, labels, threats, loss, generator),
        better(found.loss, fgsm(model, batch, labels, threats, loss=loss).batch),
        better(found.loss, search(model, half, steps).batch),
        _share(torch.stack(gone).any(dim=0)[breakable]),
        better(found.loss, noise(batch, threats, generator=generator).apply(batch)),
        better(
            found.loss, square(model, batch, labels, threats, queries=queries, loss=loss, generator=generator).batch
        ),
        better(found.loss, {**batch, **{name: foreign.batch[name] for name in threats}}),
        float(1 - (found.loss - start).clamp_min(0).mean() / (long.loss - start).mean()),
    ]
    one = max(FEW, 1 / len(labels))
    lenient = {FEW: one, 1 - FEW: 1 - one}
    rows = []
    for (check, (what, side, limit)), value in zip(CHECKS.items(), values, strict=True):
        few = lenient.get(limit, limit)
        rows.append(
            (check, what, value, f"{side} {few:.3g}", not (value <= few if side == "at most" else value >= few))
        )
    return pd.DataFrame(rows, columns=["check", "measured", "value", "allowed", "raised"]).set_index("check")


def _share(clips: Tensor) -> float:
    return float(clips.double().mean())


def _length(x: Tensor, threat: Threat) -> float:
    """The norm of the largest clip or frame: a δ of this length can take away all that is there."""
    return float(norms(x.flatten(1) if threat.over == "clip" else x.flatten(2), threat.norm).max())


def _foretold(
    model: nn.Module,
    batch: Mapping[str, Tensor],
    labels: Tensor,
    threats: Mapping[str, Threat],
    loss: Loss,
    generator: torch.Generator,
) -> float:
    """Correlation of ⟨∇L, v⟩ and (L(x + v) − L(x − v)) / 2 over random directions v of all clips; 0 where one is 0."""
    allowed = balls(threats, batch)
    slopes, changes = [], []
    with attacking(model) as still:
        forward, nowhere = forward_of(still, batch, list(threats)), [ball.rows({}) for ball in allowed]

        def at(ws: list[Tensor]) -> Tensor:
            with torch.no_grad():
                return loss(forward(add(batch, deltas(allowed, ws), {})), labels)

        gradients = evaluate(forward, lambda delta: add(batch, delta, {}), allowed, nowhere, labels, loss).gradients
        for _ in range(WAYS):
            seeds = torch.randint(2**62, (len(labels), len(allowed)), generator=generator)
            ways = [STRIDE * ball.draw(seeds[:, b], surface=True) for b, ball in enumerate(allowed)]
            products = [(g * w).flatten(1).sum(dim=1) for g, w in zip(gradients, ways, strict=True)]
            slopes.append(torch.stack(products).sum(dim=0))
            changes.append((at(ways) - at([-w for w in ways])) / 2)
    pair = torch.stack([torch.cat(slopes), torch.cat(changes)]).double()
    return float(torch.corrcoef(pair)[0, 1].nan_to_num(0.0))
