"""Execute notebooks in place at their defaults (the smoke profile), as they are committed.

.venv/bin/python -m book.refresh 03 04        # those whose name starts with 03 or 04; all without a word
"""

import os
import sys
from pathlib import Path

import nbformat
import papermill

from avlib.files import atomic
from book.kernels import ENVIRONMENT
from book.places import Places


def refresh(notebook: Path) -> None:
    """Run `notebook` and write it back with its outputs, without papermill's timestamps and paths."""
    os.environ.update({name: os.environ.get(name, value) for name, value in ENVIRONMENT.items()})
    with atomic(notebook) as part:
        papermill.execute_notebook(notebook, part, kernel_name="python3", cwd=notebook.parent, progress_bar=False)
        executed = nbformat.read(part, as_version=4)
        executed.metadata.pop("papermill", None)
        for cell in executed.cells:
            for noise in ("papermill", "execution", "exception", "start_time", "end_time"):
                cell.metadata.pop(noise, None)
        nbformat.write(executed, part)


if __name__ == "__main__":
    for path in sorted(Places().notebooks.glob("*.ipynb")):
        if not sys.argv[1:] or path.name.startswith(tuple(sys.argv[1:])):
            print(path.name, file=sys.stderr, flush=True)
            refresh(path)
