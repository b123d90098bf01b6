"""`make bench`: all comparisons in one table, then the machine.  What cannot run here is named, with the reason."""

import os
import platform
from collections.abc import Callable
from pathlib import Path

import torch

from avlib.errors import AvlibError
from avlib.provenance import versions
from benchmarks import metrics
from benchmarks.race import HEAD, Row, race, ratio

PEERS = ("torch", "numpy", "scikit-learn", "torchattacks", "foolbox", "adversarial-robustness-toolbox")


def scores() -> list[Row]:
    """mAP + AUC + d′ at AudioSet's size."""
    made = metrics.workload(20_000, 527)
    seconds = race({"loop": lambda: metrics.loop(*made), "avlib": lambda: metrics.ours(*made)}, 2)
    gain = ratio(seconds["loop"], seconds["avlib"])
    what = "mAP + AUC + d′, 20,000 × 527"
    return [Row(what, "scikit-learn loop", seconds["loop"], seconds["avlib"], gain, "≥ 5")]


def class_measures() -> list[Row]:
    """Density and convexity of all classes at AudioSet's size."""
    from benchmarks import class_measures

    return class_measures.rows()


def steps() -> list[Row]:
    """PGD against its own gradients."""
    from benchmarks import pgd_step

    return pgd_step.rows()


def fusion() -> list[Row]:
    """An attack on one sense of two, which computes the other once."""
    from benchmarks import fusion_attack

    return fusion_attack.rows()


def training() -> list[Row]:
    """A training step against the same step written plainly."""
    from benchmarks import training_step

    return training_step.rows()


def media() -> list[Row]:
    """Reading a folder of films into a store."""
    from benchmarks import ingest

    return ingest.rows()


def peers() -> list[Row]:
    """PGD and universal perturbations against other libraries."""
    from benchmarks import peers

    return peers.rows()


def processor() -> str:
    """The processor by its own name, where the system tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    named = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return named[0] if named else platform.processor() or platform.machine()


def load() -> str:
    """Processes that want to run, on average over the last minute."""
    return f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "unknown"


def main() -> None:
    """Print the table row by row, as results come in."""
    before, left_out = load(), []
    print(HEAD, flush=True)
    parts: tuple[Callable[[], list[Row]], ...] = (scores, class_measures, steps, fusion, training, media, peers)
    for part in parts:
        try:
            for row in part():
                print(row.markdown(), flush=True)
        except (AvlibError, ImportError) as error:
            left_out.append(f"{part.__name__}: {error}")
    print(f"\n{processor()}, {os.cpu_count()} cores, of which {torch.get_num_threads()} used.")
    print(f"Load {before} before and {load()} after.")
    print(f"Python {platform.python_version()}, " + ", ".join(f"{k} {v}" for k, v in versions(*PEERS).items()) + ".")
    for reason in left_out:
        print(f"Left out: {reason}.")


if __name__ == "__main__":
    main()
