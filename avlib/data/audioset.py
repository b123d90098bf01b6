"""`audioset`: the official lists of segments and labels, over a folder of media (Gemmeke et al., 2017)."""

import csv
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from avlib.data.listing import Frames, Line, listed
from avlib.data.media import SOUND
from avlib.data.source import Source
from avlib.errors import AvlibError
from avlib.files import data_dir
from avlib.provenance import digest

LABELS = "class_labels_indices.csv"
BALANCED, UNBALANCED, EVAL = (f"{name}_segments.csv" for name in ("balanced_train", "unbalanced_train", "eval"))
ID = 11  # characters of a YouTube id
VALID = 0.05  # share of the training segments that validate: AudioSet has no list for that
FROM = "https://research.google.com/audioset/download.html"


def source(
    profile: str = "smoke",
    seed: int = 0,
    *,
    lists: str | Path | None = None,
    media: str | Path | None = None,
    unbalanced: bool = False,
    classes: Sequence[str] | None = None,
    seconds: float = 10.0,
    fps: float = 4.0,
    size: int = 64,
    window: int = 4,
) -> Source:
    """The segments of AudioSet whose media are there; the others go to the ledger.

    lists : folder of ``class_labels_indices.csv``, ``balanced_train_segments.csv`` and ``eval_segments.csv`` as they
        are published (default ``$AVLIB_DATA/audioset``)
    media : folder of the media, looked through with all that is in it (default ``media`` in the folder of the lists).
        A file is found by its name: the id of the video, with or without a ``Y`` before it, and behind it nothing or
        what begins with ``_``, ``.`` or ``-``.  It holds the segment, or the whole video.  Of a sound and a film of
        one id the film is read.
    unbalanced : train on ``unbalanced_train_segments.csv`` too
    classes : display names, in order; default all 527, as the table of labels numbers them.  Segments that carry none
        of them are left out.

    One segment in twenty of the training lists validates, by a hash of its id.  The labels are those of the lists.
    They imply nothing: of the labels of the eval list 36 % of the ancestors in the ontology are given too.
    `seconds`, `fps`, `size` and `window` are as for `folder`.  Profile and seed do not matter: the lists decide.

    Raises
    ------
    AvlibError
        When a list is missing or malformed, a class is unknown, or no file belongs to a segment.
    """
    root = _root(lists)
    names = _labels(root / LABELS)
    wanted = tuple(names.values()) if classes is None else tuple(classes)
    for name in wanted:
        if name not in names.values():
            raise AvlibError(f"{root / LABELS} has no class {name!r}: its column display_name has what there is")
    train = [BALANCED, *([UNBALANCED] if unbalanced else [])]
    segments = {name: _segments(root / name, names, set(wanted)) for name in (*train, EVAL)}
    place = Path(media) if media is not None else root / "media"
    found = _files(place, {line.clip for some in segments.values() for line in some})
    lines: dict[str, list[Line]] = {"train": [], "valid": [], "eval": []}
    faults: list[tuple[str, str]] = []
    for name, some in segments.items():
        for line in some:
            if line.clip not in found:
                faults.append((line.clip, f"no media in {place}"))
                continue
            split = "eval" if name == EVAL else "valid" if int(digest(line.clip), 16) % 100 < 100 * VALID else "train"
            lines[split].append(line._replace(media=found[line.clip]))
    if not any(lines.values()):
        raise AvlibError(
            f"no file in {place} belongs to any of the {len(faults)} segments of {', '.join(segments)}: its name must "
            f"be the id of the video, such as {faults[0][0]}.wav or Y{faults[0][0]}.mp4"
        )
    return listed(
        "audioset",
        place,
        lines,
        wanted,
        seconds=seconds,
        pictures=Frames(fps, size, window),
        faults=faults,
        cure="add media of more segments",
    )


def _root(lists: str | Path | None) -> Path:
    if lists is not None:
        return Path(lists)
    if (root := data_dir()) is None:
        raise AvlibError(f"audioset needs its lists: put {LABELS}, {BALANCED} and {EVAL} from {FROM} into "
                         "$AVLIB_DATA/audioset, and the media into $AVLIB_DATA/audioset/media")  # fmt: skip
    return root / "audioset"


def _rows(path: Path) -> list[list[str]]:
    try:
        with path.open(encoding="utf-8", newline="") as file:
            return [row for row in csv.reader(file, skipinitialspace=True) if row and not row[0].startswith("#")]
    except FileNotFoundError:
        raise AvlibError(f"{path} is missing: get it from {FROM}") from None
    except (csv.Error, UnicodeDecodeError) as error:
        raise AvlibError(f"{path} is not a CSV table in UTF-8: {error}") from error


def _labels(path: Path) -> dict[str, str]:
    """Display names by machine id, in the order of the table."""
    header, *rows = _rows(path) or [[]]
    if header != ["index", "mid", "display_name"]:
        raise AvlibError(f"{path} begins with {','.join(header)!r}: needed is index,mid,display_name")
    return {mid: name for _, mid, name in rows}


def _segments(path: Path, names: Mapping[str, str], wanted: set[str]) -> list[Line]:
    lines = []
    for row in _rows(path):
        try:
            clip, start, end, mids = row
            labels = tuple(names[mid] for mid in mids.split(","))
            line = Line(clip, Path(), labels, float(start), float(end), cut=True)
        except (ValueError, KeyError):
            raise AvlibError(f"{path} has the row {', '.join(row)!r}: needed are id, start, end, and labels of "
                             f"{LABELS} with commas between them") from None  # fmt: skip
        if wanted.intersection(labels):
            lines.append(line._replace(labels=tuple(label for label in labels if label in wanted)))
    return lines


def _files(place: Path, ids: set[str]) -> dict[str, Path]:
    """The file of each of `ids` in the folder `place`, as far as there is one."""
    if not place.is_dir():
        raise AvlibError(f"no folder of media at {place}: put the files of the segments there, or give media='…'")
    found: dict[str, Path] = {}
    for folder, within, files in os.walk(place):
        within.sort()
        for name in sorted(files):
            path = Path(folder, name)
            clip = next((name[i : i + ID] for i in (0, name.startswith("Y")) if _named(name, i, ids)), None)
            if clip and (clip not in found or found[clip].suffix.lower() in SOUND):
                found[clip] = path
    return found


def _named(name: str, start: int, ids: set[str]) -> bool:
    return name[start : start + ID] in ids and name[start + ID : start + ID + 1] in ("", "_", ".", "-")
