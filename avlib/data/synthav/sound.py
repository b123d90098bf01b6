"""From a record to a sound: excitation, envelope, filter, room.

An event is made as a source (a wavetable read along the path of its pitch, or noise) under its envelope; filter
and room are applied to its spectrum, so that a clip costs one inverse transform whatever the number of its events.
"""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from avlib.data.synthav.records import Band, Pitch, Sound, Timbre
from avlib.data.synthav.timeline import STEP, Array, Timeline, path, tremolo, upsampled
from avlib.features import RATE

TABLE = 8192
TOP = 7600.0  # Hz; no partial above it, so that nothing folds back
LOWEST, OCTAVES, KNOTS = 40.0, 7.65, 62  # the grid on which filters are drawn: 40 Hz to 8 kHz
RATIOS = {"chord": (1.0, 1.26, 1.5), "bell": (0.5, 1.0, 1.2, 1.5, 2.0, 2.74)}


def _table(timbre: Timbre, highest: float, generator: np.random.Generator) -> Array:
    """One period with the partials of `timbre` below `TOP`, random phases except in pulses."""
    count = max(1, min(TABLE // 8, int(TOP / highest)))
    partial = np.arange(1, count + 1)
    amplitude = partial ** -float(timbre.rolloff)
    if timbre.kind == "odd":
        amplitude = amplitude * (partial % 2)
    if timbre.kind in ("tone", "bell"):
        amplitude = amplitude * (partial <= (2 if timbre.kind == "tone" else 1)) * 0.2 ** (partial - 1)
    phase = np.zeros(count) if timbre.kind == "pulse" else 2 * np.pi * generator.random(count)
    spectrum = np.zeros(TABLE // 2 + 1, np.complex64)
    spectrum[1 : count + 1] = amplitude * np.exp(1j * phase)
    period = fft.irfft(spectrum)
    return (period / np.sqrt(np.mean(period**2))).astype(np.float32)


def _read(table: Array, cycles: NDArray) -> Array:
    return table[(cycles * TABLE).astype(np.int64) & (TABLE - 1)]


def _pitched(timbre: Timbre, base: float, octaves: Array, generator: np.random.Generator) -> Array:
    """A periodic source whose fundamental follows base · 2^octaves."""
    ratios = RATIOS.get(timbre.kind, (1.0,))
    # In float64: the last place of a float32 power is another one with AVX-512 and without, the phase adds it up over
    # the whole event, and which sample of the table is read would depend on the processor.
    frequency = base * np.exp2(upsampled(octaves).astype(np.float64))
    table = _table(timbre, float(frequency.max()) * max(ratios), generator)
    cycles = np.cumsum(frequency, dtype=np.float64) / RATE
    voices = [_read(table, cycles * ratio + generator.random()) for ratio in ratios]
    if timbre.kind == "drone":  # an octave below, and never moving
        voices.append(_read(table, np.arange(len(cycles)) * (base / 2 / RATE)))
    return np.sum(voices, axis=0, dtype=np.float32)


def _unpitched(timbre: Timbre, samples: int, generator: np.random.Generator) -> Array:
    noise = generator.standard_normal(samples, dtype=np.float32)
    if timbre.kind != "crackle":
        return noise
    pops = (generator.random(samples, dtype=np.float32) < 40 / RATE) * np.float32(25)
    return np.float32(timbre.noise + 0.1) * noise + pops * generator.standard_normal(samples, dtype=np.float32)


def source(sound: Sound, played: Timeline, seconds: float, generator: np.random.Generator) -> Array:
    """The event before any filter, at unit level under its envelope; its length is that of `played`."""
    timbre, points = sound.timbre, len(played.envelope) - 1
    octaves = path(sound.movement, played, points, seconds, generator)
    base = _between(sound.pitch, generator)
    if sound.noisiness == 1:
        carrier = _unpitched(timbre, points * STEP, generator)
    else:
        carrier = _pitched(timbre, base, octaves, generator)
        if timbre.noise:
            noise = generator.standard_normal(len(carrier), dtype=np.float32)
            carrier = (1 - timbre.noise) * carrier + timbre.noise * noise
    level = np.sqrt(np.mean(carrier**2))
    gain = played.envelope * tremolo(sound.tremolo, points, seconds, generator)
    return carrier * upsampled(gain) / level


def _between(pitch: Pitch, generator: np.random.Generator) -> float:
    """A fundamental in Hz: from the range on a logarithmic scale, then transposed (0.25 octaves as a deviation)."""
    low, high = np.log2(pitch.low), np.log2(pitch.high)
    return float(2 ** (low + (high - low) * generator.random() + 0.25 * np.clip(generator.normal(), -2, 2)))


@lru_cache(maxsize=4)
def _grid(size: int) -> tuple[NDArray[np.int64], Array]:
    """For each bin of a transform of `size` samples: the filter knot below it, and how far it lies beyond that."""
    hertz = np.arange(size // 2 + 1) * (RATE / size)
    at = np.clip(np.log2(np.maximum(hertz, 1) / LOWEST) / OCTAVES, 0, 1) * (KNOTS - 1)
    below = np.minimum(at.astype(np.int64), KNOTS - 2)
    return below, (at - below).astype(np.float32)


def response(band: Band, size: int, colour: float, generator: np.random.Generator) -> Array:
    """Magnitude response of a `band` as this event has it: moved, tilted and bent at random.

    `colour` scales how much (1: a standard deviation of 0.5 octaves, 3 dB an octave, and 4.5 dB in each octave), so
    that the mean spectrum of a clip tells little about its class.
    """
    octave = np.linspace(0, OCTAVES, KNOTS)
    centre = np.log2(band.centroid / LOWEST) + 0.5 * colour * generator.normal()
    decibel = -6 * ((octave - centre) / band.width) ** 2
    decibel = np.maximum(decibel, -30) + 3 * colour * generator.normal() * (octave - OCTAVES / 2)
    bends = 4.5 * colour * generator.normal(size=10)
    decibel += np.interp(octave, np.linspace(-0.5, OCTAVES + 0.5, 10), bends)
    magnitude = (10 ** (np.clip(decibel, -60, 40) / 20)).astype(np.float32)
    below, beyond = _grid(size)
    return magnitude[below] * (1 - beyond) + magnitude[below + 1] * beyond


def room(seconds: float, size: int, generator: np.random.Generator) -> NDArray[np.complex64]:
    """Spectrum of a room: the direct sound and a tail of noise that falls by 60 dB in `seconds`."""
    samples = min(max(int(seconds * RATE), 1), size // 2)
    fall = np.exp(-6.9 * np.arange(samples, dtype=np.float32) / samples)
    tail = generator.standard_normal(samples, dtype=np.float32) * fall
    tail *= 0.7 / np.sqrt(np.sum(tail**2))
    tail[0] += 1.0
    return fft.rfft(tail, size)
