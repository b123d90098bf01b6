"""`folder`: a user's own recordings and films, listed in a table."""

import csv
import difflib
import math
import os
import sys
from collections import Counter
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import torch

from avlib import text
from avlib.data.media import carries, frames, sound
from avlib.data.source import SPLITS, Clip, Source
from avlib.data.split import Media
from avlib.errors import AvlibError
from avlib.features import RATE, paper64
from avlib.files import data_dir
from avlib.provenance import digest

COLUMNS = ("clip", "media", "labels")
OPTIONAL = ("start", "end", "split")
LEAST = {"train": 4, "valid": 1, "eval": 2}  # clips: with fewer there is nothing to learn from, or to rank
LOOKED = 64  # files of a split at most that are asked whether they have pictures: a set may be millions
SHARES = (0.7, 0.8)  # of the media files: training below the first, validation up to the second, evaluation the rest


class Line(NamedTuple):
    """One line of the manifest; `start` and `end` in seconds, `end` None and `split` "" where the table is silent.

    `file` is what `media` is called wherever the table lies: its path relative to the table, or the absolute one of a
    file outside.
    """

    clip: str
    media: Path
    file: str
    start: float
    end: float | None
    labels: tuple[str, ...]
    split: str


def source(
    profile: str = "smoke",
    seed: int = 0,
    *,
    manifest: str | Path | None = None,
    classes: Sequence[str] | None = None,
    seconds: float = 10.0,
    fps: float = 4.0,
    size: int = 64,
    window: int = 4,
) -> Source:
    """Every clip of `manifest`, a CSV table with the columns

    - ``clip``: a name, once each; a row without one, a repeated header or a row of another length goes to the ledger;
    - ``media``: a file (wav, flac, ogg, mp3, mp4, mpg, mkv, …), relative to the table or absolute;
    - ``labels``: separated by ``;`` (names may hold commas), empty for none;
    - ``start``, ``end`` (optional): the part of the file in seconds;
    - ``split`` (optional): train, valid or eval; without it 70 / 10 / 20 % of the *files* are dealt out by a hash of
      their paths relative to the table, so that clips of one recording stay together, wherever the folder lies.

    Each clip lasts `seconds`, or as long as the longest part where the table gives every part an end before that:
    longer ones are cut, shorter ones end in silence (sound) or their last frame (film).
    `classes` names the labels in order (default: all that occur, sorted).  Frames are squares of `size` pixels at
    `fps`, `window` of them in a window.  The default manifest is ``$AVLIB_DATA/folder/manifest.csv``.  Profile and
    seed do not matter: the table decides.

    Raises
    ------
    AvlibError
        When the table is missing or malformed, or a label is not in `classes`.
    """
    path = _manifest(manifest)
    if not (seconds > 0 and fps > 0 and size > 0 and window > 0):
        raise AvlibError(f"seconds={seconds}, fps={fps}, size={size}, window={window}: all must be positive")
    table, faults = _table(path)
    names = tuple(classes) if classes is not None else tuple(sorted({name for line in table for name in line.labels}))
    if not names:
        raise AvlibError(f"{path} has no label at all: fill its column `labels`")
    for line in table:
        for label in line.labels:
            if label not in names:
                near = difflib.get_close_matches(label, names, n=1, cutoff=0.0)
                raise AvlibError(
                    f"clip {line.clip!r} has label {label!r}, which is not among the {len(names)} classes "
                    f"(nearest: {near[0]!r}): correct {path} or add it to `classes`"
                )
    lasting = [math.inf if line.end is None else line.end - line.start for line in table]
    seconds = min(seconds, max(lasting))
    dealt = _splits(path, table)
    state = "\n".join(
        f"{line.media} {_stat(line.media)}" for line in table
    )  # one text: millions are digested in a second
    return Source(
        name="folder",
        classes=names,
        sizes={split: len(lines) for split, lines in dealt.items()},
        clip=partial(_clip, dealt, names, seconds, fps, size),
        key=(digest(path), names, seconds, fps, size, state),
        modules=(sys.modules[__name__],),
        front_end=paper64(),
        window=window,
        faults=partial(list, faults),
        lacks=partial(_lacks, path, dealt),
    )


def _manifest(manifest: str | Path | None) -> Path:
    if manifest is not None:
        path = Path(manifest)
    elif (root := data_dir()) is not None:
        path = root / "folder" / "manifest.csv"
    else:
        raise AvlibError("folder needs a manifest: give manifest='….csv', or set AVLIB_DATA to a folder that holds "
                         "folder/manifest.csv (columns clip, media, labels; optional start, end, split)")  # fmt: skip
    if not path.is_file():
        raise AvlibError(f"no manifest at {path}: write a CSV table with the columns clip, media, labels "
                         "(optional start, end, split)")  # fmt: skip
    return path.resolve()


def _table(path: Path) -> tuple[list[Line], list[tuple[str, str]]]:
    """The lines of the manifest, and the rows that are none, each with a reason."""
    faults, lines, header = [], [], None
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            read = csv.reader(file, strict=True)
            for cells in ([cell.strip() for cell in row] for row in read):
                where = f"line {read.line_num}"
                if not any(cells):
                    continue
                if header is None:
                    header = _header(path, cells)
                elif cells == header:
                    faults.append((where, "repeats the header"))
                elif len(cells) != len(header):
                    faults.append((where, f"has {len(cells)} cells, and the header {len(header)}"))
                elif not (row := dict(zip(header, cells, strict=True)))["clip"]:
                    faults.append((where, "no clip id"))
                else:
                    lines.append(_line(row, path))
    except (csv.Error, UnicodeDecodeError) as error:
        raise AvlibError(f"{path} is not a CSV table in UTF-8: {error}") from error
    if not lines:
        told = f"; {faults[0][0]} {faults[0][1]}" if faults else ""
        raise AvlibError(f"{path} has no row: needed are {', '.join(COLUMNS)}, optional {', '.join(OPTIONAL)}{told}")
    name, times = Counter(line.clip for line in lines).most_common(1)[0]
    if times > 1:
        raise AvlibError(f"{path} names clip {name!r} more than once: each clip needs a name of its own")
    return lines, faults


def _header(path: Path, names: list[str]) -> list[str]:
    needed = f"needed are {', '.join(COLUMNS)}, optional {', '.join(OPTIONAL)}, each once"
    for name in COLUMNS:
        if name not in names:
            raise AvlibError(f"{path} lacks the column {name!r} (it has {', '.join(names)}): {needed}")
    for name in (*COLUMNS, *OPTIONAL):
        if names.count(name) > 1:
            raise AvlibError(f"{path} has the column {name!r} {names.count(name)} times: {needed}")
    return names


def _line(row: dict[str, str], path: Path) -> Line:
    return Line(
        clip=text.clean(row["clip"]),
        media=path.parent / row["media"],
        file=_file(row["media"], path.parent),
        start=_seconds(row, "start", path) or 0.0,
        end=_seconds(row, "end", path),
        labels=tuple(text.clean(label.strip()) for label in row["labels"].split(";") if label.strip()),
        split=row.get("split", ""),
    )


def _file(media: str, folder: Path) -> str:
    written = Path(os.path.normpath(media))
    return (written.relative_to(folder) if written.is_relative_to(folder) else written).as_posix()


def _seconds(row: dict, name: str, path: Path) -> float | None:
    written = row.get(name, "")
    try:
        value = float(written) if written else None
        start = float(row.get("start", "") or 0) if name == "end" else -1e-9
    except ValueError:
        value, start = math.nan, 0.0
    if value is not None and not start < value < math.inf:
        raise AvlibError(f"{path}: clip {row['clip']!r} has {name}={written!r}: need seconds, 0 ≤ start < end")
    return value


def _splits(path: Path, table: list[Line]) -> dict[str, list[Line]]:
    files = sorted({line.file for line in table}, key=digest)
    place = {file: (i + 0.5) / len(files) for i, file in enumerate(files)}
    declared = any(line.split for line in table)
    dealt: dict[str, list[Line]] = {split: [] for split in SPLITS}
    for line in table:
        split = line.split if declared else SPLITS[sum(place[line.file] >= share for share in SHARES)]
        if split not in dealt:
            raise AvlibError(f"{path}: clip {line.clip!r} has split={split!r}: choose one of {', '.join(SPLITS)}")
        dealt[split].append(line)
    for split, lines in dealt.items():
        if not lines:
            raise AvlibError(f"{path} leaves the {split} split empty: list more files, or add a column `split`")
    return dealt


def _lacks(path: Path, dealt: dict[str, list[Line]], modalities: Sequence[str]) -> str:
    """What the table has too little of for a chapter, and then what the files of a split are without."""
    cure = "list more files, or add a column `split`"
    for split, least in LEAST.items():
        if (count := len(dealt[split])) < least:
            return f"{path} has {count} clips for {split}, and a chapter needs at least {least}: {cure}"
    carried = Counter(label for line in dealt["eval"] for label in set(line.labels))
    if not any(count < len(dealt["eval"]) for count in carried.values()):
        return f"{path}: no class is in some clips of eval and not in all, so nothing can be ranked: {cure}"
    return next(filter(None, (_without(path, dealt, modality) for modality in modalities)), "")


def _without(path: Path, dealt: dict[str, list[Line]], modality: str) -> str:
    """The first split none of whose files, as far as they are looked at, has a track of `modality`."""
    for split, lines in dealt.items():
        files = sorted({line.media for line in lines})
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
    dealt: dict[str, list[Line]], names: tuple[str, ...], seconds: float, fps: float, size: int,
    split: str, i: int, modalities: tuple[str, ...],
) -> Clip:  # fmt: skip
    line = dealt[split][i]
    waveform, shown = torch.zeros(round(seconds * RATE)), torch.zeros(0, 3, size, size)
    if "audio" in modalities:
        heard = sound(line.media, RATE, clip=line.clip, start=line.start, end=line.end, at_most=seconds)
        waveform[: len(heard)] = heard[: len(waveform)]
    if "video" in modalities:
        shown = frames(line.media, fps, size, clip=line.clip, start=line.start, end=line.end, at_most=seconds)
        shown = torch.cat([shown, shown[-1:].expand(round(seconds * fps) - len(shown), -1, -1, -1)])
    labels = torch.tensor([float(name in line.labels) for name in names])
    return Clip(line.clip, Media(waveform, RATE, shown, fps), labels)
