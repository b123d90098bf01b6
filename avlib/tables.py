"""A table as text: each cell is written once, and shown as HTML and as Markdown."""

import math
from collections.abc import Mapping
from typing import Any

import pandas as pd

from avlib import text
from avlib.metrics import Interval


def shown(frame: pd.DataFrame, formats: Mapping[str, str]) -> dict[str, str]:
    """`frame` by media type: HTML for notebooks, and Markdown for the book, which can number and refer to it.

    `formats` maps columns to format strings; other numbers have three decimals, and nothing is a dash.  Words are text
    and no markup.

    >>> print(shown(pd.DataFrame({"class": ["siren"], "AP": [0.25]}), {"AP": "{:.1f}"})["text/markdown"])
    | class | AP |
    |:---|---:|
    | siren | 0.2 |
    """
    sides = {name: "left" if values.map(_wordy).any() else "right" for name, values in frame.items()}
    cells = pd.DataFrame({name: [_written(value, formats.get(str(name))) for value in frame[name]] for name in frame})
    if not isinstance(frame.index, pd.RangeIndex):
        cells.insert(0, name := frame.index.name or "", list(map(str, frame.index)))
        sides = {name: "left", **sides}
    return {"text/html": _html(cells, list(sides.values())), "text/markdown": _markdown(cells, list(sides.values()))}


def _html(cells: pd.DataFrame, sides: list[str]) -> str:
    def row(tag: str, words: list[str]) -> str:
        fields = zip(sides, map(text.html, words), strict=True)
        return "".join(
            ["<tr>", *(f'<{tag} style="text-align:{side}">{word}</{tag}>' for side, word in fields), "</tr>"]
        )

    head, *body = _rows(cells)
    lines = [row("th", head), "</thead><tbody>", *(row("td", words) for words in body)]
    return "\n".join(['<table class="dataframe"><thead>', *lines, "</tbody></table>"])


def _markdown(cells: pd.DataFrame, sides: list[str]) -> str:
    head, *body = ["| " + " | ".join(map(text.cell, words)) + " |" for words in _rows(cells)]
    return "\n".join([head, "|" + "|".join({"left": ":---", "right": "---:"}[side] for side in sides) + "|", *body])


def _rows(cells: pd.DataFrame) -> list[list[str]]:
    return [list(map(str, cells.columns)), *cells.to_numpy().tolist()]


def _written(value: Any, form: str | None) -> str:
    number = value.value if isinstance(value, Interval) else value
    if number is None or (isinstance(number, float) and math.isnan(number)):
        return "–"
    return (form or ("{:.3f}" if isinstance(value, float) else "{}")).format(value)


def _wordy(value: Any) -> bool:
    """Whether `value` is read as words: text without a digit."""
    return isinstance(value, str) and not any(map(str.isdigit, value))
