"""What a recipe does to a batch of training clips before the loss: one protocol for masks, mix-up and adversaries."""

from collections.abc import Mapping
from typing import NamedTuple, Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from avlib.data.split import Batch, Split
from avlib.errors import AvlibError


class Labels(NamedTuple):
    """Labels of a batch, (N, C) each: `soft` in [0, 1], which the loss is taken with, and `hard`, the clips' own.

    Who mixes clips mixes `soft`; who asks which classes a clip is of looks at `hard`.
    """

    soft: Tensor
    hard: Tensor


class Step(Protocol):
    """A batch and its labels as they shall be, from what they are.

    `model` is the bare module at its present weights, in train mode; it runs under the precision of the training, and
    must be left as it was.  All that is random comes from `generator`.
    """

    def __call__(
        self, model: nn.Module, batch: Batch, labels: Labels, generator: torch.Generator
    ) -> tuple[Batch, Labels]: ...


@runtime_checkable
class Stateful(Protocol):
    """A `Step` that changes from batch to batch, and can be put back to where it was, so that a run can be resumed.

    Its state has the same names and shapes from `prepare` on, and lies in every checkpoint beside the weights.
    """

    def state_dict(self) -> dict[str, Tensor]: ...

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None: ...


class Transform(Protocol):
    """A frozen dataclass of plain values that a `Recipe` can name.

    `prepare` is called once, before the first step and again when a run is resumed, so its result must follow from the
    training split alone; what a step learns on the way it keeps as `Stateful`.  A transform that needs to know nothing
    of the split is its own step, and returns itself.
    """

    def prepare(self, train: Split) -> Step: ...


def one_of(batch: Batch, modality: str, who: str) -> Tensor:
    """``batch[modality]``.

    Raises
    ------
    AvlibError
        When the batch has none, so that `who` would do nothing in silence.
    """
    if modality not in batch:
        raise AvlibError(f"{who} transforms {modality!r}, and the batch has {', '.join(batch)}")
    return batch[modality]
