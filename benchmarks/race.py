"""Timing on a machine that others use too: contestants take turns, medians count, only ratios are reported."""

import gc
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """One comparison: seconds of the peer and of avlib, the ratio as it is asked for, and what was checked."""

    what: str
    peer: str
    theirs: float
    ours: float
    ratio: float
    asked: str
    remark: str = ""

    def markdown(self) -> str:
        cells = (self.what, self.peer, f"{self.theirs:.3g} s", f"{self.ours:.3g} s", f"{self.ratio:.2f}", self.asked)
        return "| " + " | ".join((*cells, self.remark)) + " |"


HEAD = (
    "| what | peer | peer takes | avlib takes | ratio | asked for | remark |\n"
    "|:-----|:-----|-----------:|------------:|------:|:----------|:-------|"
)


def race(contestants: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Median seconds of each contestant over `rounds`, in turn within each round, after one round to warm up."""
    times: dict[str, list[float]] = {name: [] for name in contestants}
    for number in range(rounds + 1):
        for name, run in contestants.items():
            gc.collect()
            start = time.perf_counter()
            run()
            if number:
                times[name].append(time.perf_counter() - start)
    return {name: statistics.median(each) for name, each in times.items()}
