"""What the run of nbval in `make test` sees: text and structure to the letter, numbers not, an end to a dead kernel."""

import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook, new_output

ROOT = Path(__file__).resolve().parents[2]


def _committed(folder: Path, name: str, source: str, *outputs: str) -> None:
    """A notebook whose one cell is committed with the text that `outputs` say."""
    told = [new_output("stream", text=output) for output in outputs]
    cell = new_code_cell(source, execution_count=1, outputs=told, id="0")
    metadata = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    nbformat.write(new_notebook(cells=[cell], metadata=metadata), folder / f"{name}.ipynb")


@pytest.fixture(scope="module")
def verdicts(tmp_path_factory):
    """Run nbval as the Makefile does, but for the patience with a dead kernel; what it says of each notebook."""
    folder = tmp_path_factory.mktemp("notebooks")
    _committed(folder, "same", "print('mAP 0.52 at 1e-3, 12.5 s')", "mAP 0.48 at 2e-3, 9.5 s\n")
    _committed(folder, "text", "print('weaker')", "stronger\n")
    _committed(folder, "count", "print('8 classes')", "7 classes\n")
    _committed(folder, "silent", "x = 1", "something\n")
    _committed(folder, "chatty", "print('something')")
    _committed(folder, "error", "1 / 0", "inf\n")
    _committed(folder, "dead", "import os; os.kill(os.getpid(), 9)")
    [recipe] = re.findall(r"pytest (--nbval .*) notebooks$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    flags = recipe.replace("$(JOBS)", "2").replace("book/nbval.cfg", str(ROOT / "book" / "nbval.cfg")).split()
    command = [sys.executable, "-m", "pytest", *flags, "--nbval-cell-timeout=5", "-rA", "-p", "no:cacheprovider"]
    done = subprocess.run([*command, "."], cwd=folder, capture_output=True, text=True, timeout=120)
    return {name: verdict for verdict, name in re.findall(r"^(PASSED|FAILED) (\w+)\.ipynb", done.stdout, re.MULTILINE)}


def test_other_decimals_and_times_pass(verdicts):
    assert verdicts["same"] == "PASSED"


@pytest.mark.parametrize("name", ["text", "count", "silent", "chatty", "error", "dead"])
def test_anything_else_is_red(verdicts, name):
    assert verdicts[name] == "FAILED"
