"""Kernels that are there at once: forked from a process that has loaded what every page imports.

To load torch, scipy and seaborn takes longer than many a page at ``smoke``.  `Forked` is a provisioner of
jupyter_client, chosen by ``JUPYTER_DEFAULT_PROVISIONER_NAME`` in ``book/fast.env``; ``make lab`` knows nothing of it.
"""

import contextlib
import json
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

# What avlib reads, after a kernel has started.  With any other difference a kernel is started the ordinary way.
LATE = {"AVLIB_OUT", "AVLIB_VARIANT", "AVLIB_INPUTS", "AVLIB_DATA", "AVLIB_CACHE", "PYTEST_CURRENT_TEST"}


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
    """The process that kernels are forked from, `book.loaded`; it ends with the one that started it."""

    def __init__(self, env: dict[str, str]) -> None:
        self.owner, self.early = os.getpid(), _early(env)
        # What ipykernel reads, and what it tells matplotlib, while it is loaded.
        env = {"MPLBACKEND": "module://matplotlib_inline.backend_inline", **env, "JPY_PARENT_PID": str(self.owner)}
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
        with contextlib.suppress(BrokenPipeError):
            print(json.dumps([arguments, cwd, env]), file=self._process.stdin, flush=True)
        if answer := self._process.stdout.readline():
            return Kernel(int(answer))
        raise AvlibError(f"no kernel could be started: python -m book.loaded ended with code {self._process.wait()}")


_one: Loaded | None = None


def _loaded(env: dict[str, str]) -> Loaded | None:
    """That of this process, which the first kernel starts; none where a kernel under `env` needs another beginning."""
    global _one
    if sys.platform != "linux":  # elsewhere a fork of loaded libraries is not safe
        return None
    if _one is None or _one.owner != os.getpid():
        _one = Loaded(env)
    return _one if _one.early == _early(env) else None


def _early(env: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in env.items() if name not in LATE and not name.startswith("JPY_")}
