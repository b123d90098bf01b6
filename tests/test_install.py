"""book/install.sh on machines that lack something: one line that says what to do, and no mark of success."""

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
# A stand-in for Python that notes what it is asked, and fails where the test wants it to.
PYTHON = """#!/bin/sh
echo "$@" >>"$ASKED"
case "$*" in
    *"-m venv"*) [ -z "${NO_VENV:-}" ] || exit 1
        mkdir -p .venv/bin && cp "$0" .venv/bin/python ;;
    *"import torch"*) exit 1 ;;
    *"+cpu"*) case "$*" in *${CPU_BUILD:-nowhere}*) exit 0 ;; *) echo "ERROR: no such build" >&2; exit 1 ;; esac ;;
    *"uv pip install"*) [ -z "${NO_UV:-}${NO_NETWORK:-}" ] || { echo "error: no such mirror" >&2; exit 2; } ;;
    *install*) [ -z "${NO_NETWORK:-}" ] || { printf 'WARNING: Retrying\\nERROR: none found\\n' >&2; exit 1; } ;;
esac
"""


@dataclass
class Machine:
    folder: Path

    def install(self, **settings: str) -> subprocess.CompletedProcess[str]:
        environment = {
            **{name: value for name, value in os.environ.items() if name != "PYTHON"},
            "PATH": f"{self.folder / 'bin'}:/usr/bin:/bin",
            "ASKED": str(self.folder / "asked"),
            "PYTHON": str(self.folder / "bin" / "python3"),
            **settings,
        }
        command = ["sh", "book/install.sh", "book"]
        return subprocess.run(command, cwd=self.folder, env=environment, capture_output=True, text=True, timeout=60)

    def asked(self) -> list[str]:
        """What was installed, in order."""
        return [line for line in (self.folder / "asked").read_text().splitlines() if " install " in line]

    def program(self, name: str, text: str) -> None:
        (self.folder / "bin" / name).write_text(text)
        (self.folder / "bin" / name).chmod(0o755)

    @property
    def installed(self) -> bool:
        return (self.folder / ".venv" / ".book").exists()


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    made = Machine(tmp_path / "a clone")  # with a blank in its name
    (made.folder / "book").mkdir(parents=True)
    (made.folder / "bin").mkdir()
    shutil.copy(ROOT / "book" / "install.sh", made.folder / "book")
    (made.folder / "constraints.txt").write_text("torch==2.13.0\n")
    made.program("python3", PYTHON)
    made.program("nvidia-smi", "#!/bin/sh\nexit 1\n")
    return made


def _refused(machine: Machine, *words: str, **settings: str) -> None:
    done = machine.install(**settings)
    assert done.returncode == 1
    *before, last = done.stderr.splitlines()
    assert all(line.startswith(("make: no CPU build", "Installing avlib[book]")) for line in before), done.stderr
    assert last.startswith("make: ")
    assert all(word in last for word in words), last
    assert not machine.installed


@pytest.mark.parametrize("python", ["false", "no-such-python"])
def test_a_python_that_is_too_old_or_absent_is_refused(machine, python):
    _refused(machine, "Python 3.11 to 3.14 is needed", f"'{python}'", "make PYTHON=", PYTHON=python)
    assert not (machine.folder / ".venv").exists()


def test_a_folder_in_which_nothing_can_be_made_is_refused(machine):
    _refused(machine, "cannot create .venv here; the folder must be writable", NO_VENV="1")


def test_an_environment_that_cannot_be_written_is_refused(machine):
    machine.install()
    (machine.folder / ".venv" / ".book").unlink()
    (machine.folder / ".venv" / "pip.log").unlink()
    (machine.folder / ".venv" / "pip.log").mkdir()
    done = machine.install()
    assert done.returncode == 1
    assert "make: cannot write to .venv; the folder must be writable" in done.stderr
    assert not machine.installed


def test_without_a_network_one_line_says_so_and_the_next_run_goes_on(machine):
    _refused(machine, "check the network and run the same command again", ".venv/pip.log", NO_NETWORK="1")
    assert "ERROR: none found" in (machine.folder / ".venv" / "pip.log").read_text()
    assert machine.install().returncode == 0
    assert machine.installed


def test_a_half_made_environment_is_made_again(machine):
    (machine.folder / ".venv" / "bin").mkdir(parents=True)
    machine.program("../.venv/bin/python", "#!/bin/sh\nexit 1\n")  # killed before pip was there
    assert machine.install().returncode == 0
    assert machine.installed


def test_a_cpu_build_at_hand_is_taken_without_asking_further(machine):
    done = machine.install(CPU_BUILD="torch==2.13.0+cpu")
    assert done.returncode == 0
    torch, uv, package = machine.asked()
    assert torch.endswith("install torch==2.13.0+cpu")
    assert re.search(r"-m pip .*install uv==[0-9.]+$", uv)
    assert re.search(r"-m uv pip install .*--python \.venv/bin/python .*--constraint constraints.txt ", package)
    assert package.endswith(" --editable .[book]")
    assert "CUDA" not in done.stderr


def test_where_uv_cannot_pip_installs_the_same(machine):
    assert machine.install(NO_UV="1").returncode == 0
    *_, failed, package = machine.asked()
    assert "-m uv pip install" in failed
    assert re.search(r"-m pip .*install --constraint constraints.txt --editable \.\[book\]$", package)
    assert "error: no such mirror" in (machine.folder / ".venv" / "pip.log").read_text()
    assert machine.installed


def test_then_pytorchs_own_index_is_asked_and_not_for_long(machine):
    assert machine.install(CPU_BUILD="--index-url").returncode == 0
    assert "--timeout 15 --retries 0 install --index-url https://download.pytorch.org/whl/cpu" in machine.asked()[1]


def test_gigabytes_of_cuda_are_announced(machine):
    done = machine.install()
    assert done.returncode == 0
    assert "the CUDA build follows (2.7 GB to load" in done.stderr
    assert machine.installed


def test_a_machine_with_a_card_is_given_cuda(machine):
    machine.program("nvidia-smi", "#!/bin/sh\nexit 0\n")
    done = machine.install()
    assert not any("+cpu" in line for line in machine.asked())
    assert "CUDA" not in done.stderr
