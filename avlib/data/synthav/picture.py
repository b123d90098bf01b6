"""From a look to pixels: a coloured shape that moves, and swells with its sound."""

import colorsys

import numpy as np

from avlib.data.synthav.records import Look
from avlib.data.synthav.timeline import Array

SIDE = 32
FPS = 10
_Y, _X = np.meshgrid(np.linspace(-1, 1, SIDE), np.linspace(-1, 1, SIDE), indexing="ij")


def _distance(shape: str, u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Signed distance to the edge of a shape of radius 1, negative inside."""
    match shape:
        case "disc":
            return np.hypot(u, v) - 1
        case "ring":
            return np.abs(np.hypot(u, v) - 0.75) - 0.25
        case "square":
            return np.maximum(np.abs(u), np.abs(v)) - 0.85
        case "diamond":
            return np.abs(u) + np.abs(v) - 1.15
        case "triangle":
            return np.maximum(np.abs(u) * 0.9 + v * 0.5, -v) - 0.6
        case "bar":
            return np.maximum(np.abs(u) - 1.2, np.abs(v) - 0.4)
        case "cross":
            return np.minimum(np.maximum(np.abs(u) - 1, np.abs(v) - 0.33), np.maximum(np.abs(v) - 1, np.abs(u) - 0.33))
        case _:  # stripes
            return np.maximum(np.maximum(np.abs(u), np.abs(v)) - 1, -0.3 * np.sin(2 * np.pi * 1.25 * v) - 0.05)


def background(generator: np.random.Generator) -> Array:
    """A dim, coloured gradient, (SIDE, SIDE, 3)."""
    corner = 0.15 + 0.25 * generator.random(3)
    slope = generator.normal(0, 0.08, (2, 3))
    return (corner + _X[..., None] * slope[0] + _Y[..., None] * slope[1]).astype(np.float32)


def draw(frames: Array, look: Look, loudness: Array, generator: np.random.Generator) -> None:
    """Paint `look` into `frames` (in place) wherever its `loudness` (M,) is a number; it grows and glows with it."""
    hue = (look.hue + generator.normal(0, 0.03)) % 1
    colour = np.array(colorsys.hsv_to_rgb(hue, 0.6 + 0.4 * generator.random(), 0.9), np.float32)
    centre = generator.uniform(-0.55, 0.55, 2)
    size = look.size * np.exp(generator.normal(0, 0.2))
    cycles, phase = generator.uniform(1.5, 3.0), generator.random()
    tilt = generator.normal(0, 0.2)
    spots = generator.uniform(-0.35, 0.35, (len(frames), 2))

    shown = np.flatnonzero(~np.isnan(loudness))
    level = loudness[shown]
    angle = 2 * np.pi * (phase + cycles * shown / len(frames))
    x, y = np.full(len(shown), centre[0]), np.full(len(shown), centre[1])
    turn, radius = np.full(len(shown), tilt), size * (0.65 + 0.35 * level)
    match look.motion:
        case "sway":
            x = x + 0.35 * np.sin(angle)
        case "bob":
            y = y + 0.35 * np.sin(angle)
        case "orbit":
            x, y = x + 0.3 * np.cos(angle), y + 0.3 * np.sin(angle)
        case "spin":
            turn = turn + angle
        case "jump":  # to another place at each rise of the loudness
            spot = np.cumsum(np.diff(level, prepend=0) > 0.2)
            x, y = x + spots[spot, 0], y + spots[spot, 1]
        case "grow":
            radius = size * (0.7 + 0.5 * np.sin(angle / 2) ** 2) * (0.65 + 0.35 * level)
    right, down = _X - x[:, None, None], _Y - y[:, None, None]
    cosine, sine, width = (a[:, None, None] for a in (np.cos(turn), np.sin(turn), radius))
    distance = _distance(look.shape, (right * cosine + down * sine) / width, (down * cosine - right * sine) / width)
    cover = np.clip(0.5 - distance * width * SIDE / 2, 0, 1)[..., None]
    glow = (0.45 + 0.55 * level)[:, None, None, None] * colour
    frames[shown] = frames[shown] * (1 - cover) + cover * glow
