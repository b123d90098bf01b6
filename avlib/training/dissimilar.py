"""The audio-visual dissimilarity constraint: what the senses encode shall point in different directions."""

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor, nn
from torch.nn import functional as F

from avlib.errors import AvlibError
from avlib.losses import bce
from avlib.models.tagger import Tagger


@dataclass(frozen=True)
class Dissimilar:
    """L = BCE + `weight` / C · mean_i cos(h_i, v_i): less alike encodings, so that one δ does not upset both senses.

    h_i and v_i are the means over time of what the two branches encode, which must be of one width.  The authors add
    the cosine, with weight 1, to a cross-entropy, which is a sum over classes; the mean over C of them that all losses
    of this book take is C times smaller, and so is the cosine beside it.
    Source: Tian & Xu, CVPR 2021, section 5; the released code has the cosine as it is here.  Their second part,
    memory banks of features, is not among the defences of this book.

    Raises
    ------
    AvlibError
        For a negative weight; `of`, for a model whose encodings are not two of one width.
    """

    weight: float = 1.0

    def __post_init__(self) -> None:
        if not 0 <= self.weight < float("inf"):
            raise AvlibError(f"Dissimilar: weight={self.weight} is not allowed; it must not be negative")

    def of(self, model: nn.Module, classes: int) -> nn.Module:
        if not isinstance(model, Tagger) or len({model.branches[name].width for name in model.modalities}) != 1:
            raise AvlibError(f"Dissimilar compares encodings of one width, which {type(model).__name__} does not have")
        if len(model.modalities) != 2:
            raise AvlibError(f"Dissimilar compares two senses, and {type(model).__name__} has {len(model.modalities)}")
        return _Dissimilar(model, self.weight / classes)


class _Dissimilar(nn.Module):
    def __init__(self, model: Tagger, weight: float) -> None:
        super().__init__()
        self.model, self.weight = model, weight

    def forward(self, batch: Mapping[str, Tensor], labels: Tensor) -> Tensor:
        encodings = self.model.encode(batch)
        heard, seen = (encoding.mean(dim=1) for encoding in encodings.values())
        alike = F.cosine_similarity(heard, seen, dim=1).mean()
        return bce(self.model.classify(encodings), labels).mean() + self.weight * alike
