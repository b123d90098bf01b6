"""How long a page takes to read."""

from typing import Any

PACE = 200  # words that are read in a minute


def words(cells: list[Any]) -> int:
    """Words that a reader of a notebook's `cells` reads: prose, and the prose that a run says; tables are looked at."""
    return sum(len(text.split()) for cell in cells for text in _prose(cell))


def minutes(cells: list[Any]) -> int:
    """Minutes that reading a notebook's `cells` takes."""
    return round(words(cells) / PACE)


def _prose(cell: Any) -> list[str]:
    if cell.cell_type == "markdown":
        return [cell.source]
    shown = [output.get("data", {}) for output in cell.get("outputs", [])]
    return [data["text/markdown"] for data in shown if "text/markdown" in data and "text/html" not in data]
