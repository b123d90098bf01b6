"""A data set rendered once, in parallel, into one HDF5 file, and read from there ever after."""

import hashlib
import json
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import torch

from avlib.data.media import BadMedia
from avlib.data.ondisk import OnDisk, plain_errors
from avlib.data.render import Fault, Row, rendered
from avlib.data.source import MODALITIES, SPLITS, Clip, Source
from avlib.data.split import AVData, Event, Media, Split
from avlib.errors import AvlibError
from avlib.features import Normalizer
from avlib.files import atomic, cache_dir, locked
from avlib.provenance import digest, sources

# Whatever happens here decides the content of a stored file, and so its name.
CODE = ("avlib.features", *(f"avlib.data.{name}" for name in ("media", "render", "source", "split", "store")))
IN_MEMORY = 500 * 2**20  # bytes of features up to which a data set is held in memory


def stored(source: Source, modalities: Sequence[str] = ("audio",)) -> AVData:
    """The data set of `source`, read from the cache, rendered into it first if it is not there.

    Clips are rendered one by one and on one thread each, so that neither the number of processes nor the other clips
    decide a bit of them.  A file that cannot be read is removed and made again.

    Raises
    ------
    AvlibError
        For an unknown modality, a training split without a readable clip, or a cache that cannot be written.
    """
    wanted = tuple(name for name in MODALITIES if name in modalities)
    if not wanted or len(wanted) != len(modalities):
        raise AvlibError(f"modalities={tuple(modalities)!r}: choose one or both of {', '.join(MODALITIES)}, each once")
    key = digest(source.key, source.sizes, repr(source.front_end), source.window, wanted, torch.__version__,
                 sources(*CODE, *(module.__name__ for module in source.modules)))  # fmt: skip
    path = cache_dir() / "data" / f"{source.name}-{key}.h5"
    data = _read(path, source) if path.exists() else None
    if data is None:
        with locked(path):
            data = _read(path, source) if path.exists() else None
            if data is None:
                _write(path, source, wanted)
                data = _read(path, source)
    if data is None:
        raise AvlibError(f"{path} cannot be read back after it was written: the disk may be failing")
    if data.ledger:
        total = sum(source.sizes.values())
        print(f"{source.name}: {len(data.ledger)} unreadable among {total} clips, see {_ledger(path)}", file=sys.stderr)
    return data


def _ledger(path: Path) -> Path:
    return path.with_suffix(".ledger.csv")


def _write(path: Path, source: Source, modalities: tuple[str, ...]) -> None:
    for left in path.parent.glob(f".{path.stem}-*.part{path.suffix}"):
        left.unlink(missing_ok=True)  # from a process that was killed: we hold the lock, so nobody writes it any more
    ledger = list(source.faults())
    # Without a chunk cache nothing is left to be flushed when the disk fills up, where HDF5 would crash at exit.
    with atomic(path) as part, plain_errors(), h5py.File(part, "w", rdcc_nbytes=0) as file:
        counts = dict.fromkeys(SPLITS, 0)
        for split, rows in rendered(source, modalities):
            ledger += [row for row in rows if isinstance(row, tuple)]
            good = [row for row in rows if isinstance(row, dict)]
            if good:
                _append(file.require_group(split), good, counts[split], source.sizes[split])
                counts[split] += len(good)
        for split, count in counts.items():
            if not count:
                raise AvlibError(f"{source.name}: no readable clip in the {split} split; {_first(ledger)}")
            for dataset in file[split].values():
                dataset.resize(count, axis=0)
        _normalise(file, source.front_end.mels)
        file.attrs["ledger"] = json.dumps(ledger)
        file.attrs["checksum"] = _checksum(file)
    if ledger:
        with atomic(_ledger(path)) as part:
            pd.DataFrame(ledger, columns=["clip", "reason"]).to_csv(part, index=False)


def _first(ledger: list[Fault]) -> str:
    return f"{len(ledger)} could not be read, first {ledger[0][0]}: {ledger[0][1]}" if ledger else "it is empty"


def _append(group: h5py.Group, rows: list[Row], start: int, size: int) -> None:
    for name, first in rows[0].items():
        if name not in group:
            text = isinstance(first, str)
            shape = np.shape(first)
            group.create_dataset(
                name, (size, *shape), h5py.string_dtype() if text else np.asarray(first).dtype,
                chunks=(1, *shape) if shape else True, maxshape=(size, *shape), fletcher32=not text,
            )  # fmt: skip
        group[name][start : start + len(rows)] = [row[name] for row in rows]


def _blocks(dataset: h5py.Dataset) -> Iterator[slice]:
    return (slice(i, min(i + 256, len(dataset))) for i in range(0, len(dataset), 256))


def _normalise(file: h5py.File, mels: int) -> None:
    """Z-score the audio in place, by the training split; both moments are kept in the file."""
    normalizer = Normalizer(torch.zeros(mels), torch.ones(mels))
    if "audio" in file["train"]:
        train = file["train/audio"]
        normalizer = Normalizer.fit(torch.from_numpy(train[block]) for block in _blocks(train))
        for split in SPLITS:
            audio = file[split]["audio"]
            for block in _blocks(audio):
                audio[block] = normalizer(torch.from_numpy(audio[block])).numpy()
    file.attrs["mean"], file.attrs["std"] = normalizer.mean.numpy(), normalizer.std.numpy()


def _checksum(file: h5py.File) -> str:
    total = hashlib.sha256()
    for split in SPLITS:
        for name, dataset in sorted(file[split].items()):
            for block in _blocks(dataset):
                values = dataset.asstr()[block].tolist() if name in ("id", "events") else dataset[block]
                total.update(digest(name, values).encode())
    return total.hexdigest()[:16]


# --- reading ----------------------------------------------------------------------------------------------------------


def _read(path: Path, source: Source) -> AVData | None:
    """The stored data set; None, and the file removed, when it is damaged."""
    try:
        with h5py.File(path, "r") as file:
            features = [file[split][name] for split in SPLITS for name in MODALITIES if name in file[split]]
            small = sum(dataset.nbytes for dataset in features) <= IN_MEMORY
            splits = {split: _split(file[split], path, source, small) for split in SPLITS}
            mean, std = (torch.from_numpy(file.attrs[name]) for name in ("mean", "std"))
            ledger = tuple((clip, reason) for clip, reason in json.loads(file.attrs["ledger"]))
            checksum = str(file.attrs["checksum"])
    except (OSError, KeyError, ValueError, RuntimeError) as error:
        if isinstance(error, PermissionError):
            raise AvlibError(f"cannot read {path}: permission denied; set AVLIB_CACHE to a folder of yours") from error
        print(f"{path} is damaged: removed, and made again", file=sys.stderr)
        path.unlink(missing_ok=True)
        return None
    return AVData(
        name=source.name,
        **splits,
        classes=source.classes,
        front_end=source.front_end,
        normalizer=Normalizer(mean, std),
        checksum=checksum,
        implications=source.implications,
        ledger=ledger,
    )


def _split(group: h5py.Group, path: Path, source: Source, small: bool) -> Split:
    split = os.path.basename(group.name)
    present = tuple(name for name in MODALITIES if name in group)
    events = [json.loads(text) for text in group["events"].asstr()[:]]
    rows = group["row"][:].tolist()
    return Split(
        features={
            name: torch.from_numpy(group[name][:]) if small else OnDisk(path, group[name].name) for name in present
        },
        labels=torch.from_numpy(group["labels"][:]),
        ids=tuple(group["id"].asstr()[:]),
        events=None if events[0] is None else tuple(tuple(Event(*event) for event in clip) for clip in events),
        render=partial(_media, source.clip, present, split, rows),
    )


def _media(
    clip: Callable[[str, int, tuple[str, ...]], Clip], present: tuple[str, ...], split: str, rows: list[int], i: int
) -> Media:
    try:
        return clip(split, rows[i], MODALITIES).media
    except BadMedia:  # a sound file has no picture: what was stored can be read in any case
        return clip(split, rows[i], present).media
