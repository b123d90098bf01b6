"""Clips that a table or a list names, in files of sound and film: what every set of real media is made of."""

import math
import sys
from collections import Counter
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import torch

from avlib.data.media import carries, frames, sound, span
from avlib.data.source import SPLITS, Clip, Source
from avlib.data.split import Media
from avlib.errors import AvlibError
from avlib.features import RATE, paper64
from avlib.provenance import digest

LEAST = {"train": 4, "valid": 1, "eval": 2}  # clips: with fewer there is nothing to learn from, or to rank
LOOKED = 64  # files of a split at most that are asked whether they have pictures: a set may be millions


class Line(NamedTuple):
    """One clip: from `start` to `end` seconds of the file `media`, `end` None where the list is silent.

    cut : the file may hold this part alone, as files of published sets do; then `start` and `end` are read in it, and
        not in the recording that it was cut from.
    """

    clip: str
    media: Path
    labels: tuple[str, ...]
    start: float = 0.0
    end: float | None = None
    cut: bool = False


class Frames(NamedTuple):
    """Pictures of a clip: squares of `size` pixels, `fps` a second, `window` of them in a window."""

    fps: float = 4.0
    size: int = 64
    window: int = 4


def listed(
    name: str,
    path: Path,
    lines: dict[str, list[Line]],
    classes: tuple[str, ...],
    *,
    seconds: float,
    pictures: Frames,
    faults: Sequence[tuple[str, str]] = (),
    cure: str = "list more files, or add a column `split`",
) -> Source:
    """The data set of the clips that `path` lists, `lines` by split.

    Each clip lasts `seconds`: longer ones are cut, shorter ones end in silence (sound) or their last frame (film).
    `cure` says what to do where there are too few clips; `faults` are what was left out, with reasons.
    What is read follows the files: one that was changed is read again.

    Raises
    ------
    AvlibError
        When a length, a rate or a size is not positive, or a split has no clip.
    """
    if not (seconds > 0 and min(pictures) > 0):
        told = ", ".join(f"{field}={value}" for field, value in pictures._asdict().items())
        raise AvlibError(f"seconds={seconds}, {told}: all must be positive")
    for split in SPLITS:
        if not lines[split]:
            raise AvlibError(f"{path} leaves the {split} split empty: {cure}")
    state = digest("\n".join(f"{line} {_stat(line.media)}" for split in SPLITS for line in lines[split]))
    return Source(
        name=name,
        classes=classes,
        sizes={split: len(lines[split]) for split in SPLITS},
        clip=partial(_clip, lines, classes, seconds, pictures),
        key=(classes, seconds, pictures, state, faults),
        modules=(sys.modules[__name__],),
        front_end=paper64(),
        window=pictures.window,
        faults=partial(list, faults),
        lacks=partial(_lacks, path, lines, cure),
    )


def _lacks(path: Path, lines: dict[str, list[Line]], cure: str, modalities: Sequence[str]) -> str:
    """What the list has too little of for a chapter, and then what the files of a split are without."""
    for split, least in LEAST.items():
        if (count := len(lines[split])) < least:
            return f"{path} has {count} clips for {split}, and a chapter needs at least {least}: {cure}"
    carried = Counter(label for line in lines["eval"] for label in set(line.labels))
    if not any(count < len(lines["eval"]) for count in carried.values()):
        return f"{path}: no class is in some clips of eval and not in all, so nothing can be ranked: {cure}"
    return next(filter(None, (_without(path, lines, modality) for modality in modalities)), "")


def _without(path: Path, lines: dict[str, list[Line]], modality: str) -> str:
    """The first split none of whose files, as far as they are looked at, has a track of `modality`."""
    for split, some in lines.items():
        files = sorted({line.media for line in some})
        asked = files[:: math.ceil(len(files) / LOOKED)]
        if not any(carries(file, modality) for file in asked):
            return (
                f"{modality} is needed, and there is none in the {len(asked)} files of the {split} split of {path} "
                "that were looked at"
            )
    return ""


def _stat(path: Path) -> tuple[int, int, int]:
    try:
        stat = path.stat()
    except (OSError, ValueError):
        return (0, 0, 0)  # missing, or no name of a file: the ledger says so
    return stat.st_size, stat.st_mtime_ns, stat.st_ino  # recordings of one length, unpacked together, share the others


def _clip(
    lines: dict[str, list[Line]], classes: tuple[str, ...], seconds: float, pictures: Frames,
    split: str, i: int, modalities: tuple[str, ...],
) -> Clip:  # fmt: skip
    line = lines[split][i]
    start, end = line.start, line.end
    if line.cut and end is not None:
        start, end = span(line.media, start, end, clip=line.clip)
    waveform, shown = torch.zeros(round(seconds * RATE)), torch.zeros(0, 3, pictures.size, pictures.size)
    if "audio" in modalities:
        heard = sound(line.media, RATE, clip=line.clip, start=start, end=end, at_most=seconds)
        waveform[: len(heard)] = heard[: len(waveform)]
    if "video" in modalities:
        fps, size = pictures.fps, pictures.size
        shown = frames(line.media, fps, size, clip=line.clip, start=start, end=end, at_most=seconds)
        shown = torch.cat([shown, shown[-1:].expand(round(seconds * fps) - len(shown), -1, -1, -1)])
    labels = torch.tensor([float(name in line.labels) for name in classes])
    return Clip(line.clip, Media(waveform, RATE, shown, pictures.fps), labels)
