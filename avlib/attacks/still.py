"""What an attack leaves alone, encoded once for all its passes."""

from collections.abc import Collection, Mapping

import torch
from torch import Tensor, nn

from avlib.data.split import Split
from avlib.device import bring, home
from avlib.models.tagger import Identity, Tagger


class Still(Tagger):
    """`tagger` for clips of which the modalities `still` are encoded already, (N, T′, d) each.

    >>> import torch
    >>> from avlib.models import CSN
    >>> model, x = CSN(classes=5, width=64).eval(), {"audio": torch.zeros(2, 100, 64)}
    >>> torch.equal(Still(model, ["audio"])(model.encode(x)), model(x))
    True
    """

    def __init__(self, tagger: Tagger, still: Collection[str]) -> None:
        branches = {
            name: Identity(width=branch.width, sizes=(branch.width,)) if name in still else branch
            for name, branch in tagger.branches.items()
        }
        super().__init__(branches, tagger.head)
        self.tagger = tagger

    def fuse(self, encodings: Mapping[str, Tensor]) -> Tensor:
        return self.tagger.fuse(encodings)

    def classify(self, encodings: Mapping[str, Tensor]) -> Tensor:
        return self.tagger.classify(encodings)


def encoded_once(model: nn.Module, split: Split, attacked: Collection[str], size: int) -> tuple[nn.Module, Split]:
    """`model` and `split` after the branches that are not `attacked` have encoded every clip, `size` at a time.

    The encodings lie on the model's device.  A model that cannot be taken apart is left as it is.
    """
    if not isinstance(model, Tagger):
        return model, split
    still = [name for name in model.uses(split.features) if name not in attacked]
    if not still:
        return model, split
    parts = []
    with torch.no_grad():
        for clips in split.only(still).batches(size):
            parts.append(model.encode(bring(home(model), *clips)[0]))
    encodings = {name: torch.cat([part[name] for part in parts]) for name in still}
    return Still(model, still), split.having(encodings)
