"""`AVLIB_ROUNDING=3 make test` runs every test and every notebook as another processor would: see `book.rounding`."""

import os

import pytest


def pytest_collectstart(collector: pytest.Collector) -> None:
    """Let nbval pass by what a run concludes in prose: it follows from numbers, which data/reference/ holds fast."""
    if hasattr(collector, "skip_compare"):
        collector.skip_compare += ("text/markdown",)


if "AVLIB_ROUNDING" in os.environ:
    from book import rounding

    seed = int(os.environ["AVLIB_ROUNDING"])
    # What is started from here, kernels included, inherits both: the noise, and a cache that no other noise fills.
    os.environ.update(rounding.environment(seed))
    os.environ["AVLIB_CACHE"] = str(rounding.ROOT / "_build" / "rounding" / str(seed))
    rounding.plant(seed)
