"""mAP, AUC and d′ of 20,000 clips × 527 classes: `avlib.metrics.tagging` against the loop over scikit-learn.

Run `python benchmarks/metrics.py [clips classes]`; both are timed in turn in one process, and the ratio of the
medians is what counts.
"""

import sys
import time
from collections.abc import Callable

import numpy as np
from sklearn.metrics import average_precision_score, roc_auc_score

from avlib.metrics import dprime, tagging


def workload(clips: int, classes: int) -> tuple[np.ndarray, np.ndarray]:
    """Scores float32 and multi-hot labels with long-tailed prevalence, about three labels a clip."""
    generator = np.random.default_rng(0)
    prevalence = 1 / (3 + np.arange(classes))
    labels = (generator.random((clips, classes)) < prevalence / prevalence.sum() * 3).astype(np.float32)
    labels[0], labels[1] = 0, 1
    return (generator.normal(size=labels.shape) + 2 * labels).astype(np.float32), labels


def loop(scores: np.ndarray, labels: np.ndarray) -> tuple[float, float, float]:
    """The usual way: two scikit-learn calls for each class."""
    columns = range(labels.shape[1])
    ap = [average_precision_score(labels[:, c], scores[:, c]) for c in columns]
    auc = [roc_auc_score(labels[:, c], scores[:, c]) for c in columns]
    return float(np.mean(ap)), float(np.mean(auc)), float(dprime(float(np.mean(auc))))


def ours(scores: np.ndarray, labels: np.ndarray) -> tuple[float, float, float]:
    """The same three numbers by the library."""
    result = tagging(scores, labels)
    return result.mAP, result.auc, result.dprime


def seconds(run: Callable[[], object]) -> float:
    """Wall-clock time of one call."""
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def main() -> None:
    """Print a table of one row: both medians, their ratio, and the largest difference of the results."""
    clips, classes = (int(value) for value in sys.argv[1:]) if sys.argv[1:] else (20_000, 527)
    scores, labels = workload(clips, classes)
    times = np.array([[seconds(lambda: loop(scores, labels)), seconds(lambda: ours(scores, labels))] for _ in range(3)])
    theirs, mine = np.median(times, axis=0)
    gap = max(abs(a - b) for a, b in zip(loop(scores, labels), ours(scores, labels), strict=True))
    print("| mAP + AUC + d′ | scikit-learn loop | avlib | ratio | largest difference |")
    print("|---|---|---|---|---|")
    print(f"| {clips} × {classes} | {theirs:.2f} s | {mine:.2f} s | {theirs / mine:.1f} | {gap:.1e} |")


if __name__ == "__main__":
    main()
