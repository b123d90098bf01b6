"""When an event sounds: its strokes, the envelope that they make, and the path of its pitch.

Everything here lives on a control grid of `CONTROL` points a second; `upsampled` takes it to the sampling rate.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from avlib.data.synthav.records import Movement, Rhythm, Tremolo
from avlib.features import RATE

CONTROL = 400
STEP = RATE // CONTROL
SCALE = np.array([0, 2, 4, 7, 9, 12]) / 12  # pentatonic, in octaves

Array = NDArray[np.float32]
_RAMP = (np.arange(STEP, dtype=np.float32) / STEP)[None, :]


def upsampled(control: NDArray) -> Array:
    """Linear interpolation from n + 1 control points to n · `STEP` samples.

    >>> upsampled(np.array([0.0, 1.0], np.float32))[[0, 20]]
    array([0. , 0.5], dtype=float32)
    """
    points = control.astype(np.float32)
    return np.asarray(points[:-1, None] + np.diff(points)[:, None] * _RAMP, np.float32).ravel()


@dataclass(frozen=True)
class Timeline:
    """When one event sounds: strokes and bar in seconds from its start, envelope in [0, 1] on n + 1 control points."""

    strokes: NDArray[np.float64]
    envelope: Array
    bar: float


def timeline(rhythm: Rhythm, points: int, seconds: float, generator: np.random.Generator) -> Timeline:
    """One performance of `rhythm` over `points` control points, in a clip of `seconds`: tempo and timing vary."""
    time = np.arange(points + 1) / CONTROL
    tempo = np.exp(generator.normal(0, 0.15))
    jitter, dropped = generator.normal(size=256), generator.random(256)
    if rhythm.bars == 0:
        strokes, bar = np.zeros(1), time[-1]
        attack, hold, decay = 0.02 * seconds, time[-1], 1.0
    else:
        bar = seconds / (rhythm.bars * tempo)
        grid = np.arange(int(np.ceil(time[-1] / bar)))[:, None] + np.array(rhythm.strokes)[None, :]
        strokes = grid.ravel()
        late = rhythm.irregular * np.clip(jitter[: strokes.size], -2, 2)
        kept = (dropped[: strokes.size] >= rhythm.irregular / 2) & (strokes * bar < time[-1])
        late[0], kept[0] = 0.0, True  # the event begins where it says that it begins
        strokes = np.sort((strokes + late)[kept].clip(0)) * bar
        attack, hold, decay = rhythm.attack * bar, rhythm.hold * bar, max(rhythm.decay * bar, 1e-3)
    since = time[None, :] - strokes[:, None]
    rise = np.clip(since / max(attack, 1 / CONTROL), 0, 1)
    fall = np.exp(-np.clip(since - attack - hold, 0, None) / decay)
    envelope = (rise * fall).max(axis=0)
    ending = np.clip((time[-1] - time) / (0.02 * seconds), 0, 1)  # no click where the event ends
    return Timeline(strokes, (envelope * ending).astype(np.float32), bar)


def tremolo(modulation: Tremolo, points: int, seconds: float, generator: np.random.Generator) -> Array:
    """Gain in [1 − depth, 1] on the control grid."""
    rate = modulation.rate / seconds * np.exp(generator.normal(0, 0.15))
    angle = 2 * np.pi * (rate * np.arange(points + 1) / CONTROL + generator.random())
    return (1 - modulation.depth * (0.5 + 0.5 * np.sin(angle))).astype(np.float32)


def path(movement: Movement, played: Timeline, points: int, seconds: float, generator: np.random.Generator) -> Array:
    """Pitch relative to the event's base, in octaves, on the control grid."""
    time = np.arange(points + 1) / CONTROL
    depth = movement.depth * np.exp(generator.normal(0, 0.15))
    cycles = movement.rate / seconds * np.exp(generator.normal(0, 0.15)) * time + generator.random()
    stroke = np.searchsorted(played.strokes, time, side="right").clip(1) - 1
    within = ((time - played.strokes[stroke]) / played.bar).clip(0, 1)
    notes = generator.integers(len(SCALE), size=256)
    rounds = np.concatenate([generator.permutation(len(SCALE)) for _ in range(3)])
    knots = generator.normal(size=64)
    match movement.path:
        case "steady":
            octaves = 0 * time
        case "wail":
            octaves = depth * np.sin(2 * np.pi * cycles) / 2
        case "sweep":
            octaves = depth * (cycles % 1 - 0.5)
        case "steps":
            octaves = depth * np.sign(np.sin(2 * np.pi * cycles)) / 2
        case "arc":
            octaves = depth * np.sin(np.pi * within)
        case "chirp":
            octaves = depth * (2 * within).clip(0, 1)
        case "melody":
            octaves = depth * SCALE[notes[stroke]]
        case "rounds":  # a few orders of all bells, one after the other
            octaves = -depth * SCALE[rounds[stroke % rounds.size]]
        case _:
            octaves = depth * np.interp(cycles * 2, np.arange(knots.size), knots) / 2
    drift = 0.02 * np.sin(2 * np.pi * (generator.random() + time / seconds))
    return (octaves + drift).astype(np.float32)
