"""`folder`: a user's own recordings and films, listed in a table."""

import csv
import difflib
import math
import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from avlib import text
from avlib.data.listing import Frames, Line, listed
from avlib.data.source import SPLITS, Source
from avlib.errors import AvlibError
from avlib.files import data_dir
from avlib.provenance import digest

COLUMNS = ("clip", "media", "labels")
OPTIONAL = ("start", "end", "split")
SHARES = (0.7, 0.8)  # of the media files: training below the first, validation up to the second, evaluation the rest


class Row(NamedTuple):
    """One row of the manifest; `split` is "" where the table is silent.

    `file` is what the file is called wherever the table lies: its path relative to the table, or the absolute one of a
    file outside.
    """

    line: Line
    file: str
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
    table, faults = _table(path)
    lines = [row.line for row in table]
    names = tuple(classes) if classes is not None else tuple(sorted({name for line in lines for name in line.labels}))
    if not names:
        raise AvlibError(f"{path} has no label at all: fill its column `labels`")
    for line in lines:
        for label in line.labels:
            if label not in names:
                near = difflib.get_close_matches(label, names, n=1, cutoff=0.0)
                raise AvlibError(
                    f"clip {line.clip!r} has label {label!r}, which is not among the {len(names)} classes "
                    f"(nearest: {near[0]!r}): correct {path} or add it to `classes`"
                )
    lasting = [math.inf if line.end is None else line.end - line.start for line in lines]
    return listed(
        "folder",
        path,
        _splits(path, table),
        names,
        seconds=min(seconds, max(lasting)),
        pictures=Frames(fps, size, window),
        faults=faults,
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


def _table(path: Path) -> tuple[list[Row], list[tuple[str, str]]]:
    """The rows of the manifest, and the lines that are none, each with a reason."""
    faults, rows, header = [], [], None
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
                    rows.append(_row(row, path))
    except (csv.Error, UnicodeDecodeError) as error:
        raise AvlibError(f"{path} is not a CSV table in UTF-8: {error}") from error
    if not rows:
        told = f"; {faults[0][0]} {faults[0][1]}" if faults else ""
        raise AvlibError(f"{path} has no row: needed are {', '.join(COLUMNS)}, optional {', '.join(OPTIONAL)}{told}")
    name, times = Counter(row.line.clip for row in rows).most_common(1)[0]
    if times > 1:
        raise AvlibError(f"{path} names clip {name!r} more than once: each clip needs a name of its own")
    return rows, faults


def _header(path: Path, names: list[str]) -> list[str]:
    needed = f"needed are {', '.join(COLUMNS)}, optional {', '.join(OPTIONAL)}, each once"
    for name in COLUMNS:
        if name not in names:
            raise AvlibError(f"{path} lacks the column {name!r} (it has {', '.join(names)}): {needed}")
    for name in (*COLUMNS, *OPTIONAL):
        if names.count(name) > 1:
            raise AvlibError(f"{path} has the column {name!r} {names.count(name)} times: {needed}")
    return names


def _row(row: dict[str, str], path: Path) -> Row:
    line = Line(
        clip=text.clean(row["clip"]),
        media=path.parent / row["media"],
        labels=tuple(text.clean(label.strip()) for label in row["labels"].split(";") if label.strip()),
        start=_seconds(row, "start", path) or 0.0,
        end=_seconds(row, "end", path),
    )
    return Row(line, _file(row["media"], path.parent), row.get("split", ""))


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


def _splits(path: Path, table: list[Row]) -> dict[str, list[Line]]:
    files = sorted({row.file for row in table}, key=digest)
    place = {file: (i + 0.5) / len(files) for i, file in enumerate(files)}
    declared = any(row.split for row in table)
    dealt: dict[str, list[Line]] = {split: [] for split in SPLITS}
    for line, file, split in table:
        split = split if declared else SPLITS[sum(place[file] >= share for share in SHARES)]
        if split not in dealt:
            raise AvlibError(f"{path}: clip {line.clip!r} has split={split!r}: choose one of {', '.join(SPLITS)}")
        dealt[split].append(line)
    return dealt
