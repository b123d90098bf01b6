"""Cells of the notebooks, executed by themselves: what they say, given results that a test makes up."""

import json
import re
from collections.abc import Callable
from typing import Any

import numpy as np

from avlib.metrics import Interval
from book.places import Places


def between(low: float, high: float, clips: int = 900) -> Interval:
    middle = (low + high) / 2
    draws = np.linspace(low, high, 5)
    return Interval(value=middle, plain=middle, low=low, high=high, level=0.95, replicates=draws, seeds=1, clips=clips)


ABOVE, BELOW, ACROSS = between(0.1, 0.2), between(-0.2, -0.1), between(-0.1, 0.1)
SIDES = {1: ABOVE, 0: ACROSS, -1: BELOW}


def one_by_one(*found: Any) -> Callable[..., Any]:
    """A stand-in for `paired` and its like: one result after the other, whatever it is asked."""
    left = iter(found)
    return lambda *asked, **options: next(left)


class Run:
    """Takes what a notebook says, keeps and shows."""

    device = "cpu"

    def __init__(self) -> None:
        self.said: list[str] = []
        self.kept: dict[str, Any] = {}

    def say(self, prose: str) -> None:
        self.said.append(prose)

    def result(self, key: str, value: Any, **facts: Any) -> Any:
        self.kept[key] = value
        return value

    def figure(self, name: str, drawn: Any, words: str = "", **facts: Any) -> None:
        self.said.append(words)

    def table(self, frame: Any, **formats: Any) -> None:
        self.said.append(frame.to_string())

    def listen(self, *shown: Any, **more: Any) -> None:
        pass

    @property
    def text(self) -> str:
        """All that was said."""
        return "\n".join(self.said)

    @property
    def prose(self) -> str:
        """All that was said on one line, in which nothing may be told that is no number."""
        assert not re.search(r"\bnan\b", self.text), self.text
        return " ".join(self.text.split())


def cells(*notebooks: str) -> dict[str, str]:
    """The sources of all cells of `notebooks`, by id."""
    files = (Places().notebooks / f"{name}.ipynb" for name in notebooks)
    return {
        cell["id"]: "".join(cell["source"])
        for file in files
        for cell in json.loads(file.read_text(encoding="utf-8"))["cells"]
    }
