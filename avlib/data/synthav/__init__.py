"""`synthav`: sound and picture made from formulas, with every cause a dial."""

import sys
from collections.abc import Mapping
from dataclasses import asdict
from functools import partial
from types import ModuleType

import torch

from avlib.data.store import Clip, Source
from avlib.data.synthav import named as _named
from avlib.data.synthav import picture, records, score, sound, worlds
from avlib.data.synthav import scene as _scene
from avlib.data.synthav.named import NAMED
from avlib.data.synthav.picture import FPS
from avlib.data.synthav.scene import SPLITS, Scenery, plan, render, true_events
from avlib.data.synthav.worlds import World, drawn, named
from avlib.errors import AvlibError
from avlib.features import paper64

__all__ = ["NAMED", "PROFILES", "Scenery", "World", "drawn", "named", "plan", "render", "source", "true_events"]

PROFILES: Mapping[str, Mapping[str, float]] = {
    "smoke": {"classes": 8, "train": 240, "valid": 60, "eval": 160, "seconds": 2.5},
    "laptop": {"classes": 32, "train": 1500, "valid": 300, "eval": 900, "seconds": 2.5},
    "full": {"classes": 32, "train": 6000, "valid": 600, "eval": 1800, "seconds": 2.5},
    "paper": {"classes": 32, "train": 20000, "valid": 1000, "eval": 2000, "seconds": 10.0},
}
WINDOW = 5  # video frames in a window: half a second


def source(
    profile: str = "smoke",
    seed: int = 0,
    *,
    world: int | None = None,
    classes: int | None = None,
    seconds: float | None = None,
    train: int | None = None,
    valid: int | None = None,
    eval: int | None = None,
    audio_informativeness: float = 1.0,
    video_informativeness: float = 1.0,
    agreement: float = 0.8,
    class_frequency: float = 0.7,
    label_noise: float = 0.02,
) -> Source:
    """`synthav` at the size of a profile, and its dials.

    Parameters
    ----------
    profile, seed : sizes (`PROFILES`), and the random numbers
    world : None for the records that imitate AudioSet; k for a drawn world with independent attributes
    classes, seconds, train, valid, eval : in place of the profile's number of classes, clip length, and split sizes
    audio_informativeness, video_informativeness : share of the attributes of a sound (a look) that are its class's
        own; each of the others is that of a class picked at random
    agreement : share of events both heard and seen; the rest are heard or seen only, half each
    class_frequency : exponent a of the tail in training, where the class of rank r is drawn in proportion to r^(−a)
    label_noise : share of events whose label names another class

    Raises
    ------
    AvlibError
        For a value out of its range.
    """
    if profile not in PROFILES:
        raise AvlibError(f"profile={profile!r}: choose one of {', '.join(PROFILES)}")
    sizes = {**PROFILES[profile], **_given(classes=classes, seconds=seconds, train=train, valid=valid, eval=eval)}
    _check(sizes, seed, world)
    count = int(sizes["classes"])
    scenery = Scenery(
        named(count) if world is None else drawn(world, count),
        float(sizes["seconds"]),
        *(_share(audio_informativeness=audio_informativeness), _share(video_informativeness=video_informativeness)),
        agreement=_share(agreement=agreement),
        class_frequency=class_frequency,
        label_noise=_share(label_noise=label_noise),
        seed=seed,
    )
    if not 0 <= class_frequency <= 3:
        raise AvlibError(f"class_frequency={class_frequency}: allowed are 0 (balanced) to 3 (a very long tail)")
    return Source(
        name="synthav",
        classes=scenery.world.classes,
        sizes={split: int(sizes[split]) for split in SPLITS},
        clip=partial(_clip, scenery),
        key=asdict(scenery),
        modules=_MODULES,
        front_end=paper64(),
        window=WINDOW,
        implications=scenery.world.implications,
    )


_MODULES: tuple[ModuleType, ...] = (sys.modules[__name__], _named, picture, records, _scene, score, sound, worlds)


def _clip(scenery: Scenery, split: str, i: int, modalities: tuple[str, ...]) -> Clip:
    media, labels, events = render(scenery, split, i, modalities)
    return Clip(f"{split}-{i:06d}", media, torch.from_numpy(labels), events)


def _given(**knobs: float | None) -> dict[str, float]:
    return {name: value for name, value in knobs.items() if value is not None}


def _share(**dial: float) -> float:
    ((name, value),) = dial.items()
    if not 0 <= value <= 1:
        raise AvlibError(f"{name}={value}: a share, so from 0 to 1")
    return float(value)


def _check(sizes: Mapping[str, float], seed: int, world: int | None) -> None:
    for split in SPLITS:
        if not 1 <= sizes[split] <= 10**7:
            raise AvlibError(f"{split}={sizes[split]}: a number of clips, from 1 to 10,000,000")
    if not 1 <= sizes["seconds"] <= 60 or abs(sizes["seconds"] * FPS - round(sizes["seconds"] * FPS)) > 1e-9:
        raise AvlibError(f"seconds={sizes['seconds']}: from 1 to 60, in tenths (one picture each)")
    for name, value in {"seed": seed, "world": world or 0}.items():
        if not 0 <= value < 2**32:
            raise AvlibError(f"{name}={value}: a whole number from 0 to 4,294,967,295")
