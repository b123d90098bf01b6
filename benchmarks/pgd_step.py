"""20 steps of PGD against a bare loop of forward and `autograd.grad` on the model as a user holds it, in eval mode."""

import math

import torch
from torch import Tensor

from avlib.attacks import Threat, pgd
from avlib.losses import bce
from benchmarks.race import Row, race, ratio
from benchmarks.subject import clips, subject

STEPS, CLIPS, ROUNDS = 20, 32, 9


def rows() -> list[Row]:
    """One row for each norm, over frames."""
    model, _ = subject()
    batch, labels = clips(CLIPS)
    threats = {
        "ℓ2": Threat(2, 1.0, over="frame"),
        "ℓ∞": Threat(math.inf, 0.1, over="frame"),
        "ℓ1": Threat(1, 4.0, over="frame"),
        "ℓ2 in a box": Threat(2, 1.0, over="frame", bounds=(-3.0, 3.0)),
    }

    def bare() -> Tensor:
        x = batch["audio"].clone().requires_grad_()
        for _ in range(STEPS):
            (gradient,) = torch.autograd.grad(bce(model({"audio": x}), labels).sum(), x)
        return gradient

    contestants = {"bare": bare} | {
        name: (lambda threat=threat: pgd(model, batch, labels, {"audio": threat}, steps=STEPS))
        for name, threat in threats.items()
    }
    seconds = race(contestants, ROUNDS)
    return [
        Row(
            f"PGD-{STEPS}, {name}, {CLIPS} clips",
            "bare gradients",
            seconds["bare"],
            seconds[name],
            ratio(seconds[name], seconds["bare"]),
            "≤ .90" if threat.bounds else "≤ .80",
        )
        for name, threat in threats.items()
    ]
