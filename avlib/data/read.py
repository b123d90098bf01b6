"""One stored modality of a data set, as its HDF5 file holds it."""

import json
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
import torch
from torch import Tensor

from avlib.data.ondisk import OnDisk
from avlib.data.source import SPLITS
from avlib.errors import AvlibError
from avlib.features import Normalizer

IN_MEMORY = 500 * 2**20  # bytes of features up to which they are held in memory


class Damaged(Exception):
    """A file that does not hold what was written."""


@dataclass(frozen=True)
class Table:
    """The clips of one split, a row each: `rows` are their numbers in the source, ascending; `events` is JSON."""

    rows: np.ndarray
    features: Tensor | OnDisk
    labels: Tensor
    ids: np.ndarray
    events: np.ndarray

    def at(self, rows: np.ndarray) -> "Table":
        """The clips with the numbers `rows`, which must be among this table's."""
        if len(rows) == len(self.rows):
            return self
        places = np.searchsorted(self.rows, rows)
        picked = self.features.at(places) if isinstance(self.features, OnDisk) else self.features[places]
        return Table(rows, picked, self.labels[places], self.ids[places], self.events[places])


@dataclass(frozen=True)
class Stored:
    """A modality of a data set: its splits, the moments that it was z-scored by, unreadable clips and checksums."""

    splits: dict[str, Table]
    normalizer: Normalizer | None
    ledger: list[tuple[str, str]]
    features: str
    labels: str


def read(path: Path) -> Stored:
    """What `write` wrote to `path`; features that are large stay on disk.

    Raises
    ------
    Damaged
        When the file is not whole.
    FileNotFoundError
        When there is none.
    AvlibError
        When it may not be read.
    """
    try:
        with h5py.File(path, "r") as file:
            small = sum(file[split]["features"].nbytes for split in SPLITS) <= IN_MEMORY
            moments = [torch.from_numpy(file.attrs[name]) for name in ("mean", "std") if name in file.attrs]
            return Stored(
                splits={split: _table(path, file[split], small) for split in SPLITS},
                normalizer=Normalizer(*moments) if moments else None,
                ledger=[(clip, reason) for clip, reason in json.loads(file.attrs["ledger"])],
                features=str(file.attrs["features"]),
                labels=str(file.attrs["labels"]),
            )
    except FileNotFoundError:
        raise
    except PermissionError as error:
        raise AvlibError(f"cannot read {path}: permission denied; set AVLIB_CACHE to a folder of yours") from error
    except (OSError, KeyError, ValueError, RuntimeError) as error:
        raise Damaged(f"{path} is damaged") from error


def _table(path: Path, group: h5py.Group, small: bool) -> Table:
    return Table(
        rows=group["row"][:],
        features=torch.from_numpy(group["features"][:]) if small else OnDisk(path, group["features"].name),
        labels=torch.from_numpy(group["labels"][:]),
        ids=group["id"].asstr()[:],
        events=group["events"].asstr()[:],
    )
