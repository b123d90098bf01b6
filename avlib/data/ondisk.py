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
    """A data set of an HDF5 file that stays on disk: indexing reads rows.  Opened at first use, so that it pickles."""

    def __init__(self, path: Path, name: str) -> None:
        self.path, self.name = path, name
        self._dataset: h5py.Dataset | None = None

    def __getstate__(self) -> dict:
        return {"path": self.path, "name": self.name, "_dataset": None}

    @property
    def shape(self) -> tuple[int, ...]:
        return self._open().shape

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: object) -> np.ndarray:
        try:
            return self._open()[rows]
        except OSError as error:
            raise AvlibError(f"{self.path} is damaged: remove it and run again, it will be made anew") from error

    def _open(self) -> h5py.Dataset:
        if self._dataset is None:
            self._dataset = h5py.File(self.path, "r")[self.name]
        return self._dataset
