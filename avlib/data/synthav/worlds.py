"""Worlds of classes: the named one, and drawn ones whose attributes are independent of each other."""

import math
from dataclasses import dataclass, fields
from functools import lru_cache
from typing import TypeVar

import numpy as np

from avlib.data.synthav.named import NAMED
from avlib.data.synthav.records import (
    KINDS,
    MOTIONS,
    PATHS,
    SHAPES,
    Band,
    Look,
    Movement,
    Pitch,
    Record,
    Rhythm,
    Sound,
    Timbre,
    Tremolo,
)
from avlib.errors import AvlibError

Parts = TypeVar("Parts", Sound, Look)


@dataclass(frozen=True)
class World:
    """The classes of a data set, and what follows from what."""

    records: tuple[Record, ...]

    @property
    def classes(self) -> tuple[str, ...]:
        return tuple(record.name for record in self.records)

    @property
    def implications(self) -> tuple[tuple[str, str], ...]:
        """(child, parent) pairs within this world."""
        names = set(self.classes)
        return tuple((record.name, above) for record in self.records for above in record.implies if above in names)

    @property
    def closure(self) -> np.ndarray:
        """Boolean (C, C): row c marks the labels that an event of class c carries, its own and all that follow.

        >>> w = named(8)
        >>> [w.classes[c] for c in np.flatnonzero(w.closure[w.classes.index("Police car (siren)")])]
        ['Siren', 'Police car (siren)']
        """
        return _closure(self)


@lru_cache(maxsize=8)
def _closure(world: World) -> np.ndarray:
    index = {name: c for c, name in enumerate(world.classes)}
    reach = np.eye(len(index), dtype=bool)
    for child, parent in world.implications:
        reach[index[child], index[parent]] = True
    for through in range(len(index)):  # Warshall
        reach |= reach[:, through, None] & reach[None, through]
    reach.setflags(write=False)
    return reach


def named(classes: int = len(NAMED)) -> World:
    """The first `classes` of the thirty-two records that imitate AudioSet.

    Raises
    ------
    AvlibError
        When there are not that many.
    """
    if not 2 <= classes <= len(NAMED):
        raise AvlibError(f"classes={classes}: the named world has 2 to {len(NAMED)}; give world=0, 1, … to draw more")
    return World(NAMED[:classes])


def drawn(world: int, classes: int) -> World:
    """World number `world`: `classes` records whose attributes are drawn independently of each other.

    Each attribute comes from a pool of about √classes values, so that classes share parts and can be confused.

    Raises
    ------
    AvlibError
        For fewer than two classes.

    >>> drawn(1, 40).records[:3] == drawn(1, 40).records[:3], drawn(1, 40) == drawn(2, 40)
    (True, False)
    """
    if classes < 2:
        raise AvlibError(f"classes={classes}: at least 2")
    draw = np.random.Generator(np.random.Philox(np.random.SeedSequence([world, classes, 1])))
    size = 3 + math.ceil(math.sqrt(classes))
    pools = [_pool(kind, size, draw) for kind in ("timbre", "pitch", "movement", "rhythm", "band", "tremolo", "tail")]
    hues = draw.random(size)
    sounds: dict[Sound, Look] = {}
    while len(sounds) < classes:
        sound = Sound(*(pool[draw.integers(size)] for pool in pools))
        sounds[sound] = Look(str(draw.choice(SHAPES)), float(draw.choice(hues)), str(draw.choice(MOTIONS)))
    return World(
        tuple(
            Record(f"{i:03d} {sound.timbre.kind} {sound.movement.path}", (), sound, look)
            for i, (sound, look) in enumerate(sounds.items())
        )
    )


def _pool(attribute: str, size: int, draw: np.random.Generator) -> list:
    """`size` values of one attribute of sound."""

    def between(low: float, high: float) -> float:
        return float(np.exp(draw.uniform(np.log(low), np.log(high))))

    def one(i: int) -> object:
        match attribute:
            case "timbre":
                return Timbre(KINDS[i % len(KINDS)], float(draw.uniform(0, 0.5)), float(draw.uniform(0, 2)))
            case "pitch":
                low = between(60, 800)
                return Pitch(low, 2 * low)
            case "movement":
                return Movement(PATHS[i % len(PATHS)], between(2, 10), float(draw.uniform(0.4, 1.2)))
            case "rhythm":
                if i % 3 == 0:
                    return Rhythm(0)
                strokes = ((0.0,), (0.0, 0.35), (0.0, 0.25, 0.5))[draw.integers(3)]
                hold = between(0.03, 0.8) / len(strokes)
                return Rhythm(between(3, 15), strokes, 0.03, hold, between(0.03, 0.4), float(draw.uniform(0, 0.3)))
            case "band":
                return Band(between(300, 3000), 1.6)
            case "tremolo":
                return Tremolo(between(3, 30), float(draw.uniform(0, 0.7)) * (i % 2))
            case _:
                return 0.2 * (i % 4 == 0)

    return [one(i) for i in draw.permutation(size)]


def blurred(parts: Parts, others: tuple[Parts, ...], keep: float, draw: np.random.Generator) -> Parts:
    """`parts` with each attribute replaced, with probability 1 − keep, by that of a record picked at random.

    At keep = 0 the result is independent of `parts`.
    """
    names = [field.name for field in fields(parts)]
    lost, picked = draw.random(len(names)) >= keep, draw.integers(len(others), size=len(names))
    values = [getattr(others[p] if gone else parts, name) for name, gone, p in zip(names, lost, picked, strict=True)]
    return type(parts)(*values)
