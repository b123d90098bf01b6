"""What a notebook needs besides ideas: checked parameters, results, tables, players, provenance.

This is the only module that knows IPython.
"""

import ast
import json
import math
import os
import platform
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import soundfile
import torch
from IPython.core.interactiveshell import InteractiveShell
from IPython.display import HTML, Markdown, display
from matplotlib.figure import Figure
from torch import Tensor

import avlib
from avlib.device import device, title
from avlib.errors import AvlibError
from avlib.files import CHECKOUT, atomic
from avlib.parameters import check, variant
from avlib.plots import style
from avlib.provenance import digest

SMALL = 512  # numbers of one figure that are stored whole; larger arrays are summarised


def begin(notebook: str, namespace: dict[str, Any]) -> "Run":
    """Check the parameters of `notebook` in its `namespace` (``globals()``) and start its run.

    Parameters are the annotated names of the cell tagged ``parameters``; their values are replaced by
    checked ones, so that ``"8/255"`` becomes a number.  From here on an `AvlibError` shows its one line alone.

    Raises
    ------
    AvlibError
        When a parameter is unknown, has the wrong type or a value that is not allowed.
    """
    shell = InteractiveShell.instance()
    shell.set_custom_exc((AvlibError,), _one_line)
    declared = set(namespace.get("__annotations__", {}))
    injected = _injected(namespace.get("In", []))
    values = {name: namespace[name] for name in declared | injected}
    checked = check(values, declared, notebook)
    namespace.update(checked)
    style.use()
    return Run(notebook, checked, injected)


def _one_line(
    shell: InteractiveShell, kind: type, error: BaseException, trace: object, tb_offset: object = None
) -> None:
    shell._showtraceback(kind, error, [f"{kind.__name__}: {error}"])


def _injected(cells: list[str]) -> set[str]:
    """Names that papermill set: those assigned in the cells that it starts with ``# Parameters``."""
    return {
        target.id
        for cell in cells
        if cell.startswith("# Parameters")
        for statement in ast.parse(cell).body
        if isinstance(statement, ast.Assign)
        for target in statement.targets
        if isinstance(target, ast.Name)
    }


def code_digest(notebook: Path) -> str:
    """Digest of the code of a notebook file: its text and outputs do not matter."""
    cells = json.loads(notebook.read_text())["cells"]
    return digest(["".join(cell["source"]).strip() for cell in cells if cell["cell_type"] == "code"])


class Run:
    """One execution of a notebook: what it shows, and the results that it leaves behind."""

    def __init__(self, notebook: str, parameters: Mapping[str, Any], injected: set[str]) -> None:
        self.notebook = notebook
        file = Path(f"{notebook}.ipynb")  # kernels start where their notebook lies
        self.code = code_digest(file) if file.exists() else "none"
        self.parameters = dict(parameters)
        self.profile = str(parameters.get("profile", "smoke"))
        changed = injected - {"profile", "dataset"}
        self.variant = os.environ.get("AVLIB_VARIANT") or variant(self.parameters, changed)
        self.page = f"{notebook}@{self.variant}"
        out = os.environ.get("AVLIB_OUT")
        self.results_folder = (Path(out) / "results" if out else CHECKOUT / "_build" / "results") / self.profile
        self.media_folder = Path(out) / "media" / self.profile if out else CHECKOUT / "notebooks" / "media"
        self.device = device()
        self.values: dict[str, dict[str, Any]] = {}
        self.figures: dict[str, dict[str, Any]] = {}
        self.started = time.perf_counter()

    def say(self, text: str) -> None:
        """Show `text` as Markdown: prose whose numbers are of this run."""
        display(Markdown(text))

    def result(self, key: str, value: Any, **facts: Any) -> None:
        """Keep a number, or an interval with `.value`, `.low` and `.high`, under `key`.

        It goes to the results file, and other pages can cite it.
        """
        if hasattr(value, "low"):
            facts = {"low": float(value.low), "high": float(value.high), **facts}
            value = value.value
        self.values[key] = {"value": float(value), **facts}

    def figure(self, name: str, drawn: tuple[Figure, Any]) -> None:
        """Show a figure and keep the data that it was drawn from."""
        figure, data = drawn
        display(figure)
        plt.close(figure)
        self.figures[name] = {key: _facts(values) for key, values in _columns(data).items()}

    def table(self, frame: pd.DataFrame, name: str, **formats: str) -> None:
        """Show a table; `formats` maps columns to format strings."""
        styled = frame.style.format(dict(formats), na_rep="–").set_uuid(name)
        if isinstance(frame.index, pd.RangeIndex):
            styled = styled.hide(axis="index")
        display(HTML(styled.to_html()))

    def listen(self, key: str, clips: Mapping[str, Tensor], rate: int) -> None:
        """Show a player for each waveform (samples,); all share one gain, so that loudness can be compared."""
        loudest = max(float(wave.abs().max()) for wave in clips.values())
        items = []
        for label, wave in clips.items():
            name = f"{key}-{label.split(',')[0].replace(' ', '-').replace('×', 'x')}.wav"
            with atomic(self.media_folder / self.page / name) as part:
                soundfile.write(part, (wave / max(loudest, 1e-9) * 0.9).cpu().numpy(), rate, subtype="PCM_16")
            source = f"media/{self.page}/{name}"
            items.append(
                f'<figure class="player"><figcaption>{label}</figcaption>'
                f'<audio controls preload="none" src="{source}" aria-label="{label}"></audio></figure>'
            )
        display(HTML(f'<div class="players">{"".join(items)}</div>'))

    def finish(self, data: Any = None) -> None:
        """Write the results file, let other pages cite its numbers, and show the provenance of this page."""
        source = digest(*sorted(Path(avlib.__file__).parent.rglob("*.py")))
        provenance = {
            "notebook": self.notebook,
            "variant": self.variant,
            "parameters": {name: _plain(value) for name, value in self.parameters.items()},
            "data checksum": getattr(data, "checksum", "none"),
            "code": self.code,
            "avlib": f"{avlib.__version__}, source {source}",
            "torch": torch.__version__,
            "python": platform.python_version(),
            "device": title(self.device),
            "seconds": round(time.perf_counter() - self.started, 1),
        }
        record = {"provenance": provenance, "values": self.values, "figures": self.figures}
        with atomic(self.results_folder / f"{self.page}.json") as part:
            part.write_text(json.dumps(record, indent=1, allow_nan=True) + "\n")
        for key, entry in self.values.items():
            _glue(key, entry["value"])
        rows = "".join(f"<tr><th>{name}</th><td>{value}</td></tr>" for name, value in provenance.items())
        display(HTML(f'<table class="provenance">{rows}</table>'))


def _glue(name: str, value: object) -> None:
    """Record `value` for ``{glue:text}`` on other pages, in myst-nb's wire format (importing it costs seconds)."""
    prefix = "application/papermill.record/"
    display(
        {prefix + "text/plain": repr(value)},
        raw=True,
        metadata={"scrapbook": {"name": name, "mime_prefix": prefix}},
    )


def _columns(data: Any) -> dict[str, Any]:
    if isinstance(data, pd.DataFrame):
        return {str(column): data[column].to_numpy() for column in data}
    return dict(data) if isinstance(data, Mapping) else {"values": data}


def _facts(values: Any) -> dict[str, Any]:
    array = np.asarray(values.detach().cpu() if isinstance(values, Tensor) else values)
    if array.dtype.kind not in "biuf":
        return {"shape": list(array.shape), "text": [str(v) for v in array.ravel()[:SMALL]]}
    array = array.astype(float)
    if array.size <= SMALL:
        return {"shape": list(array.shape), "numbers": array.ravel().tolist()}
    return {
        "shape": list(array.shape),
        "numbers": [float(f(array)) for f in (np.nanmean, np.nanstd, np.nanmin, np.nanmax)],
    }


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, float) and math.isinf(value) else value


__all__ = ["Run", "begin"]
