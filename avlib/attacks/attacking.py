"""A model held still while its input is searched."""

import contextlib
import sys
from collections.abc import Iterator
from typing import TypeVar

from torch import nn

from avlib.models.folding import folded

Model = TypeVar("Model", bound=nn.Module)


@contextlib.contextmanager
def attacking(model: Model) -> Iterator[Model]:
    """Freeze parameters and set eval mode; put back every flag of every module afterwards, whatever happened.

    Gives the module to use: `model`, or what Fabric has wrapped in it, under the precision of the wrapper.  As nothing
    of it changes meanwhile, batch norms are folded into their convolutions (`avlib.models.folding`).

    Recurrent modules alone are set to train, because cuDNN refuses their gradient in eval mode; their dropout is 0
    meanwhile, so they compute the same.

    >>> model = nn.Sequential(nn.Linear(2, 2), nn.Dropout()).train()
    >>> with attacking(model):
    ...     model.training, model[0].weight.requires_grad
    (False, False)
    >>> model.training, model[0].weight.requires_grad
    (True, True)
    """
    model, precision = _bare(model)
    modes = [(module, module.training) for module in model.modules()]
    frozen = [parameter for parameter in model.parameters() if parameter.requires_grad]
    recurrent = [(module, module.dropout) for module in model.modules() if isinstance(module, nn.RNNBase)]
    try:
        for module, _ in modes:
            module.training = False
        for rnn, _ in recurrent:
            rnn.training, rnn.dropout = True, 0.0
        for parameter in frozen:
            parameter.requires_grad_(False)
        with precision, folded(model):
            yield model
    finally:
        for module, mode in modes:
            module.training = mode
        for rnn, dropout in recurrent:
            rnn.dropout = dropout
        for parameter in frozen:
            parameter.requires_grad_(True)


def _bare(model: Model) -> tuple[Model, contextlib.AbstractContextManager[object]]:
    wrappers = sys.modules.get("lightning_fabric.wrappers")  # nothing can be wrapped before it was imported
    if wrappers is None or not wrappers.is_wrapped(model):
        return model, contextlib.nullcontext()
    return model.module, model._strategy.precision.forward_context()  # type: ignore[return-value, union-attr, operator]
