"""How a model is trained: optimiser, schedule, and what is done to its clips."""

import math
from dataclasses import dataclass, is_dataclass

from avlib import profiles
from avlib.errors import AvlibError
from avlib.training.objective import PLAIN, Objective
from avlib.transform import Transform


@dataclass(frozen=True)
class Recipe:
    """Adam on an objective, with linear warm-up and linear decay to zero.

    epochs : passes over the training clips; `steps`, when given, counts optimiser steps instead
    batch_size, lr, weight_decay : Adam's, `lr` at its peak
    warmup : share of all steps over which the rate rises from 0
    transforms : what is done to each batch before the loss, in this order; see `avlib.transform`
    objective : the loss; see `avlib.training.objective`

    Raises
    ------
    AvlibError
        When a value is out of range, or a transform could change under the recipe.

    >>> recipe = Recipe(epochs=2, batch_size=10, warmup=0.25)
    >>> recipe.lengths(clips=40)  # epochs, steps an epoch, steps
    (2, 4, 8)
    >>> [round(recipe.rate(step, 8) / recipe.lr, 2) for step in range(8)]
    [0.5, 1.0, 0.86, 0.71, 0.57, 0.43, 0.29, 0.14]
    """

    epochs: int = 8
    batch_size: int = 32
    lr: float = 1e-3
    warmup: float = 0.05
    weight_decay: float = 0.0
    steps: int | None = None
    transforms: tuple[Transform, ...] = ()
    objective: Objective = PLAIN

    def __post_init__(self) -> None:
        allowed = {
            "epochs": self.epochs >= 1,
            "batch_size": self.batch_size >= 1,
            "lr": 0 < self.lr < math.inf,
            "weight_decay": 0 <= self.weight_decay < math.inf,
            "steps": self.steps is None or self.steps >= 1,
        }
        for name, fine in allowed.items():
            if not fine:
                least = "at least 1" if name in ("epochs", "batch_size", "steps") else "positive"
                raise AvlibError(f"recipe: {name}={getattr(self, name)} is not allowed; it must be {least}")
        if not 0 <= self.warmup < 1:
            raise AvlibError(f"recipe: warmup={self.warmup} is not allowed; it is a share of the steps, in [0, 1)")
        if not hasattr(self.objective, "of") or not _frozen(self.objective):
            raise AvlibError(f"recipe: {self.objective!r} is no objective; it must be a frozen dataclass with of()")
        for transform in self.transforms:
            if not hasattr(transform, "prepare") or not _frozen(transform):
                raise AvlibError(f"recipe: {transform!r} is no transform; it must be a frozen dataclass with prepare()")

    @classmethod
    def preset(cls, profile: str) -> "Recipe":
        """The recipe of a profile; `paper` is that of P1, section 5 (for two million clips).

        >>> Recipe.preset("paper").steps
        25000
        """
        size = profiles.of(profile)
        return cls(size.epochs, size.batch_size, size.lr, size.warmup, steps=size.steps)

    def lengths(self, clips: int) -> tuple[int, int, int]:
        """Epochs, steps in one, and steps in all, for a training split of `clips`.

        All batches of an epoch are full, and the rest of its random order is left out, unless it is all there is.
        """
        per_epoch = max(1, clips // self.batch_size)
        total = self.steps or self.epochs * per_epoch
        return math.ceil(total / per_epoch), per_epoch, total

    def rate(self, step: int, total: int) -> float:
        """Learning rate of optimiser step `step` = 0, …, `total` − 1."""
        rising = self.warmup * total
        return self.lr * min((step + 1) / rising if rising else 1.0, (total - step) / max(1.0, total - rising + 1))


def _frozen(value: object) -> bool:
    return is_dataclass(value) and not isinstance(value, type) and value.__dataclass_params__.frozen  # type: ignore[attr-defined]
