"""A forked kernel is what an ordinary kernel is, only sooner."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time

import nbformat
import papermill
import psutil
import pytest
from jupyter_client.provisioning import KernelProvisionerFactory

from avlib.errors import AvlibError
from book import kernels

TOLD = """
import json, os, signal, subprocess, sys
import matplotlib
told = {
    "folder": os.getcwd(), "path": sys.path, "arguments": sys.argv[1:2], "main": __name__, "input": os.read(0, 1).hex(),
    "environment": {k: v for k, v in os.environ.items() if k not in ("JPY_PARENT_PID", "PWD", "SHLVL", "_")},
    "backend": matplotlib.get_backend(),
    "signals": [str(signal.getsignal(s)) for s in (signal.SIGINT, signal.SIGTERM, signal.SIGCHLD, signal.SIGPIPE)],
    "leads": os.getsid(0) == os.getpid(), "code": subprocess.run([sys.executable, "-c", "exit(7)"]).returncode,
    "avlib": [m for m in sys.modules if m.split(".")[0] == "avlib"],
}
print(json.dumps([os.getpid(), os.getppid(), told]))
"""


@pytest.fixture
def told(tmp_path, monkeypatch):
    """What a kernel of a provisioner tells; by itself its process, its parent, and all that a page might notice."""

    def ask(provisioner: str, code: str = TOLD) -> list:
        book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code)])
        book.metadata.kernelspec = {"name": "python3", "display_name": "", "language": "python"}
        nbformat.write(book, tmp_path / "told.ipynb")
        monkeypatch.setattr(KernelProvisionerFactory.instance(), "default_provisioner_name", provisioner)
        done = papermill.execute_notebook(tmp_path / "told.ipynb", None, progress_bar=False, cwd=tmp_path)
        return json.loads(done.cells[0].outputs[0]["text"])

    return ask


def _ended(process: int, within: float) -> None:
    until = time.monotonic() + within
    with contextlib.suppress(psutil.NoSuchProcess):
        while psutil.Process(process).status() != psutil.STATUS_ZOMBIE:  # nobody may be there to bury the dead
            assert time.monotonic() < until
            time.sleep(0.05)


def _of_server() -> int:
    return kernels._one._process.pid


def test_a_page_sees_no_difference(told):
    _, parent, ordinary = told("local-provisioner")
    assert parent == os.getpid()
    _, parent, forked = told("avlib-forked")
    assert parent == _of_server()
    assert forked == ordinary


def test_what_was_loaded_is_no_garbage_to_look_through(told):
    frozen = "import gc, json; print(json.dumps([gc.get_freeze_count(), len(gc.get_objects())]))"
    assert told("local-provisioner", frozen)[0] == 0
    loaded, left = told("avlib-forked", frozen)
    assert loaded > 10 * left


def test_a_kernel_is_gone_when_its_page_is_done(told):
    _ended(told("avlib-forked")[0], within=5)


def test_what_is_read_late_differs_from_kernel_to_kernel(told, monkeypatch):
    for value in ("one", "two"):
        monkeypatch.setenv("AVLIB_VARIANT", value)
        _, parent, seen = told("avlib-forked")
        assert parent == _of_server()
        assert seen["environment"]["AVLIB_VARIANT"] == value


@pytest.mark.parametrize("name", ["OMP_NUM_THREADS", "PYTHONPATH"])
def test_under_another_environment_a_kernel_begins_anew(name, told, monkeypatch):
    told("avlib-forked")
    monkeypatch.setenv(name, "2")
    _, parent, seen = told("avlib-forked")
    assert parent == os.getpid()
    assert seen["environment"][name] == "2"


def test_a_kernel_that_ended_is_known_to_have_and_takes_no_signal():
    kernel = kernels._loaded(dict(os.environ)).fork(["--help"], ".", dict(os.environ))
    _ended(kernel.pid, within=60)
    assert kernel.poll() == 0
    kernel.send_signal(signal.SIGINT)
    kernel.kill()


def test_all_workers_of_a_build_share_what_it_began_to_load_before_all_else(told, tmp_path):
    told("local-provisioner")  # leaves the page
    script = (
        "import json, multiprocessing, os, sys, book.kernels as k\n"
        "k.begin_loading()\n"
        "import book.build, papermill\n"
        "def parent(page):\n"
        "    os.environ.update(k.ENVIRONMENT)\n"
        "    done = papermill.execute_notebook(page, None, progress_bar=False)\n"
        "    return json.loads(done.cells[0].outputs[0]['text'])[1]\n"
        "with multiprocessing.get_context('fork').Pool(2) as pool:\n"
        "    print(k._one._process.pid, *pool.map(parent, sys.argv[1:], 1))"
    )
    env = {name: value for name, value in os.environ.items() if not name.startswith("KMP_")}
    env = {name: value for name, value in env.items() if name not in kernels.ENVIRONMENT}
    command = [sys.executable, "-c", script, *[str(tmp_path / "told.ipynb")] * 4]
    said = subprocess.run(command, cwd=kernels.ROOT, env=env, stdout=subprocess.PIPE, timeout=120, check=True).stdout
    server, *parents = said.split()
    assert parents == [server] * 4


def test_a_server_that_ended_is_told(monkeypatch):
    server = kernels.Loaded(dict(os.environ))
    server._process.kill()
    server._process.wait()
    with pytest.raises(AvlibError, match=r"python -m book\.loaded has ended"):
        server.fork([], ".", {})


def test_server_and_kernels_end_with_the_process_that_started_them(tmp_path):
    script = (
        "import os, sys, book.kernels as k\n"
        "server = k.Loaded(dict(os.environ))\n"
        "kernel = server.fork(['-f', sys.argv[1]], '.', dict(os.environ))\n"
        "print(server._process.pid, kernel.pid, kernel.poll(), flush=True)\n"
        "os._exit(0)"
    )
    connection = str(tmp_path / "connection.json")
    command = [sys.executable, "-c", script, connection]
    said = subprocess.run(command, cwd=kernels.ROOT, stdout=subprocess.PIPE, timeout=120, check=True).stdout.split()
    assert said[2] == b"None"
    for process in said[:2]:
        _ended(int(process), within=30)
