"""Sound and frames out of a user's files: wav, flac, ogg and mp3 through soundfile, films through PyAV."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import soundfile
import torch
from torch import Tensor

from avlib._torchaudio import torchaudio
from avlib.data import film as films
from avlib.data.fault import BadMedia, plausible
from avlib.data.whole import missing

SOUND = (".wav", ".flac", ".ogg", ".mp3")
SILENT = 1e-4  # peak amplitude, −80 dB below full scale
LOUD = 10.0  # peak amplitude, 20 dB above full scale: no coder overshoots as far, but integers taken for floats do
CANCELLED = 0.03  # RMS of the mean of the channels over that of the channels: −30 dB; a tone on one of two has .5
SHORT = 0.5  # seconds that a file may end early: encoders pad and trim by fractions of a second
TRIM = 1.0  # seconds by which a part that was cut out may be longer than asked for: films are cut at a whole picture
AROUND = 1.1  # seconds read on both sides of a clip: another rate is computed from neighbours, and in whole seconds


def check(waveform: Tensor, clip: str) -> Tensor:
    """`waveform` itself, when it holds finite sound.

    Raises
    ------
    BadMedia
        When it is empty, not finite, its peak stays below −80 dB of full scale, or goes beyond +20 dB.
    """
    if not waveform.numel():
        raise BadMedia(clip, "no samples")
    if not waveform.isfinite().all():
        raise BadMedia(clip, "NaN or infinite samples")
    peak = float(waveform.abs().max())
    if peak < SILENT:
        raise BadMedia(clip, "silence")
    if peak > LOUD:
        raise BadMedia(clip, f"beyond full scale: a peak of {peak:.3g}, where 1 is full scale")
    return waveform


def sound(
    path: Path, rate: int, *, clip: str = "", start: float = 0.0, end: float | None = None, at_most: float = math.inf
) -> Tensor:
    """Sound of `path` from `start` to `end` seconds as one channel (S,) float32 at `rate` Hz; channels are averaged.

    Of a longer part the first `at_most` seconds are read.  The part is what a cut through all of the sound would give.

    Raises
    ------
    BadMedia
        File missing, truncated or unreadable; no audio track; implausible rate; shorter than `end`; silence; NaN;
        beyond full scale; channels that cancel each other.
    """
    clip = clip or path.name
    stop = min(start + at_most, math.inf if end is None else end)
    with _faults(path, clip):
        read = _recording if path.suffix.lower() in SOUND else films.track
        samples, native, first, promised = read(path, clip, start - AROUND if start else 0.0, stop + AROUND)
    reached, wanted = (first + len(samples)) / native, min(stop, promised if end is None else math.inf)
    if reached <= start or reached < wanted - SHORT:
        span = f"{start:.2f} s on" if math.isinf(wanted) else f"{start:.2f} to {wanted:.2f} s"
        raise BadMedia(clip, f"truncated: sound ends at {reached:.2f} s, wanted from {span}")
    own = samples[max(0, round(start * native) - first) : None if math.isinf(stop) else round(stop * native) - first]
    if _cancelled(own):
        raise BadMedia(clip, "antiphase: the channels cancel each other in their mean")
    mono = torch.from_numpy(samples.mean(axis=1))
    return check(_cut(mono, native, first, rate, start, stop), clip)


def _cut(waveform: Tensor, native: int, first: int, rate: int, start: float, stop: float) -> Tensor:
    """Seconds `start` to `stop` at `rate` Hz, of a `waveform` at `native` Hz that begins with sample number `first`.

    The samples of both rates meet every native / gcd(native, rate) samples: there the computation begins.
    """
    skipped = -first % (native // math.gcd(native, rate))
    begins, heard = (first + skipped) * rate // native, waveform[skipped:]
    if native != rate and heard.numel():
        heard = torchaudio.functional.resample(heard, native, rate)
    return heard[max(0, round(start * rate) - begins) : None if math.isinf(stop) else round(stop * rate) - begins]


def _cancelled(samples: np.ndarray) -> bool:
    with np.errstate(all="ignore"):  # NaN and infinity have a reason of their own
        channels, mean = (float(np.sqrt(np.mean(np.square(x)))) for x in (samples, samples.mean(axis=1)))
    return channels > SILENT and mean < CANCELLED * channels


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
    shown: list[np.ndarray] = []
    with _faults(path, clip), films.pyav().open(str(path)) as film:
        if not film.streams.video:
            raise BadMedia(clip, "no video track")
        last = min(start + at_most, films.seconds(film) if end is None else end)
        wanted = max(1, round((last - start) * fps))
        frame, time = None, -math.inf
        for time, following in films.decoded(film, film.streams.video[0], start):
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


def span(path: Path, start: float, end: float, *, clip: str = "") -> tuple[float, float | None]:
    """Where in the file `path` the seconds from `start` to `end` of a recording are: it may hold nothing but these.

    A file that is no longer than the part, but for a second, is the part: (0, None).  One that reaches up to `end` is
    the recording: (start, end).

    Raises
    ------
    BadMedia
        File missing, truncated or unreadable; neither as short as the part nor as long as the recording.
    """
    clip = clip or path.name
    with _faults(path, clip):
        if path.suffix.lower() in SOUND:
            length = soundfile.info(path).duration
        else:
            with films.pyav().open(str(path)) as film:
                length = films.seconds(film)
    if length <= end - start + TRIM:
        return 0.0, None
    if length >= end - SHORT:
        return start, end
    raise BadMedia(
        clip, f"lasts {length:.2f} s: neither the part of {end - start:.2f} s nor a recording that reaches {end:.2f} s"
    )


def carries(path: Path, modality: str) -> bool:
    """Whether `path` has a track of `modality` at all, "audio" or "video"; not when it cannot be opened."""
    if path.suffix.lower() in SOUND:
        return modality == "audio"
    try:
        with films.pyav().open(str(path)) as film:
            return bool(getattr(film.streams, modality))
    except (OSError, RuntimeError, ValueError, EOFError):
        return False


@contextmanager
def _faults(path: Path, clip: str) -> Iterator[None]:
    """Whatever a decoder says about a bad file becomes a reason."""
    try:
        if not path.is_file():
            raise BadMedia(clip, "file missing")
        if gone := missing(path):
            raise BadMedia(clip, f"truncated: {gone}")
        yield
    except (OSError, RuntimeError, ValueError, EOFError) as error:  # PyAV and soundfile derive theirs from these
        raise BadMedia(clip, f"unreadable: {' '.join(str(error).split())}") from error


def _recording(path: Path, clip: str, start: float, end: float) -> tuple[np.ndarray, int, int, float]:
    """What `films.track` gives of a film, of a file that holds nothing but sound."""
    with soundfile.SoundFile(path) as file:
        rate = plausible(file.samplerate, clip)
        first, last = min(max(0, math.floor(start * rate)), file.frames), round(min(end * rate, file.frames))
        file.seek(first)
        try:
            samples = file.read(last - first, dtype="float32", always_2d=True)
        except soundfile.LibsndfileError as error:
            raise BadMedia(clip, f"truncated or damaged: {error}") from error
        return samples, rate, first, file.frames / rate


def _square(frame, size: int) -> np.ndarray:  # type: ignore[no-untyped-def]
    scale = size / min(frame.width, frame.height)
    width, height = max(size, round(frame.width * scale)), max(size, round(frame.height * scale))
    picture = frame.to_ndarray(format="rgb24", width=width, height=height)
    top, left = (height - size) // 2, (width - size) // 2
    return picture[top : top + size, left : left + size]
