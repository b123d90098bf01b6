"""A data set rendered once, in parallel, into one HDF5 file a modality, and read from there ever after."""

import json
import sys
from collections.abc import Callable, Sequence
from functools import cache, partial, reduce
from pathlib import Path

import numpy as np
import torch

from avlib import profiles
from avlib.clock import spent
from avlib.data.fault import BadMedia
from avlib.data.modality import MODALITIES
from avlib.data.read import Damaged, Stored, read
from avlib.data.source import SPLITS, Clip, Source
from avlib.data.split import AVData, Event, Media, Split
from avlib.data.write import ledger_of, write
from avlib.errors import AvlibError
from avlib.features import Normalizer
from avlib.files import cache_dir, locked
from avlib.provenance import digest, sources, versions

MAKERS = ("numpy", "scipy", "scikit-learn", "soundfile", "av", "torch", "torchaudio", "h5py")  # of rendered data


def stored(source: Source, modalities: Sequence[str] = ("audio",)) -> AVData:
    """The data set of `source`, read from the cache, each modality rendered into it first if it is not there.

    Clips are rendered one by one and on one thread each, so that neither the number of processes nor the other clips
    decide a bit of them.  A clip belongs to the set when all of `modalities` could be read.  A file that cannot be
    read is removed and made again.

    Raises
    ------
    AvlibError
        For an unknown modality, a split without a readable clip, or a cache that cannot be written.
    """
    wanted = tuple(name for name in MODALITIES if name in modalities)
    if not wanted or len(wanted) != len(modalities):
        raise AvlibError(f"modalities={tuple(modalities)!r}: choose one or both of {', '.join(MODALITIES)}, each once")
    paths = {name: cache_dir() / "data" / f"{source.name}-{_key(source, name)}.{name}.h5" for name in wanted}
    data = _joined(source, {name: _opened(path, source, name) for name, path in paths.items()})
    if data.ledger:
        clips, total = len({clip for clip, _ in data.ledger}), sum(source.sizes.values()) + len(source.faults())
        ledgers = ", ".join(str(ledger_of(path)) for path in paths.values() if ledger_of(path).exists())
        print(f"{source.name}: {clips} of {total} clips are left out, see {ledgers}", file=sys.stderr)
    return data


def source_key(source: Source) -> str:
    """Digest of everything that decides what is rendered from `source`, in any modality."""
    return _key(source, *MODALITIES)


def _key(source: Source, *modalities: str) -> str:
    settings = {name: MODALITIES[name].settings(source) for name in modalities}
    return digest(
        source.key, source.sizes, settings, versions(*MAKERS), _code(*(module.__name__ for module in source.modules))
    )


@cache
def _code(*modules: str) -> dict[str, str]:
    """Sources of what makes rows of `modules` and writes them: read once, as the process imports them once.

    The table of profiles is left out: what a set takes from it is in its key and its sizes.
    """
    return sources("avlib.data.write", *modules, but=profiles.__name__)


def _opened(path: Path, source: Source, modality: str) -> Stored:
    try:
        return read(path)
    except (Damaged, FileNotFoundError):
        pass  # dealt with below, where no other process can be at it
    with spent("rendering"), locked(path):
        try:
            return read(path)
        except Damaged as error:
            print(f"{error}: removed, and made again", file=sys.stderr)
            path.unlink()
        except FileNotFoundError:
            pass
        write(path, source, modality)
        try:
            return read(path)
        except Damaged as error:
            raise AvlibError(f"{path} cannot be read back after it was written: the disk may be failing") from error


def _joined(source: Source, parts: dict[str, Stored]) -> AVData:
    """The clips that all of `parts` have, as one data set."""
    rows = {split: reduce(np.intersect1d, [part.splits[split].rows for part in parts.values()]) for split in SPLITS}
    for split, common in rows.items():
        if not len(common):
            raise AvlibError(f"{source.name}: no clip of the {split} split can be read in {' and '.join(parts)}")

    def checksum(part: Stored, whole: str) -> str:
        return (
            whole if all(len(part.splits[split].rows) == len(rows[split]) for split in SPLITS) else digest(whole, rows)
        )

    first = next(iter(parts.values()))
    unit = Normalizer(torch.zeros(source.front_end.mels), torch.ones(source.front_end.mels))
    return AVData(
        name=source.name,
        **{split: _split(source, parts, split, common) for split, common in rows.items()},
        classes=source.classes,
        front_end=source.front_end,
        normalizer=next((part.normalizer for part in parts.values() if part.normalizer), unit),
        checksums={name: checksum(part, part.features) for name, part in parts.items()}
        | {"labels": checksum(first, first.labels)},
        implications=source.implications,
        ledger=tuple(dict.fromkeys(fault for part in parts.values() for fault in part.ledger)),
    )


def _split(source: Source, parts: dict[str, Stored], split: str, rows: np.ndarray) -> Split:
    tables = {name: part.splits[split].at(rows) for name, part in parts.items()}
    first = next(iter(tables.values()))
    events = [json.loads(text) for text in first.events]
    return Split(
        features={name: table.features for name, table in tables.items()},
        labels=first.labels,
        ids=tuple(first.ids),
        events=None if events[0] is None else tuple(tuple(Event(*event) for event in clip) for clip in events),
        render=partial(_media, source.clip, tuple(parts), split, rows.tolist()),
    )


def _media(
    clip: Callable[[str, int, tuple[str, ...]], Clip], present: tuple[str, ...], split: str, rows: list[int], i: int
) -> Media:
    try:
        return clip(split, rows[i], tuple(MODALITIES)).media
    except BadMedia:  # a sound file has no picture: what was stored can be read in any case
        return clip(split, rows[i], present).media
