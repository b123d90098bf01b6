"""The size of each model at each profile."""

from collections.abc import Callable
from functools import partial
from typing import Any

from avlib import profiles
from avlib.errors import AvlibError
from avlib.models.crnn import CRNN
from avlib.models.csn import CSN
from avlib.models.fusion import RELEASED, TAPS
from avlib.models.resnet import ResNet
from avlib.models.tagger import Tagger
from avlib.models.video import VideoTagger, WindowTagger


def sized(kind: str, profile: str, classes: int, **options: Any) -> Callable[[], Tagger]:
    """A factory of the model `kind` at the size of `profile`; `options` go to the model.

    Kinds: "csn", "crnn" and "resnet" on sound; "glance" on windows of video frames, "eye" on their features; and
    each tap of `avlib.models.fusion`, on sound and those features.

    At `paper` the sizes are those of P1, section 5; below it they shrink with the data, and so does CSN's dropout
    (.75 suits two million clips, and keeps a model of some thousands from learning).

    Raises
    ------
    AvlibError
        When the kind or the profile is unknown.

    >>> sum(p.numel() for p in sized("crnn", "paper", classes=527)().parameters())
    10520702
    """
    size = profiles.of(profile)
    if kind == "csn":
        return partial(CSN, classes, **{"width": size.width, "transformer_dropout": size.dropout, **options})
    if kind == "crnn":
        return partial(CRNN, classes, **{"width": size.width, **options})
    if kind == "resnet":
        return partial(ResNet, classes, **{"depth": size.depth, "stem": size.stem, **options})
    if kind == "glance":
        return partial(WindowTagger, classes, **{"width": size.eye, **options})
    seeing = {"features": size.eye, "width": size.width, "transformer_dropout": size.dropout, **options}
    if kind == "eye":
        return partial(VideoTagger, classes, **seeing)
    if kind in TAPS | RELEASED:
        return partial((TAPS | RELEASED)[kind], classes, **seeing)
    known = ("csn", "crnn", "resnet", "glance", "eye", *TAPS, *RELEASED)
    raise AvlibError(f"model {kind!r} is unknown; choose {', '.join(known)}")
