"""What a notebook needs besides ideas: checked parameters, results, tables, players, provenance.

This is the only module that knows IPython.
"""

import ast
import contextlib
import html
import json
import math
import os
import platform
import re
import time
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any, TypeVar

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import soundfile
import torch
from IPython.core.interactiveshell import InteractiveShell
from IPython.display import HTML, Markdown, display
from matplotlib.figure import Figure
from matplotlib.text import Text
from torch import Tensor

import avlib
from avlib import clock, tables, text
from avlib.claims import verdicts
from avlib.clock import spent
from avlib.device import device, title
from avlib.errors import AvlibError
from avlib.files import CHECKOUT, atomic
from avlib.ledger import Entry, ledger
from avlib.metrics import Interval
from avlib.parameters import check, declared_in, usual, variant
from avlib.plots import ledger as leaves
from avlib.plots import marks, screen, slider, style
from avlib.provenance import cells, digest, forget, notebook_digest, results_digest, sources, use, used

Value = TypeVar("Value")
SMALL = 512  # numbers of one figure that are stored whole; larger arrays are summarised


def begin(notebook: str, namespace: dict[str, Any]) -> "Run":
    """Check the parameters of `notebook` in its `namespace` (``globals()``) and start its run.

    Parameters are the names of the cell tagged ``parameters``, the one that annotates ``profile`` and nothing but
    annotates; their values are replaced by checked ones, so that ``"8/255"`` becomes a number.  From here on an
    `AvlibError` shows its one line alone.

    Raises
    ------
    AvlibError
        When a parameter is unknown, has the wrong type or a value that is not allowed.
    """
    shell = InteractiveShell.instance()
    shell.set_custom_exc((AvlibError,), _one_line)
    executed, file = namespace.get("In", []), Path(f"{notebook}.ipynb")  # kernels start where their notebook lies
    # Some runners keep no history.
    declared = declared_in(executed) or declared_in(cells(file) if file.exists() else [])
    if "profile" not in declared:
        raise AvlibError(f"{notebook}: run the cell of the parameters first; it must say, among others, profile: str")
    values = {name: namespace[name] for name in declared.keys() | _injected(executed)}
    checked = check(values, set(declared), notebook)
    namespace.update(checked)
    style.use()
    forget()
    clock.restart()
    return Run(notebook, checked, check({**values, **declared}, set(declared), notebook))


def _one_line(
    shell: InteractiveShell, kind: type, error: BaseException, trace: object, tb_offset: object = None
) -> None:
    shell._showtraceback(kind, error, [f"{kind.__name__}: {error}"])


def _injected(executed: list[str]) -> set[str]:
    """Names that papermill set: those assigned in the cells that it starts with ``# Parameters``."""
    return {
        target.id
        for cell in executed
        if cell.startswith("# Parameters")
        for statement in ast.parse(cell).body
        if isinstance(statement, ast.Assign)
        for target in statement.targets
        if isinstance(target, ast.Name)
    }


class Run:
    """One execution of a notebook: what it shows, and the results that it leaves behind."""

    def __init__(self, notebook: str, parameters: Mapping[str, Any], defaults: Mapping[str, Any]) -> None:
        self.notebook = notebook
        self.parameters = dict(parameters)
        self.profile = str(parameters.get("profile", "smoke"))
        self.variant = os.environ.get("AVLIB_VARIANT") or variant(parameters, defaults)
        self.page = f"{notebook}@{self.variant}"
        out = os.environ.get("AVLIB_OUT")
        self.results_folder = (Path(out) / "results" if out else CHECKOUT / "_build" / "results") / self.profile
        self.media_folder = Path(out) / "media" / self.profile if out else CHECKOUT / "notebooks" / "media"
        self.device = device()
        file = Path(f"{notebook}.ipynb")  # kernels start where their notebook lies; read now, it may be edited later
        self.code, self.library = (
            (notebook_digest(file), digest(sources(code="\n".join(cells(file))))) if file.exists() else ("none", "none")
        )
        self.values: dict[str, dict[str, Any]] = {}
        self.figures: dict[str, dict[str, Any]] = {}
        self.started = time.perf_counter()

    def say(self, prose: str) -> None:
        """Show `prose` as Markdown: prose whose numbers are of this run; names of its data are no Markdown."""
        display(Markdown(text.markdown(prose)))

    def result(self, key: str, value: Value, **facts: Any) -> Value:
        """Keep a number, or an interval as `avlib.metrics` gives it, under `key`, and give it back to be said.

        It goes to the results file, and other pages can cite it.  Of an interval that file keeps the corrected value,
        its ends, the plain value, and from how many seeds and clips it is.  Two `facts` decide how closely the tests
        compare a number: ``kind="exact"`` (a formula, the same on every processor), ``clips=N`` (a share of N clips).
        """
        if isinstance(value, Interval):
            kept = ("low", "high", "plain", "seeds", "clips")
            facts = {fact: getattr(value, fact) for fact in kept} | facts
        plain: Any = value.value if isinstance(value, Interval) else value
        self.values[key] = {"value": float(plain), **facts}
        return value

    def verdicts(self) -> None:
        """Show what the results kept so far say to the claims that are decided on this page, the verdict first."""
        blocks = []
        for row in verdicts(self.notebook, self._own()).to_dict("records"):
            claim, *facts = [(name, html.escape(text)) for name, text in row.items()]
            rows = "".join(f'<tr><th scope="row">{name}</th><td>{text}</td></tr>' for name, text in facts)
            blocks.append(f'<tbody><tr><th colspan="2">{claim[1]}</th></tr>{rows}</tbody>')
        display(HTML(f'<table class="verdicts">{"".join(blocks)}</table>'))

    def ledger(self) -> list[Entry]:
        """Show what the pages of this profile and the committed evidence say to every claim of the papers.

        A page that has left no results, or is none of the inputs, was "not run here".
        """

        def of(page: str) -> Mapping[str, Any] | None:
            with contextlib.suppress(AvlibError):
                return self._own() if page == self.notebook else self.record(page)
            return None

        entries = ledger(of, self._asked)
        display(HTML(leaves.html(entries, f"{self.notebook}-ledger")))
        return entries

    @property
    def _asked(self) -> str:
        """Data set that somebody asked for in place of the usual ones of the chapters; "" where nobody did."""
        own = str(self.parameters.get("dataset", "synthav"))
        return "" if own == usual(self.notebook) else own

    def _own(self) -> dict[str, Any]:
        return {"provenance": {"parameters": self.parameters}, "values": self.values}

    @spent("drawing")
    def figure(self, name: str, drawn: tuple[Figure, Any], words: str = "", **facts: Any) -> None:
        """Show a figure and keep the data that it was drawn from, with `facts` beside each column.

        `words` stand for the picture where it cannot be seen.  They are given here where they tell what this run found,
        and else in the metadata of the cell.
        """
        figure, data = drawn
        _no_mathematics(figure)
        display(HTML(screen.html(figure, f"{self.notebook}-{name}", words)))
        plt.close(figure)
        self.figures[name] = {key: {**_facts(values), **facts} for key, values in _columns(data).items()}

    def table(self, frame: pd.DataFrame, keep: Mapping[str, str] | None = None, **formats: str) -> None:
        """Show a table, as `avlib.tables.shown` writes it with `formats`.

        `keep` maps columns to keys under which their numbers are kept, as by `result`: ``{"mAP": "mAP_{}"}`` keeps the
        column mAP under ``mAP_`` and the name of each row.
        """
        for column, key in (keep or {}).items():
            for row, value in frame[column].items():
                self.result(key.format(str(row).replace(" ", "_")), value)
        display(tables.shown(frame, formats), raw=True)

    @spent("drawing")
    def listen(
        self,
        key: str,
        clips: Mapping[str, Tensor],
        rate: int,
        pictures: Mapping[str, tuple[np.ndarray, str]] | None = None,
    ) -> None:
        """Show a player for each waveform (samples,); all share one gain, so that loudness can be compared.

        `pictures` maps labels to an image (H, W, 3) in [0, 1], which stands above its player, and a line of words.
        """
        items = []
        for label, source in zip(clips, self._sounds(key, clips, rate), strict=True):
            spoken, shown, words = html.escape(text.clean(label)), "", text.html(label)
            if pictures:
                image, told = pictures[label]
                beside = source.replace(".wav", ".png")
                with atomic(self.media_folder / self.page / Path(beside).name) as part:
                    plt.imsave(part, image, format="png")
                shown = (f'<img src="{beside}" alt="{spoken}: {html.escape(text.clean(told))}" '
                         'loading="lazy" style="width:100%;max-width:16rem;image-rendering:pixelated">')  # fmt: skip
                words = f"<strong>{words}</strong><br>{text.html(told)}"
            items.append(
                f'<figure class="player">{shown}<figcaption>{words}</figcaption>'
                f'<audio controls preload="none" src="{source}" aria-label="{spoken}"></audio></figure>'
            )
        kind = "players pictured" if pictures else "players"
        display(HTML(f'<div class="{kind}">{"".join(items)}</div>'))

    @spent("drawing")
    def slider(
        self, key: str, states: Sequence[slider.State], rate: int, classes: Sequence[str], labels: Tensor
    ) -> None:
        """Show one clip under an attack of several strengths, and a control between them: see `avlib.plots.slider`."""
        sounds = self._sounds(key, {state.name: state.heard for state in states}, rate)
        display(HTML(slider.html(states, sounds, classes, labels, f"{self.notebook}-{key}")))

    @spent("drawing")
    def pointed(self, key: str, shown: Sequence[marks.Mark], rate: int, axes: tuple[str, str], words: str) -> None:
        """Show classes in a picture that tells and plays the one pointed at: see `avlib.plots.marks`."""
        sounds = self._sounds(key, {mark.name: mark.heard for mark in shown}, rate)
        display(HTML(marks.html(shown, sounds, axes, words, f"{self.notebook}-{key}")))

    def _sounds(self, key: str, clips: Mapping[str, Tensor], rate: int) -> list[str]:
        """Write waveforms beside the page, all with one gain, and give the addresses that the page knows them by."""
        loudest = max(float(wave.abs().max()) for wave in clips.values())
        addresses = []
        for number, (label, wave) in enumerate(clips.items(), start=1):  # two labels may differ by a comma alone
            name = f"{key}-{number}-{re.sub('[^a-z0-9]+', '-', label.lower().replace('×', 'x')).strip('-')[:60]}.wav"
            with atomic(self.media_folder / self.page / name) as part:
                soundfile.write(part, (wave / max(loudest, 1e-9) * 0.9).cpu().numpy(), rate, subtype="PCM_16")
            addresses.append(f"media/{self.page}/{name}")
        return addresses

    def results(self, page: str) -> dict[str, dict[str, Any]]:
        """The numbers of another page of this profile, as its `result` kept them: {key: {"value": …, …}}.

        The entry of this page in book/profiles/ lists `page` among its `inputs`, so that it is executed before.

        Raises
        ------
        AvlibError
            When `page` is not among the inputs, or has not been executed.
        """
        values: dict[str, dict[str, Any]] = self.record(page)["values"]
        return values

    def record(self, page: str) -> dict[str, Any]:
        """All that another page of this profile has left, as its `finish` wrote it: as `results`, and as strict."""
        inputs = json.loads(os.environ.get("AVLIB_INPUTS") or "null")
        if inputs is None:  # nobody planned this run: a person in JupyterLab, or a test
            name = page if "@" in page else f"{page}@{self._asked or usual(page)}"
            inputs = {page: str(self.results_folder / f"{name}.json")}
        path = Path(inputs.get(page, ""))
        use("page", page, results_digest(path))  # whether it is there or not: either may change
        if page not in inputs:
            raise AvlibError(f"{self.notebook} reads {page!r}: list it among the inputs of its entry in book/profiles/")
        try:
            found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
            return {"values": found["values"], "provenance": found["provenance"]}
        except (OSError, ValueError, KeyError):
            raise AvlibError(f"no results of {page} at {path}: "
                             f"make book PROFILE={self.profile} ONLY={page}") from None  # fmt: skip

    def finish(self, data: Any = None) -> None:
        """Write the results file, whose numbers other pages can cite, and show the provenance of this page."""
        provenance = {
            "notebook": self.notebook,
            "variant": self.variant,
            "parameters": {name: _plain(value) for name, value in self.parameters.items()},
            "data checksum": getattr(data, "checksum", "none"),
            "code": self.code,
            "avlib": f"{avlib.__version__}, source {self.library}",
            "torch": torch.__version__,
            "python": platform.python_version(),
            "device": title(self.device),
            "seconds": round(time.perf_counter() - self.started, 1),
            "date": date.today().isoformat(),
        }
        behind = {"spent": {kind: round(took, 1) for kind, took in clock.seconds().items()}, "used": used()}
        record = {"provenance": {**provenance, **behind}, "values": self.values, "figures": self.figures}
        with atomic(self.results_folder / f"{self.page}.json") as part:
            part.write_text(json.dumps(record, indent=1, allow_nan=True) + "\n")
        rows = "".join(
            f"<tr><th>{name}</th><td>{text.html(str(value))}</td></tr>" for name, value in provenance.items()
        )
        told = f"{self.variant}, {self.profile}, {provenance['date']}, {provenance['seconds']} s"
        display(HTML(f'<details class="provenance"><summary>{told}</summary><table>{rows}</table></details>'))


def _no_mathematics(figure: Figure) -> None:
    """Let every dollar in `figure` be a dollar, but for those that matplotlib itself writes on its axes."""
    for axes in figure.axes:
        for axis in (axes.xaxis, axes.yaxis):
            axis.get_ticklabels(which="both")  # writes them, as drawing would
    for shown in figure.findobj(Text):
        if "$" in shown.get_text() and "\\mathdefault" not in shown.get_text():
            shown.set_parse_math(False)


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
