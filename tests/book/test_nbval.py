"""What the run of nbval in `make test` sees: structure, and not numbers and conclusions; an end to a dead kernel."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_notebook, new_output

ROOT = Path(__file__).resolve().parents[2]


def _html(shown: str) -> str:
    return f"display({{'text/html': {shown!r}}}, raw=True)"


# What a cell computes, and what it is committed with.
CELLS = {
    "same": ("print('mAP 0.52 at 1e-3, 12.5 s')", "mAP 0.48 at 2e-3, 9.5 s\n"),
    "text": ("print('weaker')", "stronger\n"),
    "count": ("print('8 classes')", "7 classes\n"),
    "silent": ("x = 1", "something\n"),
    "chatty": ("print('something')", ""),
    "error": ("1 / 0", "inf\n"),
    "after": ("print('still here')", "still here\n"),
    "said": ("display({'text/markdown': 'weaker'}, raw=True)", {"text/markdown": "stronger"}),
    "quiet": ("", {"text/markdown": "stronger", "text/plain": "<Markdown object>"}),
    "table": ("display({'text/html': '<b>a</b>', 'text/markdown': 'a'}, raw=True)", {"text/html": "<b>b</b>"}),
    "ledger": (
        """display({'text/html': '<section class="ledger x"><p>one</p></section>'}, raw=True)""",
        {"text/html": '<section class="ledger x"><p>two</p>\\n<b>3</b></section>'},
    ),
    "ledgerless": (
        "display({'text/html': '<p>none</p>'}, raw=True)",
        {"text/html": '<section class="ledger x"></section>'},
    ),
    "cell": (
        _html('<td style="text-align:right">7 of 9</td>'),
        {"text/html": '<td style="text-align:right">3 of 9</td>'},
    ),
    "label": (_html('<td style="text-align:left">a</td>'), {"text/html": '<td style="text-align:left">b</td>'}),
    "verdict": (
        _html('<th scope="row">verdict</th><td>holds</td></tr>'),
        {"text/html": '<th scope="row">verdict</th><td>does not hold</td></tr>'},
    ),
    "rule": (_html('<th scope="row">rule</th><td>a</td>'), {"text/html": '<th scope="row">rule</th><td>b</td>'}),
    "marks": (
        _html('<div class="marks x"><svg>1</svg><script>1</script></div>'),
        {"text/html": '<div class="marks x"><svg>2</svg><script>2</script></div>'},
    ),
    "dead": ("import os; os.kill(os.getpid(), 9)", ""),
}


def _outputs(shown: str | dict[str, str]) -> list[NotebookNode]:
    if isinstance(shown, dict):
        return [new_output("display_data", shown)]
    return [new_output("stream", text=shown)] if shown else []


def _committed(folder: Path) -> None:
    """A notebook of `CELLS`."""
    cells = [
        new_code_cell(source, execution_count=1, outputs=_outputs(shown), id=name)
        for name, (source, shown) in CELLS.items()
    ]
    metadata = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    nbformat.write(new_notebook(cells=cells, metadata=metadata), folder / "cells.ipynb")


@pytest.fixture(scope="module")
def verdicts(tmp_path_factory):
    """Run nbval as the Makefile does, but for the patience with a dead kernel; what it says of each cell."""
    folder = tmp_path_factory.mktemp("notebooks")
    _committed(folder)
    [recipe] = re.findall(r"pytest (--nbval .*) notebooks$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    flags = recipe.replace('"$$JOBS"', "1").replace("book/nbval.cfg", str(ROOT / "book" / "nbval.cfg")).split()
    shutil.copy(ROOT / "conftest.py", folder)
    command = [sys.executable, "-m", "pytest", *flags, "--nbval-cell-timeout=5", "-rA", "-p", "no:cacheprovider"]
    env = {**os.environ, "PYTHONPATH": str(ROOT)}  # where book/kernels.py is, as for who calls make
    done = subprocess.run([*command, "."], cwd=folder, env=env, capture_output=True, text=True, timeout=120)
    told = re.findall(r"^(PASSED|FAILED) cells\.ipynb::Cell (\d+)", done.stdout, re.MULTILINE)
    return {list(CELLS)[int(number)]: verdict for verdict, number in told}


@pytest.mark.parametrize("name", ["same", "after", "said", "ledger", "cell", "verdict", "marks"])
def test_other_numbers_times_and_conclusions_pass(verdicts, name):
    assert verdicts[name] == "PASSED"


@pytest.mark.parametrize(
    "name",
    ["text", "count", "silent", "chatty", "error", "quiet", "table", "ledgerless", "label", "rule", "dead"],
)
def test_anything_else_is_red(verdicts, name):
    assert verdicts[name] == "FAILED"
