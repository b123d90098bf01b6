"""What a person writes behind make's variables is text: neither make nor a shell carries any of it out."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ASKED = ("PROFILE", "ONLY", "PARAMS", "DATASET", "STUDENT", "JOBS")
NASTY = [
    "x;touch TOUCHED",
    "$(touch TOUCHED)",
    "$$(touch TOUCHED)",
    "$(shell touch TOUCHED)",
    "$(eval X := $(shell touch TOUCHED))",
    "`touch TOUCHED`",
    '"; touch TOUCHED; "',
    "'; touch TOUCHED; '",
    "x | touch TOUCHED & touch TOUCHED > TOUCHED",
    "--help",
    "*",
    "\\",
    "$HOME ${HOME} # no remark",
]


@pytest.fixture
def folder(tmp_path):
    """The Makefile over programs that write down, one a line, what they are given."""
    shutil.copy(ROOT / "Makefile", tmp_path)
    (tmp_path / "book").mkdir()
    shutil.copy(ROOT / "book" / "fast.env", tmp_path / "book")
    for needed in ("pyproject.toml", "constraints.txt", "book/install.sh"):
        (tmp_path / needed).touch()
        os.utime(tmp_path / needed, (0, 0))
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    for name in ("python", "pytest", "ruff", "mypy"):
        (tmp_path / ".venv" / "bin" / name).write_text('#!/bin/sh\nprintf "%s\\n" "$@" >>given\n')
        (tmp_path / ".venv" / "bin" / name).chmod(0o755)
    for extra in ("book", "test"):
        (tmp_path / ".venv" / f".{extra}").touch()
    return tmp_path


def _given(folder: Path, *arguments: str, **environment: str) -> list[str]:
    """What `make` with these arguments hands on."""
    (folder / "given").unlink(missing_ok=True)
    clean = {name: value for name, value in os.environ.items() if name not in (*ASKED, "MAKEFLAGS", "MAKEOVERRIDES")}
    done = subprocess.run(["make", *arguments], cwd=folder, env=clean | environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return (folder / "given").read_text().splitlines()


def test_without_a_word_the_default_book_is_made_on_all_cores(folder):
    assert _given(folder, "book") == [
        "-m", "book", "--profile=laptop", "--only=", "--params=", "--dataset=", "--student=", f"--jobs={os.cpu_count()}"
    ]  # fmt: skip


@pytest.mark.parametrize("name", ASKED)
@pytest.mark.parametrize("text", NASTY)
def test_a_variable_reaches_the_program_to_the_letter_and_nothing_else(folder, name, text):
    for given in (_given(folder, "book", f"{name}={text}"), _given(folder, "book", **{name: text})):
        assert f"--{name.lower()}={text}" in given
        assert len(given) == 8
    assert not list(folder.glob("*TOUCHED*"))


@pytest.mark.parametrize("text", NASTY)
def test_the_number_of_jobs_of_the_tests_is_text_too(folder, text):
    assert _given(folder, "test", f"JOBS={text}").count(text) == 2  # notebooks, and the library
    assert not list(folder.glob("*TOUCHED*"))
