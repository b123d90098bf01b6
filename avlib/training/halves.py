"""Late fusion taken apart: what each sense by itself adds to the logits."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from avlib.attacks.ball import Budget
from avlib.attacks.radius import radius
from avlib.attacks.threat import Threat
from avlib.data.split import Split
from avlib.models.fusion.late import Late
from avlib.models.tagger import Tagger
from avlib.training.predict import predict


class Half(Tagger):
    """The vote of one sense of a late fusion: half of its logits, and a constant for each class.

    It is a tagger of that sense alone, so it can be attacked as one: the ear *of the fused model*, and not an ear that
    was trained by itself.
    """

    constant: Tensor

    def __init__(self, model: Late, sense: str, constant: Tensor) -> None:
        super().__init__({sense: model.branches[sense]}, {"audio": model.head, "video": model.eye_head}[sense])
        self.register_buffer("constant", constant)

    def classify(self, encodings: Mapping[str, Tensor]) -> Tensor:
        return super().classify(encodings) / 2 + self.constant


def halves(model: Late, split: Split) -> dict[str, Half]:
    """The votes of both senses, which add up to the logits of `model`, with the bias of each class shared equally.

    Logits fix the sum of two votes and not each: what is added to one and taken from the other changes no answer, and
    yet decides how often a vote is negative.  The convention here: the mean of each vote over `split` (training clips)
    is taken away; what was taken away from both is the class's bias, of which each gets half.  So both votes of a class
    have the same mean there.
    """
    none = torch.zeros(split.labels.shape[1], device=next(model.parameters()).device)
    means = {sense: predict(Half(model, sense, none), split).mean(dim=0).to(none) for sense in model.modalities}
    bias = torch.stack(list(means.values())).sum(dim=0)
    return {sense: Half(model, sense, bias / 2 - mean) for sense, mean in means.items()}


def votes(parts: Mapping[str, Half], split: Split) -> dict[str, Tensor]:
    """How far the vote of each sense is on the right side for each tag of `split`, (N, C): m = ±vote, by the label.

    Above 0 where the sense by itself is right; their sum is the margin of the fused model.
    """
    sides = 2 * split.labels - 1
    return {sense: sides * predict(half, split) for sense, half in parts.items()}


def contested(found: Mapping[str, Tensor], count: int) -> Tensor:
    """Tags (clip, class) that the ear and the fused model get right, (≤ count, 2), evenly spaced among all of them.

    Of `votes`.  The picture agrees with one half of them and not with the other, as far as there are so many.

    >>> found = {"audio": torch.tensor([[1.0, 1.0, -1.0]]), "video": torch.tensor([[1.0, -0.5, 3.0]])}
    >>> contested(found, 4)
    tensor([[0, 0],
            [0, 1]])
    """
    right = (found["audio"] > 0) & (found["audio"] + found["video"] > 0)
    sides = [(right & agrees).nonzero() for agrees in (found["video"] > 0, found["video"] <= 0)]
    return torch.cat([_spread(tags, max(1, count // 2)) for tags in sides])


def _spread(tags: Tensor, count: int) -> Tensor:
    kept = min(count, len(tags))
    return tags[torch.arange(kept) * len(tags) // max(1, kept)]


def tag_radii(
    model: nn.Module,
    split: Split,
    tags: Tensor,
    threats: Mapping[str, Threat],
    *,
    steps: int,
    halvings: int,
    budget: Budget = "separate",
) -> Tensor:
    """The `radius` of each of `tags` (k, 2) of `split`: how far its one logit is from the wrong side, (k,) on the CPU.

    In multiples of the threats' ε; a clip is searched once for each of its tags.
    """
    batch, labels = split.batch(tags[:, 0])
    column = tags[:, 1:].to(labels.device)
    sides = torch.zeros_like(labels).scatter_(1, column, 2 * labels.gather(1, column) - 1)
    return radius(model, batch, sides, threats, steps=steps, halvings=halvings, budget=budget).cpu()
