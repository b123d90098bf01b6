"""What a model is made of, which senses reach each part, and what the whole costs: found by running it."""

import copy
from collections.abc import Mapping
from typing import Any

import pandas as pd
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from avlib.models.conv import ConvFront
from avlib.models.csn import Blocks
from avlib.models.pooling import Head
from avlib.models.tagger import Tagger
from avlib.models.video import TemporalCNN

WORDS = {
    ConvFront: "convolutions",
    TemporalCNN: "convolutions in time",
    Blocks: "transformer ×2",
    nn.Linear: "linear map",
    Head: "head",
}


def parts(model: Tagger, batch: Mapping[str, Tensor]) -> pd.DataFrame:
    """The parts of `model` in the order in which they compute, with what reaches each of them.

    Columns: `part`, in words; `reads`, the modalities that its answer depends on ("audio", "video" or "audio + video"),
    found by changing one at a time; `parameters`.

    >>> from avlib.models import CSN
    >>> found = parts(CSN(classes=5, width=64), {"audio": torch.randn(2, 40, 64)})
    >>> found["part"].tolist(), found["reads"].unique().tolist()
    (['convolutions', 'transformer ×2', 'head'], ['audio'])
    """
    model = copy.deepcopy(model).eval()
    found = {name: module for name, module in model.named_modules() if type(module) in WORDS}
    named = {name: m for name, m in found.items() if not any(name.startswith(f"{other}.") for other in found)}
    answers: dict[str, Tensor] = {}

    def note(name: str) -> Any:
        return lambda module, given, answer: answers.update({name: answer.detach()})

    for name, module in named.items():
        module.register_forward_hook(note(name))
    with torch.no_grad():
        model(batch)
        order, plain = list(answers), dict(answers)
        moved = {}
        for modality in model.modalities:
            model({**batch, modality: batch[modality] + 1})
            moved[modality] = dict(answers)
    rows = []
    for name in order:
        reads = [modality for modality in model.modalities if not torch.equal(moved[modality][name], plain[name])]
        weights = sum(parameter.numel() for parameter in named[name].parameters())
        rows.append((WORDS[type(named[name])], " + ".join(reads), weights))
    return pd.DataFrame(rows, columns=["part", "reads", "parameters"])


def flops(model: nn.Module, batch: Mapping[str, Tensor]) -> float:
    """Floating-point operations a clip of one forward pass: matrix products and convolutions, as torch counts them.

    >>> flops(nn.Sequential(nn.Linear(3, 5)), torch.zeros(2, 3))
    30.0
    """
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model(batch)
    clips = len(next(iter(batch.values()))) if isinstance(batch, Mapping) else len(batch)
    return counter.get_total_flops() / clips
