"""A model held still while its input is searched."""

import contextlib
from collections.abc import Iterator

from torch import nn


@contextlib.contextmanager
def attacking(model: nn.Module) -> Iterator[nn.Module]:
    """Freeze parameters and set eval mode; put back every flag of every module afterwards, whatever happened.

    Recurrent modules alone are set to train, because cuDNN refuses their gradient in eval mode; their dropout is 0
    meanwhile, so they compute the same.

    >>> model = nn.Sequential(nn.Linear(2, 2), nn.Dropout()).train()
    >>> with attacking(model):
    ...     model.training, model[0].weight.requires_grad
    (False, False)
    >>> model.training, model[0].weight.requires_grad
    (True, True)
    """
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
        yield model
    finally:
        for module, mode in modes:
            module.training = mode
        for rnn, dropout in recurrent:
            rnn.dropout = dropout
        for parameter in frozen:
            parameter.requires_grad_(True)
