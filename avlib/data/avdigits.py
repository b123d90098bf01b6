"""`avdigits`: real spoken digits in noise, and the same digits in real handwriting that moves.

The sound is the Free Spoken Digit Dataset (Zohar Jackson and contributors, CC BY-SA 4.0,
github.com/Jakobovski/free-spoken-digit-dataset): 3,000 recordings of 6 speakers at 8 kHz.  The pictures are the
handwritten digits of scikit-learn (Alpaydin and Kaynak, UCI, CC BY 4.0).  Speakers and images of the three splits are
disjoint.  Sound and picture are independent given the label, so this set says nothing about synchrony.
"""

import re
import sys
from collections.abc import Mapping
from functools import cache, partial
from pathlib import Path

import numpy as np
import torch
from numpy.random import Generator, Philox, SeedSequence
from sklearn.datasets import load_digits
from torch import Tensor
from torch.nn import functional as F

from avlib import profiles
from avlib._torchaudio import torchaudio
from avlib.data.fault import BadMedia
from avlib.data.media import sound
from avlib.data.source import SPLITS, Clip, Source
from avlib.data.split import Event, Media
from avlib.errors import AvlibError
from avlib.features import RATE, paper64
from avlib.files import data_dir
from avlib.provenance import digest

SPEAKERS = {"train": ("george", "jackson", "theo"), "valid": ("yweweler",), "eval": ("lucas", "nicolas")}
IMAGES = {"train": (0.0, 0.6), "valid": (0.6, 0.7), "eval": (0.7, 1.0)}  # share of each digit's images
CLASSES = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
RECORDED, SECONDS = 8000, 2.5  # Hz, s
FPS, SIDE, GLYPH, WINDOW = 8.0, 32, 14, 4  # frames a second, pixels, pixels, frames in a window


def source(
    profile: str = "smoke",
    seed: int = 0,
    *,
    digits: tuple[int, int] = (1, 3),
    clips: tuple[int, int, int] | None = None,
) -> Source:
    """Clips of 2.5 s with `digits` = (fewest, most) different digits each; (1, 1) is the single-label version.

    `clips` gives the numbers of training, validation and evaluation clips.  The recordings end at 4 kHz, and so do
    the mel bands.

    Raises
    ------
    AvlibError
        When the recordings are missing, or for a knob out of range.
    """
    sizes = clips or profiles.of(profile).digits
    if len(sizes) != 3 or min(sizes) < 1:
        raise AvlibError(f"clips={clips!r}: give three positive numbers (train, valid, eval)")
    if len(digits) != 2 or not 1 <= digits[0] <= digits[1] <= 10:
        raise AvlibError(f"digits={digits!r}: give the fewest and the most digits in a clip, 1 ≤ fewest ≤ most ≤ 10")
    folder = _folder()
    files = sorted(folder.glob("*.wav"))
    state = digest([(path.name, path.stat().st_size, path.stat().st_mtime_ns) for path in files])
    return Source(
        name="avdigits",
        classes=CLASSES,
        sizes=dict(zip(SPLITS, sizes, strict=True)),
        clip=partial(_clip, folder, state, seed, digits),
        key=(seed, digits, state),
        modules=(sys.modules[__name__],),
        front_end=paper64(f_max=RECORDED / 2),
        window=WINDOW,
        faults=partial(_faults, folder, state),
    )


def _folder() -> Path:
    root = data_dir()
    folder = None if root is None else root / "fsdd" / "recordings"
    if folder is None or not any(folder.glob("*.wav")):
        place = "AVLIB_DATA is not set" if folder is None else f"no wav file in {folder}"
        raise AvlibError(
            f"avdigits needs the Free Spoken Digit Dataset, but {place}: clone "
            "https://github.com/Jakobovski/free-spoken-digit-dataset, put its folder `recordings` at "
            "$AVLIB_DATA/fsdd/recordings, and set AVLIB_DATA to the folder that holds `fsdd`"
        )
    return folder


# --- recordings and handwriting ---------------------------------------------------------------------------------------


@cache
def _recordings(folder: Path, _state: str) -> tuple[Mapping[tuple[str, int], list[np.ndarray]], list[tuple[str, str]]]:
    """Every readable recording by (speaker, digit), each at RMS 1, and the ledger of the others."""
    usable: dict[tuple[str, int], list[np.ndarray]] = {}
    faults = []
    for path in sorted(folder.glob("*.wav")):
        named = re.fullmatch(r"(\d)_(\w+)_\d+", path.stem)
        if named is None:
            faults.append((path.name, "name is not digit_speaker_index.wav"))
            continue
        try:
            waveform = sound(path, RECORDED).numpy()
        except BadMedia as fault:
            faults.append((fault.clip, fault.reason))
            continue
        if len(waveform) > SECONDS * RECORDED:
            faults.append((path.name, f"longer than a clip of {SECONDS} s"))
            continue
        usable.setdefault((named[2], int(named[1])), []).append(waveform / np.sqrt(np.mean(waveform**2)))
    for speaker in sum(SPEAKERS.values(), ()):
        for digit in range(10):
            if (speaker, digit) not in usable:
                raise AvlibError(f"{folder} has no readable recording of digit {digit} by {speaker}: fetch it again")
    return usable, faults


def _faults(folder: Path, state: str) -> list[tuple[str, str]]:
    return _recordings(folder, state)[1]


@cache
def _handwriting(split: str) -> tuple[Tensor, ...]:
    """Images of each digit that belong to `split`: ten tensors (n, 8, 8) in [0, 1]."""
    images, targets = load_digits(return_X_y=True)
    first, last = IMAGES[split]
    chosen = []
    for digit in range(10):
        own = images[targets == digit].reshape(-1, 8, 8)
        order = Generator(Philox(SeedSequence([digit]))).permutation(len(own))
        chosen.append(torch.from_numpy(own[order[round(first * len(own)) : round(last * len(own))]] / 16).float())
    return tuple(chosen)


# --- one clip ---------------------------------------------------------------------------------------------------------


def _clip(
    folder: Path, state: str, seed: int, digits: tuple[int, int], split: str, i: int, modalities: tuple[str, ...]
) -> Clip:
    # One stream for the sound and one for the picture: leaving one out does not change the other.
    heard, seen = (Generator(Philox(s)) for s in SeedSequence([seed, SPLITS.index(split), i]).spawn(2))
    said = heard.permutation(10)[: heard.integers(digits[0], digits[1] + 1)]
    waveform, events = _sound(_recordings(folder, state)[0], split, said, heard)
    frames = _frames(_handwriting(split), said, seen) if "video" in modalities else torch.zeros(0, 3, SIDE, SIDE)
    labels = torch.zeros(10)
    labels[torch.from_numpy(said)] = 1.0
    return Clip(f"{split}-{i:05d}", Media(waveform, RATE, frames, FPS), labels, events)


def _sound(
    recordings: Mapping[tuple[str, int], list[np.ndarray]], split: str, said: np.ndarray, rng: Generator
) -> tuple[Tensor, tuple[Event, ...]]:
    """Recordings at random onsets and levels (0 to −6 dB) in white noise, 12 to 24 dB below a digit's RMS."""
    length = round(SECONDS * RECORDED)
    mixture = rng.standard_normal(length) * 10 ** (-rng.uniform(12, 24) / 20)
    events = []
    for digit in said.tolist():
        takes = recordings[str(rng.choice(SPEAKERS[split])), digit]
        take = takes[rng.integers(len(takes))] * 10 ** (-rng.uniform(0, 6) / 20)
        onset = int(rng.integers(length - len(take) + 1))
        mixture[onset : onset + len(take)] += take
        events.append(Event(digit, onset / RECORDED, (onset + len(take)) / RECORDED))
    waveform = torch.from_numpy(0.1 * mixture).float().clamp(-1, 1)
    return torchaudio.functional.resample(waveform, RECORDED, RATE), tuple(events)


def _frames(handwriting: tuple[Tensor, ...], said: np.ndarray, rng: Generator) -> Tensor:
    """Each digit in a colour of its own, drifting for 0.8 to 2 s over a dim noisy ground: (M, 3, SIDE, SIDE)."""
    count = round(SECONDS * FPS)
    frames = 0.15 * torch.from_numpy(rng.random((count, 3, SIDE, SIDE))).float()
    for digit in said.tolist():
        images = handwriting[digit]
        image = images[rng.integers(len(images))][None, None]
        glyph = F.interpolate(image, size=(GLYPH, GLYPH), mode="bilinear", align_corners=False)[0]
        colour = torch.from_numpy(rng.uniform(0.5, 1.0, size=(3, 1, 1))).float()
        shown = int(rng.integers(round(0.8 * FPS), round(2 * FPS) + 1))
        first = int(rng.integers(count - shown + 1))
        path = np.linspace(rng.uniform(0, SIDE - GLYPH, size=2), rng.uniform(0, SIDE - GLYPH, size=2), shown)
        for frame, (top, left) in zip(frames[first : first + shown], path.round().astype(int), strict=True):
            patch = frame[:, top : top + GLYPH, left : left + GLYPH]
            patch.copy_(patch.maximum(colour * glyph))
    return frames
