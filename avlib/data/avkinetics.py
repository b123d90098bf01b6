"""`avkinetics`: generated clips of one action each, seen better than heard; the role of Kinetics-Sounds.

The clips of `synthav` with its dials turned: one event a clip and no label but its own, all classes equally frequent,
each event heard and seen, the classes of a drawn world, and a sound of which most attributes are another class's.
"""

import sys
from dataclasses import replace

from avlib import profiles
from avlib.data import synthav
from avlib.data.source import Source

WORLD = 47  # its classes look less alike than those of most worlds


def source(
    profile: str = "smoke",
    seed: int = 0,
    *,
    world: int = WORLD,
    classes: int | None = None,
    seconds: float | None = None,
    clips: tuple[int, int, int] | None = None,
    audio_informativeness: float = 0.5,
    video_informativeness: float = 1.0,
    label_noise: float = 0.0,
    window: int = synthav.WINDOW,
) -> Source:
    """`avkinetics` at the size of a profile: 34 classes, as Kinetics-Sounds has in P2 (section 7.1); fewer at smoke.

    The knobs are those of `avlib.data.synthav.source`, with other defaults; events, agreement and class_frequency are
    what makes this set, and are fixed.

    Raises
    ------
    AvlibError
        For a value out of its range.
    """
    size = profiles.of(profile)
    made = synthav.source(
        profile,
        seed,
        world=world,
        classes=size.actions if classes is None else classes,
        seconds=seconds,
        clips=size.films if clips is None else clips,
        events=(1, 1),
        audio_informativeness=audio_informativeness,
        video_informativeness=video_informativeness,
        agreement=1.0,
        class_frequency=0.0,
        label_noise=label_noise,
        window=window,
    )
    return replace(made, name="avkinetics", modules=(*made.modules, sys.modules[__name__]))
