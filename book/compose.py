"""A page as it is shown: the notebook as it is written now, with the outputs of its last execution."""

import ast
import math
from collections.abc import Mapping
from typing import Any

import nbformat

from avlib.parameters import written


def composed(
    notebook: nbformat.NotebookNode, executed: nbformat.NotebookNode, parameters: Mapping[str, Any]
) -> nbformat.NotebookNode:
    """`notebook` with the outputs of `executed`, its execution by papermill at `parameters`.

    Text, captions and comments are those of `notebook`, so that an edit of prose is shown without an execution.  The
    cell that papermill adds is left out: the values that it sets stand where the parameters are explained.
    """
    ran = [cell for cell in _code(executed) if "injected-parameters" not in cell.metadata.get("tags", [])]
    for number, (cell, done) in enumerate(zip(_code(notebook), ran, strict=True), start=1):
        cell.outputs, cell.execution_count = done.outputs, number
        if "parameters" in cell.metadata.get("tags", []):
            cell.source = given(cell.source, parameters)
    return notebook


def _code(notebook: nbformat.NotebookNode) -> list[nbformat.NotebookNode]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def given(source: str, parameters: Mapping[str, Any]) -> str:
    """The cell of the parameters with the values that were given, comments and all.

    >>> print(given("profile: str = 'smoke'  # size\\nnorm: float = 2  # 1, 2 or inf", {"norm": math.inf}))
    profile: str = 'smoke'  # size
    norm: float = "inf"  # 1, 2 or inf
    """
    lines = source.encode().splitlines()  # columns of a syntax tree count bytes
    for name, value in written(source).items():
        new = parameters.get(name, ast.literal_eval(value))
        if new != ast.literal_eval(value):
            text = '"inf"' if new == math.inf else repr(new).replace("'", '"')
            line = lines[value.lineno - 1]
            lines[value.lineno - 1] = line[: value.col_offset] + text.encode() + line[value.end_col_offset :]
    return b"\n".join(lines).decode()
