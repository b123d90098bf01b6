"""What a way of training costs: passes through the model and seconds, counted and not looked up."""

import copy
from dataclasses import dataclass, replace
from typing import Any

from torch import Tensor

from avlib.data.split import AVData
from avlib.models.tagger import Tagger
from avlib.training.loop import train
from avlib.training.recipe import Recipe


@dataclass(frozen=True)
class Cost:
    """For each clip that is trained on once: forward passes, backward passes, seconds."""

    forward: float
    backward: float
    seconds: float


def cost(model: Tagger, data: AVData, recipe: Recipe, *, steps: int = 4, seed: int = 0) -> Cost:
    """What the first `steps` steps of `recipe` on a copy of `model` take, with all that its transforms do.

    A pass is counted where it goes through the head, forwards or backwards: an attack inside the training counts as
    the training itself does.  Seconds are those of this machine, while nothing is validated or stored.
    """
    model, counted = copy.deepcopy(model), {"forward": 0, "backward": 0}

    def back(gradient: Tensor) -> None:
        counted["backward"] += len(gradient)

    def forth(head: Any, given: Any, logits: Tensor) -> None:
        counted["forward"] += len(logits)
        if logits.requires_grad:
            logits.register_hook(back)

    model.head.register_forward_hook(forth)  # type: ignore[attr-defined]
    short = replace(recipe, steps=steps)
    history = train(model, replace(data, valid=data.valid.subset([])), short, seed=seed)
    clips = steps * min(short.batch_size, len(data.train))
    return Cost(counted["forward"] / clips, counted["backward"] / clips, float(history["seconds"].sum()) / clips)
