"""Timing on a machine that others use too: contestants take turns, medians count, only ratios are reported."""

import gc
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """One comparison: seconds of the peer and of avlib in each round, the ratio asked for, and what was checked."""

    what: str
    peer: str
    theirs: list[float]
    ours: list[float]
    ratio: float
    asked: str
    remark: str = ""

    def markdown(self) -> str:
        theirs, ours = (f"{statistics.median(times):.3g} s" for times in (self.theirs, self.ours))
        cells = (self.what, self.peer, theirs, ours, f"{self.ratio:.2f}", self.asked)
        return "| " + " | ".join((*cells, self.remark)) + " |"


HEAD = (
    "| what | peer | peer takes | avlib takes | ratio | asked for | remark |\n"
    "|:-----|:-----|-----------:|------------:|------:|:----------|:-------|"
)


def race(contestants: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, list[float]]:
    """Seconds of each contestant in each of `rounds`, in turn within a round, after one round to warm up."""
    times: dict[str, list[float]] = {name: [] for name in contestants}
    for number in range(rounds + 1):
        for name, run in contestants.items():
            gc.collect()
            start = time.perf_counter()
            run()
            if number:
                times[name].append(time.perf_counter() - start)
    return times


def ratio(above: list[float], below: list[float]) -> float:
    """Median over the rounds of the ratio within a round: what slows the whole machine down cancels."""
    return statistics.median(a / b for a, b in zip(above, below, strict=True))
