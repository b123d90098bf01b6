"""The size of each model at each profile."""

from collections.abc import Callable
from functools import partial
from typing import Any

from avlib.errors import AvlibError
from avlib.models.crnn import CRNN
from avlib.models.csn import CSN
from avlib.models.resnet import ResNet
from avlib.models.tagger import Tagger

WIDTH = {"smoke": 64, "laptop": 128, "full": 256, "paper": 1024}


def sized(kind: str, profile: str, classes: int, **options: Any) -> Callable[[], Tagger]:
    """A factory of the model `kind` ("csn", "crnn" or "resnet") at the size of `profile`; `options` go to the model.

    At `paper` the sizes are those of P1, section 5; below it they shrink with the data, and so does CSN's dropout
    (.75 suits two million clips, and keeps a model of 1,500 from learning anything).

    Raises
    ------
    AvlibError
        When the kind or the profile is unknown.

    >>> sum(p.numel() for p in sized("crnn", "paper", classes=527)().parameters())
    10520702
    """
    if profile not in WIDTH:
        raise AvlibError(f"profile {profile!r} has no model size; choose one of {', '.join(WIDTH)}")
    width, paper = WIDTH[profile], profile == "paper"
    if kind == "csn":
        return partial(CSN, classes, width=width, **{"transformer_dropout": 0.75 if paper else 0.1, **options})
    if kind == "crnn":
        return partial(CRNN, classes, width=width, **options)
    if kind == "resnet":
        return partial(ResNet, classes, **{"depth": 50 if paper else 18, "stem": 64 if paper else 16, **options})
    raise AvlibError(f"model {kind!r} is unknown; choose csn, crnn or resnet")
