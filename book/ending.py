"""How a build ends before its time: with no process left behind, and with nothing said but one line."""

import contextlib
import multiprocessing.connection
import os
import signal
import sys
import threading
from types import FrameType

import psutil

STOPPED = "make book: stopped; run it again and it goes on from here"


def stop_on_interrupt() -> None:
    """Let Ctrl-C end this process, whatever it is doing, at once: good order would wait for the cells that run."""
    own = os.getpid()

    def stop(_signal: int, _frame: FrameType | None) -> None:
        end_descendants()
        if os.getpid() == own:  # and not a worker that has only just been forked
            print(STOPPED, file=sys.stderr, flush=True)
        os._exit(130)

    signal.signal(signal.SIGINT, stop)


def end_with_parent() -> None:
    """Let this worker, and all that it started, end when, and only when, the process that started it does."""
    os.setsid()  # Ctrl-C is for the process that started it
    signal.signal(signal.SIGINT, signal.SIG_DFL)

    def watch() -> None:
        multiprocessing.connection.wait([multiprocessing.parent_process().sentinel])
        end_descendants()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def end_descendants() -> None:
    """Kill all that this process started: workers, kernels, and the processes that a cell started in its kernel.

    The furthest go first, so that none has the time to complain about another.
    """
    for process in reversed(psutil.Process().children(recursive=True)):
        with contextlib.suppress(psutil.Error):
            process.kill()
