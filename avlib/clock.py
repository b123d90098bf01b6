"""Where a page waits: wall-clock seconds of the few things that take long, each counted once."""

import contextlib
import time
from collections.abc import Iterator
from contextvars import ContextVar
from typing import Literal, get_args

Kind = Literal["rendering", "training", "attacks", "scoring", "statistics", "drawing"]
KINDS: tuple[Kind, ...] = get_args(Kind)

_seconds: dict[Kind, float] = {}
_running: ContextVar[bool] = ContextVar("running", default=False)


@contextlib.contextmanager
def spent(kind: Kind) -> Iterator[None]:
    """Add the seconds of a ``with`` block, or of each call of a decorated function, to those of `kind`.

    The outermost block has it all, so that no second is counted twice: an attack within a training is training.
    Waiting for another process that does the same work counts too, and so does work that fails.

    >>> restart()
    >>> with spent("training"), spent("attacks"):
    ...     time.sleep(0.01)
    >>> seconds()["training"] >= 0.01, seconds()["attacks"]
    (True, 0.0)
    """
    if _running.get():
        yield
        return
    token, start = _running.set(True), time.perf_counter()
    try:
        yield
    finally:
        _running.reset(token)
        _seconds[kind] = _seconds.get(kind, 0.0) + time.perf_counter() - start


def seconds() -> dict[Kind, float]:
    """Seconds of each kind since `restart`."""
    return {kind: _seconds.get(kind, 0.0) for kind in KINDS}


def restart() -> None:
    """Begin a new run."""
    _seconds.clear()
