"""Density and convexity of 527 classes × 20,000 clips × 1,024 dimensions against a loop over the classes.

Run `python -m benchmarks.class_measures [clips classes dimensions]`; both are timed in turn in one process, and the
ratio is what counts.  The last line says how much memory the process ever held.
"""

import resource
import sys

import numpy as np
import torch
from torch import Tensor

from avlib.metrics.convexity import convexity
from avlib.metrics.density import density
from benchmarks.metrics import workload
from benchmarks.race import HEAD, Row, race, ratio

PAIRS = 200  # a tenth of P2's: both sides take in proportion to them
LIMIT = 4.0  # GB


def made(clips: int, classes: int, dimensions: int) -> tuple[Tensor, Tensor, Tensor]:
    """Features, labels with a long tail, and a linear head that knows something of them."""
    labels = torch.from_numpy(workload(clips, classes)[1])
    labels[:2] = 0  # the clips that have none or all of the classes
    head = torch.randn(dimensions, classes, generator=torch.Generator().manual_seed(0)) / dimensions**0.5
    noise = torch.randn(clips, dimensions, generator=torch.Generator().manual_seed(1))
    return labels @ head.T + noise / 2, labels, head


def looped_density(features: Tensor, labels: Tensor, tau: float = 0.8) -> np.ndarray:
    """ρ one class after another, as one writes the formula."""
    found = []
    for column in labels.T:
        own = features[column > 0].double().numpy()
        if len(own) < 3:
            found.append(np.nan)
            continue
        distances = np.sort(np.linalg.norm(own - own.mean(axis=0), axis=1))
        inner = int(np.ceil(tau * len(own)))
        with np.errstate(divide="ignore"):
            crust = own.shape[1] * np.log(distances[-1] / distances[inner - 1])
        found.append((len(own) - inner) / crust if crust else np.nan)
    return np.array(found)


@torch.no_grad()
def looped_convexity(features: Tensor, labels: Tensor, head: Tensor) -> np.ndarray:
    """κ one class after another, all pairs of a class at once; which clips are recognised is asked class by class."""
    found, generator = [], torch.Generator().manual_seed(0)
    for c, column in enumerate(labels.T):
        own = features[column > 0]
        ends = own[(own @ head).argmax(1) == c]
        if len(own) < 3 or len(ends) < 2:
            found.append(np.nan)
            continue
        one, other = (torch.randint(len(ends), (PAIRS,), generator=generator) for _ in range(2))
        share = torch.rand(PAIRS, 1, generator=generator)
        between = share * ends[one] + (1 - share) * ends[other]
        found.append(float(((between @ head).argmax(1) == c).double().mean()))
    return np.array(found)


def rows(clips: int = 20_000, classes: int = 527, dimensions: int = 1024) -> list[Row]:
    """One row for each measure, and whether it finds what the loop does."""
    features, labels, head = made(clips, classes, dimensions)
    results = {}

    def run(name: str, call) -> object:
        return lambda: results.__setitem__(name, call())

    def ours() -> np.ndarray:
        generator = torch.Generator().manual_seed(0)
        return convexity(features, labels, lambda x: x @ head, pairs=PAIRS, generator=generator)["kappa"].to_numpy()

    contestants = {
        "density": (lambda: looped_density(features, labels), lambda: density(features, labels)["rho"].to_numpy()),
        "convexity": (lambda: looped_convexity(features, labels, head), ours),
    }
    table = []
    for name, (theirs, mine) in contestants.items():
        seconds = race({"loop": run("loop", theirs), "avlib": run("avlib", mine)}, 2)
        gap = np.nanmax(np.abs(results["loop"] - results["avlib"]))
        gain = ratio(seconds["loop"], seconds["avlib"])
        what = f"{name} of {classes} classes, {clips:,} × {dimensions}"
        table.append(
            Row(what, "loop over classes", seconds["loop"], seconds["avlib"], gain, "≥ 1", f"off by {gap:.1e}")
        )
    return table


def held() -> float:
    """The most memory that this process ever held, in GB."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e9


if __name__ == "__main__":
    print(HEAD)
    for row in rows(*(int(value) for value in sys.argv[1:])):
        print(row.markdown())
    print(f"\nMost memory held: {held():.2f} GB of {LIMIT:g} allowed.")
