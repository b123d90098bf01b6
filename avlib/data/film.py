"""Sound and pictures of a film from any moment on, as a decoding from its beginning would have them there."""

import math
import statistics
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from types import ModuleType

import numpy as np

from avlib.data.fault import BadMedia, plausible
from avlib.errors import AvlibError

EARLY = (1.5, 15.0, math.inf)  # seconds before a moment from which on it is decoded, each where the last is too few
SETTLED = 0.5  # seconds after which a decoder that began in the middle gives what it would have given anyway


def pyav() -> ModuleType:
    """PyAV, which no one needs who reads no film.

    Raises
    ------
    AvlibError
        When it is not installed.
    """
    try:
        import av
    except ModuleNotFoundError as error:
        raise AvlibError("reading films needs PyAV: pip install 'avlib[media]'") from error
    return av


def seconds(film) -> float:  # type: ignore[no-untyped-def]
    """How long an open `film` says that it is, 0 where it does not."""
    return film.duration / 1e6 if film.duration else 0.0


def track(path: Path, clip: str, start: float, end: float) -> tuple[np.ndarray, int, int, float]:
    """Sound of a film over the seconds from `start` to `end`, and a little more at both ends.

    Samples (S, channels), their rate in Hz, the number in the film of the first of them, and up to which second the
    film promises sound.  Before its sound begins a film is silent.

    Raises
    ------
    BadMedia
        When the film has no audio track.
    """
    av = pyav()
    with av.open(str(path)) as film:
        if not film.streams.audio:
            raise BadMedia(clip, "no audio track")
        stream = film.streams.audio[0]
        rate, convert = plausible(stream.rate, clip), av.AudioResampler(format="fltp")
        # Matroska tells time in milliseconds, some in frames: there samples are counted from the first one on.
        fine = stream.time_base * rate <= 1
        before = (stream.start_time or 0) * float(stream.time_base) - _origin(film)
        counted, dropped, firsts = 0, 0, []
        pieces: list[np.ndarray] = []
        for time, frame in decoded(film, stream, start if fine else 0.0):
            if time >= end:
                break
            firsts.append((time - before) * rate - counted)
            counted += frame.samples
            if time + frame.samples / rate < start:
                dropped = counted
            else:
                pieces += [piece.to_ndarray().T for piece in convert.resample(frame)]
        promised = seconds(film)
    samples = np.concatenate(pieces) if pieces else np.zeros((0, 1), np.float32)
    # Each frame tells the number of the first, with an error of its own; the median has the smallest.
    first = round(before * rate) + dropped
    first += round(statistics.median(firsts) if fine else firsts[0]) if firsts else 0
    late = max(0, first - max(0, math.floor(start * rate)))
    return np.pad(samples, ((late, 0), (0, 0))), rate, first - late, promised


def decoded(film, stream, start: float) -> Iterator:  # type: ignore[no-untyped-def]
    """Frames of `stream` from a little before `start` on, each with its time after the beginning of the film."""
    origin, entered = _origin(film), False
    for early in EARLY:
        sought = max(0.0, start - early)
        if sought or entered:
            film.seek(int((sought + origin) / stream.time_base), stream=stream)
            entered = True
        frames = _whole(film, stream, entered)
        first = next(frames, None)
        if not sought or (first is not None and first.time - origin <= start - SETTLED):
            break
    return ((frame.time - origin, frame) for frame in chain([first] if first else [], frames))


def _whole(film, stream, entered: bool) -> Iterator:  # type: ignore[no-untyped-def]
    """Frames of `stream` that have a time; after a seek from the first one on that needs no other."""
    begun = not entered
    for packet in film.demux(stream):
        try:
            frames = packet.decode()
        except pyav().error.InvalidDataError:
            if begun:
                raise
            continue  # a program stream is entered in the middle of a packet
        for frame in frames:
            begun = begun or bool(frame.key_frame)
            if begun and frame.time is not None:
                yield frame


def _origin(film) -> float:  # type: ignore[no-untyped-def]
    return (film.start_time or 0) / 1e6  # an mpg starts its clock anywhere
