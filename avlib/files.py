"""Where files live, and how they are written: whole or not at all."""

import contextlib
import errno
import os
import uuid
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock

from avlib.errors import AvlibError

CHECKOUT = Path(__file__).resolve().parent.parent


def cache_dir() -> Path:
    """Folder of rendered data and trained models: ``AVLIB_CACHE``, else ``data/cache`` of the checkout."""
    return Path(os.environ.get("AVLIB_CACHE") or CHECKOUT / "data" / "cache")


def data_dir() -> Path | None:
    """Folder that holds downloaded data sets (``AVLIB_DATA``), or None when the variable is not set."""
    folder = os.environ.get("AVLIB_DATA")
    return Path(folder).resolve() if folder else None


@contextlib.contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn a full disk and a folder that cannot be written into one line that says what to do.

    Raises
    ------
    AvlibError
        When the disk is full, or `path` is read-only or not ours.
    """
    try:
        yield
    except OSError as error:
        elsewhere = "work in a folder that can be written, or set AVLIB_CACHE to one if this is the cache"
        reasons = {
            errno.ENOSPC: "the disk is full; free some space and run the same command again, nothing is lost",
            errno.EDQUOT: "the disk quota is used up; free some space and run the same command again, nothing is lost",
            errno.EROFS: "the file system is read-only; " + elsewhere,
            errno.EACCES: "permission denied; " + elsewhere,
            errno.EPERM: "permission denied; " + elsewhere,
            errno.ENOTDIR: "a file is where a folder should be; remove it, or " + elsewhere,
            errno.EEXIST: "a file is where a folder should be; remove it, or " + elsewhere,
        }
        if error.errno not in reasons:
            raise
        raise AvlibError(f"cannot write {path}: {reasons[error.errno]}") from error


@contextlib.contextmanager
def atomic(path: Path) -> Iterator[Path]:
    """Yield a temporary name beside `path`; rename it to `path` when the block succeeds, remove it when not.

    A reader therefore never sees half a file, whenever the writer is killed.

    >>> import tempfile
    >>> target = Path(tempfile.mkdtemp()) / "a.txt"
    >>> with atomic(target) as part:
    ...     _ = part.write_text("whole")
    >>> target.read_text(), len(list(target.parent.iterdir()))
    ('whole', 1)
    """
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        # The suffix stays last, because some writers choose their format by it.
        part = path.with_name(f".{path.stem}-{uuid.uuid4().hex[:8]}.part{path.suffix}")
        try:
            yield part
            os.replace(part, path)
        finally:
            part.unlink(missing_ok=True)


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock file of `path`: one process makes it, the others wait and then find it made."""
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(path.with_name(path.name + ".lock"))
        lock.acquire()
    try:
        yield
    finally:
        lock.release()
