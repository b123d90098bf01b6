"""`kinetics_sounds`: the classes of Kinetics that are heard as well as seen (Arandjelović and Zisserman, 2017)."""

import os
from collections.abc import Sequence
from pathlib import Path

from avlib.data.listing import Frames, Line, listed
from avlib.data.source import SPLITS, Source
from avlib.errors import AvlibError
from avlib.files import data_dir
from avlib.provenance import digest

# The 31 of the 34 that later papers use; the original list was not published, and Kinetics-400 has renamed some.
CLASSES = (
    "blowing nose", "blowing out candles", "bowling", "chopping wood", "dribbling basketball", "laughing",
    "mowing lawn", "playing accordion", "playing bagpipes", "playing bass guitar", "playing clarinet", "playing drums",
    "playing guitar", "playing harmonica", "playing keyboard", "playing organ", "playing piano", "playing saxophone",
    "playing trombone", "playing trumpet", "playing violin", "playing xylophone", "ripping paper", "shoveling snow",
    "shuffling cards", "singing", "stomping grapes", "tap dancing", "tapping guitar", "tapping pen", "tickling",
)  # fmt: skip
FOLDERS = {"train": "train", "val": "valid", "valid": "valid", "validation": "valid", "test": "eval", "eval": "eval"}
SHARES = (0.7, 0.8)  # of the files of a class without split: training below the first, validation up to the second
VALID = 0.05  # share of the training files that validate where no folder does


def source(
    profile: str = "smoke",
    seed: int = 0,
    *,
    media: str | Path | None = None,
    classes: Sequence[str] | None = None,
    seconds: float = 10.0,
    fps: float = 4.0,
    size: int = 64,
    window: int = 4,
) -> Source:
    """Every film of the classes, each with the one label that its folder names.

    media : folder of the films (default ``$AVLIB_DATA/kinetics_sounds``), laid out as Kinetics is: ``train/playing
        drums/….mp4``, with ``val`` (or ``valid``, ``validation``) and ``test`` (or ``eval``) beside ``train``; or
        ``playing drums/….mp4`` alone, dealt out 70 / 10 / 20 % by a hash of their names.  Where there is a folder for
        training and one other, the other is scored on, and one film in twenty of the training validates.  Underscores
        in the name of a folder count as spaces.
    classes : in order; default the 31 of the 34 classes that are known by name (`CLASSES`), or the lines of
        ``classes.txt`` in the folder.

    Films are cut to the action already and are read from their beginning.  `seconds`, `fps`, `size` and `window` are
    as for `folder`.  Profile and seed do not matter.

    Raises
    ------
    AvlibError
        When there is no such folder, or none in it is of one of the classes.
    """
    root = Path(media) if media is not None else _root()
    if not root.is_dir():
        raise AvlibError(f"no folder of films at {root}: put them there as <split>/<class>/<film>, or give media='…'")
    names = tuple(classes) if classes is not None else _classes(root)
    films = [(split, label, path) for split, label, path in _films(root) if label in names]
    if not films:
        there = ", ".join(sorted({label for _, label, _ in _films(root)})[:5]) or "no folder of films"
        raise AvlibError(
            f"no film in {root} is of one of the {len(names)} classes ({', '.join(names[:3])}, …): there are {there}. "
            "Name folders like classes, or give classes=(…) or a classes.txt"
        )
    named = {split for split, _, _ in films}
    lines: dict[str, list[Line]] = {split: [] for split in SPLITS}
    for split, label, path in films:
        clip = path.relative_to(root).as_posix()
        lines[_dealt(split, named, path.name)].append(Line(clip, path, (label,)))
    pictures = Frames(fps, size, window)
    return listed("kinetics_sounds", root, lines, names, seconds=seconds, pictures=pictures, cure="add films")


def _root() -> Path:
    if (root := data_dir()) is None:
        raise AvlibError("kinetics_sounds needs films: put them into $AVLIB_DATA/kinetics_sounds/<split>/<class>")
    return root / "kinetics_sounds"


def _classes(root: Path) -> tuple[str, ...]:
    path = root / "classes.txt"
    if not path.exists():
        return CLASSES
    names = tuple(line.strip() for line in path.read_text(encoding="utf-8").splitlines() if line.strip())
    if len(names) < 2 or len(set(names)) < len(names):
        raise AvlibError(
            f"{path} has {len(names)} names, {len(set(names))} different: needed are two or more, once each"
        )
    return names


def _films(root: Path) -> list[tuple[str, str, Path]]:
    """(split or "", class, file) of every file that lies in a folder of a class."""
    found = []
    for folder, within, files in os.walk(root):
        within.sort()
        *above, label = Path(folder).relative_to(root).parts or ("",)
        split = FOLDERS.get(above[0], "") if above else ""
        if label and len(above) == bool(split):
            found += [(split, label.replace("_", " "), Path(folder, name)) for name in sorted(files)]
    return found


def _dealt(split: str, named: set[str], file: str) -> str:
    place = int(digest(file), 16) % 1000 / 1000
    if not split:
        return SPLITS[sum(place >= share for share in SHARES)]
    if len(named) == 2 and "train" in named:
        return "eval" if split != "train" else "valid" if place < VALID else "train"
    return split
