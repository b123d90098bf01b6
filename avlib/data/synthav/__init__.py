"""`synthav`: sound and picture made from formulas, with every cause a dial."""

import sys
from dataclasses import asdict, replace
from functools import partial
from types import ModuleType
from typing import Any

import torch

from avlib import profiles
from avlib.data.source import SPLITS, Clip, Source
from avlib.data.synthav import named as _named
from avlib.data.synthav import picture, records, sound, timeline, worlds
from avlib.data.synthav import scene as _scene
from avlib.data.synthav.named import NAMED
from avlib.data.synthav.picture import FPS
from avlib.data.synthav.scene import Scenery, plan, render, true_events
from avlib.data.synthav.worlds import World, drawn, named
from avlib.errors import AvlibError
from avlib.features import paper64
from avlib.profiles import Profile

__all__ = ["NAMED", "Scenery", "World", "drawn", "named", "plan", "render", "source", "true_events"]

WINDOW = 5  # video frames in a window: half a second


def source(
    profile: str = "smoke",
    seed: int = 0,
    *,
    world: int | None = None,
    classes: int | None = None,
    seconds: float | None = None,
    clips: tuple[int, int, int] | None = None,
    events: tuple[int, int] | None = None,
    audio_informativeness: float = 1.0,
    video_informativeness: float = 1.0,
    agreement: float = 0.8,
    class_frequency: float = 0.7,
    label_noise: float = 0.02,
    window: int = WINDOW,
) -> Source:
    """`synthav` at the size of a profile, and its dials.

    Parameters
    ----------
    profile, seed : sizes (`avlib.profiles`), and the random numbers
    world : None for the records that imitate AudioSet; k for a drawn world with independent attributes
    classes, seconds, clips, events : in place of the profile's number of classes, clip length, sizes of (train, valid,
        eval), and (fewest, most) events in a clip; (1, 1) makes a single-label set but for what labels imply
    audio_informativeness, video_informativeness : share of the attributes of a sound (a look) that are its class's
        own; each of the others is that of a class picked at random
    agreement : share of events both heard and seen; the rest are heard or seen only, half each
    class_frequency : exponent a of the tail in training, where the class of rank r is drawn in proportion to r^(−a)
    label_noise : share of events whose label names another class, in train and valid; the labels of eval are right
    window : frames in a window of the video

    Raises
    ------
    AvlibError
        For a value out of its range.
    """
    asked: dict[str, Any] = {"classes": classes, "seconds": seconds, "clips": clips, "events": events}
    size = replace(profiles.of(profile), **{name: value for name, value in asked.items() if value is not None})
    _check(size, seed, world, class_frequency, window)
    scenery = Scenery(
        named(size.classes) if world is None else drawn(world, size.classes),
        float(size.seconds),
        audio_informativeness=_share(audio_informativeness=audio_informativeness),
        video_informativeness=_share(video_informativeness=video_informativeness),
        agreement=_share(agreement=agreement),
        class_frequency=float(class_frequency),
        label_noise=_share(label_noise=label_noise),
        events=(int(size.events[0]), int(size.events[1])),
        seed=seed,
    )
    return Source(
        name="synthav",
        classes=scenery.world.classes,
        sizes=dict(zip(SPLITS, size.clips, strict=True)),
        clip=partial(_clip, scenery),
        key=asdict(scenery),
        modules=_MODULES,
        front_end=paper64(),
        window=window,
        implications=scenery.world.implications,
    )


_MODULES: tuple[ModuleType, ...] = (sys.modules[__name__], _named, picture, records, _scene, sound, timeline, worlds)


def _clip(scenery: Scenery, split: str, i: int, modalities: tuple[str, ...]) -> Clip:
    media, labels, events = render(scenery, split, i, modalities)
    return Clip(f"{split}-{i:06d}", media, torch.from_numpy(labels), events)


def _share(**dial: float) -> float:
    ((name, value),) = dial.items()
    if not 0 <= value <= 1:
        raise AvlibError(f"{name}={value}: a share, so from 0 to 1")
    return float(value)


def _check(size: Profile, seed: int, world: int | None, class_frequency: float, window: int) -> None:
    if len(size.clips) != len(SPLITS) or min(size.clips) < 1:
        raise AvlibError(f"clips={size.clips!r}: give three positive numbers (train, valid, eval)")
    if len(size.events) != 2 or not 1 <= size.events[0] <= size.events[1] <= 8:
        raise AvlibError(f"events={size.events!r}: (fewest, most) in a clip, from 1 to 8")
    pictures = size.seconds * FPS
    if not 1 <= size.seconds <= 60 or abs(pictures - round(pictures)) > 1e-9:
        raise AvlibError(f"seconds={size.seconds}: from 1 to 60, in tenths (one picture each)")
    if not 1 <= window <= pictures:
        raise AvlibError(f"window={window}: from 1 to the {pictures:.0f} frames of a clip")
    if not 0 <= class_frequency <= 3:
        raise AvlibError(f"class_frequency={class_frequency}: from 0 (balanced) to 3 (a very long tail)")
    for name, value in {"seed": seed, "world": world or 0}.items():
        if not 0 <= value < 2**32:
            raise AvlibError(f"{name}={value}: a whole number from 0 to 4,294,967,295")
