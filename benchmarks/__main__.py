"""`make bench`: all comparisons in one table.  What cannot run here is named below it, with the reason."""

import os

from avlib.errors import AvlibError
from benchmarks import metrics
from benchmarks.race import HEAD, Row, race, ratio


def scores() -> list[Row]:
    """mAP + AUC + d′ at AudioSet's size."""
    made = metrics.workload(20_000, 527)
    seconds = race({"loop": lambda: metrics.loop(*made), "avlib": lambda: metrics.ours(*made)}, 2)
    gain = ratio(seconds["loop"], seconds["avlib"])
    what = "mAP + AUC + d′, 20,000 × 527"
    return [Row(what, "scikit-learn loop", seconds["loop"], seconds["avlib"], gain, "≥ 5")]


def steps() -> list[Row]:
    """PGD against its own gradients."""
    from benchmarks import pgd_step

    return pgd_step.rows()


def peers() -> list[Row]:
    """PGD and universal perturbations against other libraries."""
    from benchmarks import peers

    return peers.rows()


def main() -> None:
    """Print the table row by row, as results come in."""
    print(HEAD, flush=True)
    left_out = []
    for part in (scores, steps, peers):
        try:
            for row in part():
                print(row.markdown(), flush=True)
        except (AvlibError, ImportError) as error:
            left_out.append(f"{part.__name__}: {error}")
    print(f"\n{os.cpu_count()} cores. " + " ".join(f"Left out: {reason}." for reason in left_out))


if __name__ == "__main__":
    main()
