"""Sound and frames out of a user's files: wav, flac, ogg and mp3 through soundfile, films through PyAV."""

import math
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

import numpy as np
import soundfile
import torch
from torch import Tensor

from avlib._torchaudio import torchaudio
from avlib.errors import AvlibError

SOUND = (".wav", ".flac", ".ogg", ".mp3")
SILENT = 1e-4  # peak amplitude, −80 dB below full scale
RATES = (1000, 768_000)  # Hz; beyond these a header lies
SHORT = 0.5  # seconds that a file may end early: encoders pad and trim by fractions of a second


class BadMedia(Exception):
    """A clip that cannot be used: it is listed in the ledger with `reason`, and the ingest goes on."""

    def __init__(self, clip: str, reason: str) -> None:
        super().__init__(clip, reason)
        self.clip, self.reason = clip, reason


def check(waveform: Tensor, clip: str) -> Tensor:
    """`waveform` itself, when it holds finite sound.

    Raises
    ------
    BadMedia
        When it is empty, not finite, or its peak stays below −80 dB of full scale.
    """
    if not waveform.numel():
        raise BadMedia(clip, "no samples")
    if not waveform.isfinite().all():
        raise BadMedia(clip, "NaN or infinite samples")
    if waveform.abs().max() < SILENT:
        raise BadMedia(clip, "silence")
    return waveform


def sound(
    path: Path, rate: int, *, clip: str = "", start: float = 0.0, end: float | None = None, at_most: float = math.inf
) -> Tensor:
    """Sound of `path` from `start` to `end` seconds as one channel (S,) float32 at `rate` Hz; channels are averaged.

    Of a longer part the first `at_most` seconds are read.

    Raises
    ------
    BadMedia
        File missing, truncated or unreadable; no audio track; implausible rate; shorter than `end`; silence; NaN.
    """
    clip = clip or path.name
    with _faults(path, clip):
        read = _soundfile if path.suffix.lower() in SOUND else _film_sound
        samples, native = read(path, clip, start, min(start + at_most, math.inf if end is None else end))
    reached = start + len(samples) / native
    if end is not None and reached < min(end, start + at_most) - SHORT:
        raise BadMedia(clip, f"truncated: sound ends at {reached:.2f} s, wanted up to {end:.2f} s")
    waveform = check(torch.from_numpy(samples), clip)
    return torchaudio.functional.resample(waveform, native, rate) if native != rate else waveform


def frames(
    path: Path,
    fps: float,
    size: int,
    *,
    clip: str = "",
    start: float = 0.0,
    end: float | None = None,
    at_most: float = math.inf,
) -> Tensor:
    """Frames of `path` shown at start + j / fps seconds: (M, 3, size, size) in [0, 1], cut to the middle square.

    M = (end − start) · fps rounded, at least 1; a film that ends less than half a second early repeats its last frame.

    Raises
    ------
    BadMedia
        File missing, truncated or unreadable; no video track; shorter than `end`.
    """
    clip = clip or path.name
    av = _pyav()
    shown: list[np.ndarray] = []
    with _faults(path, clip), av.open(str(path)) as film:
        if not film.streams.video:
            raise BadMedia(clip, "no video track")
        last = min(start + at_most, _seconds(film) if end is None else end)
        wanted = max(1, round((last - start) * fps))
        frame, time = None, -math.inf
        for time, following in _decoded(film, film.streams.video[0], start):
            # A frame is shown until the next one comes.
            while frame is not None and len(shown) < wanted and start + len(shown) / fps < time:
                shown.append(_square(frame, size))
            frame = following
            if len(shown) == wanted:
                break
        if time + SHORT < start + (wanted - 1) / fps:
            raise BadMedia(clip, f"truncated: pictures end before {last:.2f} s")
        shown += [_square(frame, size)] * (wanted - len(shown))
    return torch.from_numpy(np.stack(shown)).permute(0, 3, 1, 2).float() / 255


@contextmanager
def _faults(path: Path, clip: str) -> Iterator[None]:
    """Whatever a decoder says about a bad file becomes a reason."""
    if not path.is_file():
        raise BadMedia(clip, "file missing")
    try:
        yield
    except (OSError, RuntimeError, ValueError, EOFError) as error:  # PyAV and soundfile derive theirs from these
        raise BadMedia(clip, f"unreadable: {' '.join(str(error).split())}") from error


def _soundfile(path: Path, clip: str, start: float, end: float) -> tuple[np.ndarray, int]:
    _whole_riff(path, clip)
    with soundfile.SoundFile(path) as file:
        native = _plausible(file.samplerate, clip)
        first, last = round(start * native), round(min(end * native, file.frames))
        if first >= last:
            raise BadMedia(clip, f"truncated: file ends at {file.frames / native:.2f} s, clip starts at {start:.2f} s")
        file.seek(first)
        samples = file.read(last - first, dtype="float32", always_2d=True)
        if len(samples) < last - first - SHORT * native:
            raise BadMedia(clip, f"truncated: {len(samples)} of {last - first} samples could be decoded")
    return samples.mean(axis=1), native


def _whole_riff(path: Path, clip: str) -> None:
    """A RIFF header tells its length; soundfile reads what is there of a cut file without a word."""
    with path.open("rb") as file:
        head = file.read(8)
    if head[:4] == b"RIFF":
        promised, size = struct.unpack("<I", head[4:])[0] + 8, path.stat().st_size
        if size < promised < 2**32 - 16:  # writers to a pipe leave the largest number there
            raise BadMedia(clip, f"truncated: {size} of {promised} bytes")


def _film_sound(path: Path, clip: str, start: float, end: float) -> tuple[np.ndarray, int]:
    av = _pyav()
    with av.open(str(path)) as film:
        if not film.streams.audio:
            raise BadMedia(clip, "no audio track")
        stream = film.streams.audio[0]
        native = _plausible(stream.rate, clip)
        convert, began = av.AudioResampler(format="fltp"), start
        pieces: list[np.ndarray] = []
        for time, frame in _decoded(film, stream, start):
            if time >= end:
                break
            began = began if pieces else time
            pieces += [piece.to_ndarray().mean(axis=0) for piece in convert.resample(frame)]
        promised = min(end, _seconds(film))
    samples = np.concatenate(pieces) if pieces else np.zeros(0, np.float32)
    lead = round((began - start) * native)  # decoding begins before `start`, or the track after it
    samples = np.pad(samples, (lead, 0)) if lead > 0 else samples[-lead:]
    if not len(samples) or start + len(samples) / native < promised - SHORT:
        raise BadMedia(clip, f"truncated: sound ends at {start + len(samples) / native:.2f} s of {promised:.2f} s")
    return samples if math.isinf(end) else samples[: round((end - start) * native)], native


def _decoded(film, stream, start: float) -> Iterator:  # type: ignore[no-untyped-def]
    """Frames of `stream` from `start` on or a little before, each with its time after the beginning of the film."""
    origin = (film.start_time or 0) / 1e6  # an mpg starts its clock anywhere
    if start > 0:
        film.seek(int((start + origin) / stream.time_base), stream=stream)
    return ((frame.time - origin, frame) for frame in film.decode(stream) if frame.time is not None)


def _seconds(film) -> float:  # type: ignore[no-untyped-def]
    return film.duration / 1e6 if film.duration else 0.0


def _square(frame, size: int) -> np.ndarray:  # type: ignore[no-untyped-def]
    scale = size / min(frame.width, frame.height)
    width, height = max(size, round(frame.width * scale)), max(size, round(frame.height * scale))
    picture = frame.to_ndarray(format="rgb24", width=width, height=height)
    top, left = (height - size) // 2, (width - size) // 2
    return picture[top : top + size, left : left + size]


def _plausible(rate: int, clip: str) -> int:
    if not RATES[0] <= rate <= RATES[1]:
        raise BadMedia(clip, f"wrong rate: {rate} Hz")
    return rate


def _pyav() -> ModuleType:
    try:
        import av
    except ModuleNotFoundError as error:
        raise AvlibError("reading films needs PyAV: pip install 'avlib[media]'") from error
    return av
