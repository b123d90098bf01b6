"""What a data set says about itself before any of it is made."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import ModuleType

from torch import Tensor

from avlib.data.split import Event, Media
from avlib.features import LogMel

SPLITS = ("train", "valid", "eval")


@dataclass(frozen=True)
class Clip:
    """One example as its data set makes it: labels (C,) float32 in [0, 1], and the events behind them if known."""

    id: str
    media: Media
    labels: Tensor
    events: tuple[Event, ...] | None = None


def _nothing(modalities: Sequence[str]) -> str:
    return ""


@dataclass(frozen=True)
class Source:
    """What a data set says about itself, so that it can be rendered, stored and found again.

    `clip(split, i, modalities)` makes clip i of a split, for i < `sizes[split]`, from these arguments alone, in any
    process; a modality that is not asked for may be left empty, and what cannot be read raises `BadMedia`.  Its
    waveform has the rate of `front_end` and the same length for every clip, its frames the same shape.  `window` is
    the number k of video frames in a window.  `key` holds everything besides the code of `modules` that decides the
    content.  `faults()` lists source files that were left out, as (file, reason).  `lacks(modalities)` says,
    before any clip is made, why no chapter can be computed with them, and is empty where one may.
    """

    name: str
    classes: tuple[str, ...]
    sizes: Mapping[str, int]
    clip: Callable[[str, int, tuple[str, ...]], Clip]
    key: object
    modules: tuple[ModuleType, ...]
    front_end: LogMel
    window: int = 1
    implications: tuple[tuple[str, str], ...] = ()
    faults: Callable[[], Sequence[tuple[str, str]]] = field(default=tuple)
    lacks: Callable[[Sequence[str]], str] = field(default=_nothing)
