"""One modality of a data set into one HDF5 file.

Whatever happens here, or in a module that this one leads to, decides the content of a stored file, and so its name.
"""

import hashlib
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from avlib.data.modality import MODALITIES
from avlib.data.ondisk import plain_errors
from avlib.data.render import Fault, render, rows
from avlib.data.source import SPLITS, Source
from avlib.errors import AvlibError
from avlib.features import Normalizer
from avlib.files import atomic
from avlib.provenance import digest

TOGETHER = 256  # clips at most that are held, and digested, together
BLOCK = 32 * 2**20  # bytes of them at most


def write(path: Path, source: Source, modality: str) -> None:
    """Render `modality` of every clip of `source` into `path`, and the list of unreadable clips beside it.

    Until `path` is whole, what is done lies in a folder beside it: a run that was killed is taken up where it ended.

    Raises
    ------
    AvlibError
        When a split has no readable clip, or the file cannot be written.
    """
    for left in path.parent.glob(f".{path.stem}-*.part{path.suffix}"):
        left.unlink(missing_ok=True)  # from a process that was killed: we hold the lock, so nobody writes it any more
    parts = path.with_suffix(".parts")  # what is done, should this process be killed
    ledger, counts = list(source.faults()), dict.fromkeys(SPLITS, 0)
    # Without a chunk cache nothing is left to be flushed when the disk fills up, where HDF5 would crash at exit.
    with atomic(path) as part, plain_errors(), h5py.File(part, "w", rdcc_nbytes=0) as file:
        for split, made in render(source, modality, parts):
            columns, faults = rows(made)
            ledger += faults
            if count := len(columns["row"]):
                _append(file.require_group(split), columns, counts[split], source.sizes[split])
                counts[split] += count
        for split, count in counts.items():
            if not count:
                shutil.rmtree(parts)  # another run would find no more
                raise AvlibError(f"{source.name}: no readable clip in the {split} split; {_first(ledger)}")
            for dataset in file[split].values():
                dataset.resize(count, axis=0)
        if MODALITIES[modality].zscored:
            _zscore(file)
        file.attrs["ledger"] = json.dumps(ledger)
        file.attrs["features"] = _checksum(file, ["features"])
        file.attrs["labels"] = _checksum(file, ["row", "id", "labels", "events"])
    if ledger:
        with atomic(ledger_of(path)) as part:
            pd.DataFrame(ledger, columns=["clip", "reason"]).to_csv(part, index=False)
    shutil.rmtree(parts)


def ledger_of(path: Path) -> Path:
    """The table of unreadable clips beside a stored file."""
    return path.with_suffix(".ledger.csv")


def _first(ledger: list[Fault]) -> str:
    return f"{len(ledger)} could not be read, first {ledger[0][0]}: {ledger[0][1]}" if ledger else "it is empty"


def _append(group: h5py.Group, columns: dict[str, NDArray], start: int, size: int) -> None:
    for name, values in columns.items():
        text, shape = values.dtype.kind == "U", values.shape[1:]
        if name not in group:
            kind = h5py.string_dtype() if text else values.dtype
            pixels = {"compression": "gzip", "compression_opts": 1} if kind == np.uint8 else {}  # floats hardly shrink
            # Reading takes kilobytes for each chunk: only features, which are read clip by clip, have as many as clips.
            together = 1 if name == "features" else min(TOGETHER, size)
            group.create_dataset(
                name, (size, *shape), kind, chunks=(together, *shape), maxshape=(size, *shape),
                fletcher32=not text, **pixels,
            )  # fmt: skip
        group[name][start : start + len(values)] = values.astype(object) if text else values


def _blocks(dataset: h5py.Dataset) -> Iterator[slice]:
    """Rows that are held together: what a block takes in memory must not follow the size of a clip or of a set."""
    rows = max(1, min(TOGETHER, BLOCK * len(dataset) // max(1, dataset.nbytes)))
    return (slice(i, min(i + rows, len(dataset))) for i in range(0, len(dataset), rows))


def _zscore(file: h5py.File) -> None:
    """Z-score the features in place, by the training split; both moments are kept in the file."""
    train = file["train/features"]
    normalizer = Normalizer.fit(torch.from_numpy(train[block]) for block in _blocks(train))
    for split in SPLITS:
        features = file[split]["features"]
        for block in _blocks(features):
            features[block] = normalizer(torch.from_numpy(features[block])).numpy()
    file.attrs["mean"], file.attrs["std"] = normalizer.mean.numpy(), normalizer.std.numpy()


def _checksum(file: h5py.File, names: list[str]) -> str:
    total = hashlib.sha256()
    for split in SPLITS:
        for name in names:
            dataset = file[split][name]
            text = name in ("id", "events")
            for block in _blocks(dataset):  # no name for its rows: the next one is read when they are gone
                total.update(digest(name, dataset.asstr()[block].tolist() if text else dataset[block]).encode())
    return total.hexdigest()[:16]
