"""HDF5 with errors that can be told apart."""

import contextlib
import os
import re
from collections.abc import Iterator
from pathlib import Path

import h5py
import numpy as np

from avlib.errors import AvlibError


@contextlib.contextmanager
def plain_errors() -> Iterator[None]:
    """Raise what the system said (`OSError` with its errno) where HDF5 raises a long text that quotes it."""
    try:
        yield
    except (OSError, RuntimeError) as error:
        quoted = re.search(r"errno = (\d+)", str(error))
        if quoted is None:
            raise
        raise OSError(int(quoted[1]), os.strerror(int(quoted[1]))) from error


class OnDisk:
    """A data set of an HDF5 file that stays on disk: indexing reads rows.  Opened at first use, so that it pickles.

    `places` says which rows it has, ascending; all of them when left out.
    """

    def __init__(self, path: Path, name: str, places: np.ndarray | None = None) -> None:
        self.path, self.name, self.places = path, name, places
        self._dataset: h5py.Dataset | None = None

    def __getstate__(self) -> dict:
        return {"path": self.path, "name": self.name, "places": self.places, "_dataset": None}

    def at(self, places: np.ndarray) -> "OnDisk":
        """The rows at `places` alone, still on disk."""
        return OnDisk(self.path, self.name, places if self.places is None else self.places[places])

    def __getitem__(self, rows: np.ndarray) -> np.ndarray:
        """The rows at `rows`, which must ascend."""
        if self._dataset is None:
            self._dataset = h5py.File(self.path, "r")[self.name]
        try:
            return self._dataset[rows if self.places is None else self.places[rows]]
        except OSError as error:
            raise AvlibError(f"{self.path} is damaged: remove it and run again, it will be made anew") from error
