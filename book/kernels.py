"""Kernels that are there at once: forked from a process that has loaded what every page imports.

To load torch, scipy and seaborn takes longer than many a page at ``smoke``.  `Forked` is a provisioner of
jupyter_client, chosen by ``JUPYTER_DEFAULT_PROVISIONER_NAME`` in ``book/fast.env``; ``make lab`` knows nothing of it.
"""

import contextlib
import json
import multiprocessing
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil
from jupyter_client import KernelConnectionInfo
from jupyter_client.provisioning import LocalProvisioner

from avlib.errors import AvlibError
from book.places import ROOT

# book/fast.env: the environment that pages are executed in.
ENVIRONMENT = dict(
    line.split("=") for line in (ROOT / "book" / "fast.env").read_text().splitlines() if line and line[0] != "#"
)
# What avlib reads after a kernel has started, and what scikit-learn sets where it is loaded.  With any other difference
# a kernel is started the ordinary way.
LATE = {"AVLIB_OUT", "AVLIB_VARIANT", "AVLIB_INPUTS", "AVLIB_DATA", "AVLIB_CACHE", "PYTEST_CURRENT_TEST"}
LATE |= {"KMP_INIT_AT_FORK", "KMP_DUPLICATE_LIB_OK"}


class Forked(LocalProvisioner):
    """Starts a kernel by a fork where that makes no difference, and as `LocalProvisioner` does where it might."""

    async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> KernelConnectionInfo:
        """Launch the kernel `cmd`, a command line, in the folder ``cwd``, under the environment ``env``."""
        env, cwd = kwargs.get("env") or dict(os.environ), str(kwargs.get("cwd") or Path.cwd())
        loaded = _loaded(env) if cmd[:3] == [sys.executable, "-m", "ipykernel_launcher"] else None
        if loaded is None:
            return await super().launch_kernel(cmd, **kwargs)
        self.process = loaded.fork(cmd[3:], cwd, env)
        self.pid = self.pgid = self.process.pid
        self.cwd = cwd
        return self.connection_info


class Kernel:
    """A forked kernel, with what a provisioner asks of a `subprocess.Popen`: it is no child of this process."""

    stdin = stdout = stderr = None

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self._process = psutil.Process(pid)

    def poll(self) -> int | None:
        """None while it runs."""
        with contextlib.suppress(psutil.NoSuchProcess):
            if self._process.is_running() and self._process.status() != psutil.STATUS_ZOMBIE:
                return None
        return 0

    wait = poll  # a provisioner waits only for what has ended

    def send_signal(self, number: int) -> None:
        """Nothing, as in `subprocess.Popen`, when it has ended."""
        with contextlib.suppress(psutil.NoSuchProcess):
            self._process.send_signal(number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


class Loaded:
    """The process that kernels are forked from, `book.loaded`, for the one that started it and what this one forked.

    It ends when all of these have ended.
    """

    def __init__(self, env: dict[str, str]) -> None:
        self.early, self._alone = _early(env), multiprocessing.Lock()
        # What ipykernel reads, and what it tells matplotlib, while it is loaded.
        env = {"MPLBACKEND": "module://matplotlib_inline.backend_inline", **env, "JPY_PARENT_PID": str(os.getpid())}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "book.loaded"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT, env=env, start_new_session=True,
        )  # fmt: skip

    def fork(self, arguments: list[str], cwd: str, env: dict[str, str]) -> Kernel:
        """A kernel with the `arguments` of ``python -m ipykernel_launcher``, in the folder `cwd`, under `env`.

        Raises
        ------
        AvlibError
            When the process has ended, mostly for want of memory.
        """
        with self._alone:
            with contextlib.suppress(BrokenPipeError):
                print(json.dumps([arguments, cwd, env]), file=self._process.stdin, flush=True)
            answer = self._process.stdout.readline()
        if answer:
            return Kernel(int(answer))
        raise AvlibError("no kernel could be started: python -m book.loaded has ended, mostly for want of memory")


_one: Loaded | None = None


def begin_loading() -> None:
    """Load what kernels are forked from, beside whatever this process, which is to execute pages, does meanwhile."""
    _loaded({**ENVIRONMENT, **os.environ})


def _loaded(env: dict[str, str]) -> Loaded | None:
    """The one there is, or else begun here; none where a kernel under `env` needs another beginning."""
    global _one
    if sys.platform != "linux":  # elsewhere a fork of loaded libraries is not safe
        return None
    if _one is None:
        _one = Loaded(env)
    return _one if _one.early == _early(env) else None


def _early(env: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in env.items() if name not in LATE and not name.startswith("JPY_")}
