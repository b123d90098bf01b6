"""Average precision, area under the ROC curve and d′ of multi-label scores, for each class and in the mean."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.stats import norm
from torch import Tensor

from avlib.errors import AvlibError

Array = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
ArrayLike = np.ndarray | Tensor


@dataclass(frozen=True)
class Tagging:
    """What `tagging` measured.

    `mAP`, `auc` are means over the `counted` classes, those with at least one positive and one negative clip.
    `dprime` = √2·Φ⁻¹(`auc`).  `per_class` has the columns class, positives, AP, AUC; NaN where a class is not counted.
    """

    mAP: float
    auc: float
    dprime: float
    per_class: pd.DataFrame
    counted: int


def tagging(scores: ArrayLike, labels: ArrayLike, classes: Sequence[str] | None = None) -> Tagging:
    """Score a tagger: macro mAP and AUC over the classes that have both kinds of clips, and d′ of that mean AUC.

    AP_c  = (1/P) Σ_i TP(s_i)/n(s_i) over the P positive clips, TP and n counting positives and clips that score ≥ s_i
    AUC_c = P(positive scores above negative) + ½ P(they tie)
    d′    = √2·Φ⁻¹(mean AUC), as in P1 (table 1) and its code, and not the mean of the classes' d′.

    Parameters
    ----------
    scores : (N, C) logits or probabilities; any monotone transform of a column gives the same result.  Half precision
        is safe: scores are only compared, and all counting is in float64.
    labels : (N, C) of 0 and 1.
    classes : names of the C classes; their numbers when left out.

    Raises
    ------
    AvlibError
        When the shapes differ, a score is NaN, a label is neither 0 nor 1, or there are not C names.

    >>> result = tagging(np.array([[0.9, 0.1], [0.8, 0.2], [0.1, 0.3]]), np.array([[1, 0], [0, 0], [1, 0]]))
    >>> round(result.mAP, 3), result.auc, result.counted
    (0.833, 0.5, 1)
    """
    values, truth = arrays(scores, labels)
    names = list(range(truth.shape[1])) if classes is None else list(classes)
    if len(names) != truth.shape[1]:
        raise AvlibError(f"{len(names)} class names for scores of {truth.shape[1]} classes: give one name a class")
    pairs = [_ap_auc(values[:, c], truth[:, c]) for c in range(truth.shape[1])]
    ap, auc = np.array(pairs, dtype=np.float64).reshape(-1, 2).T
    table = pd.DataFrame({"class": names, "positives": truth.sum(axis=0), "AP": ap, "AUC": auc})
    counted = int(np.isfinite(ap).sum())
    mean_ap, mean_auc = (float(np.nanmean(ap)), float(np.nanmean(auc))) if counted else (math.nan, math.nan)
    return Tagging(mean_ap, mean_auc, float(dprime(mean_auc)), table, counted)


def dprime(auc: float | Array) -> Array:
    """d′ = √2·Φ⁻¹(AUC): the distance of two unit normal distributions with that AUC; ±inf at AUC = 1 and 0.

    >>> dprime(0.5).item(), dprime(1.0).item(), round(dprime(0.97).item(), 3)
    (0.0, inf, 2.66)
    """
    return np.asarray(math.sqrt(2) * norm.ppf(auc))


def max_ap_given_auc(auc: float | Array, positives: int, negatives: int) -> Array:
    """The largest AP that a class can have at this AUC: π + (1 − π)·AUC, with prevalence π = P/(P + Q).

    Let u_i be the negatives above positive i, those tied with it counted half, so that AUC = 1 − mean(u)/Q.  Its
    precision is at most P/(P + u_i), a convex function of u_i, hence under its chord from u = 0 (value 1) to u = Q
    (value π): at most 1 − (1 − π)·u_i/Q.  The mean over i is the bound.  It is reached when some positives tie above
    all negatives and the others tie below.  Being linear it holds for macro means over equally frequent classes too.
    A table whose mAP lies above it has a misprint.

    >>> round(max_ap_given_auc(0.623, 1, 33).item(), 3)
    0.634
    """
    prevalence = positives / (positives + negatives)
    return np.asarray(prevalence + (1 - prevalence) * np.asarray(auc, dtype=np.float64))


def arrays(scores: ArrayLike, labels: ArrayLike) -> tuple[npt.NDArray[np.floating], Flags]:
    """Scores as float32 or float64 (float16 and bfloat16 fit into float32 exactly) and labels as booleans, checked."""
    values, truth = _numpy(scores), _numpy(labels)
    if values.ndim != 2 or values.shape != truth.shape:
        raise AvlibError(f"scores {values.shape} and labels {truth.shape} must have the same shape (clips, classes)")
    if np.isnan(values).any():
        clips = int(np.isnan(values).any(axis=1).sum())
        raise AvlibError(f"scores are NaN in {clips} of {len(values)} clips: NaN has no rank, look for it upstream")
    flags = truth.astype(bool)
    if not np.array_equal(flags, truth):
        raise AvlibError(f"labels must be 0 or 1, found {truth[flags != truth][0]}: threshold soft labels first")
    return values, flags


def _numpy(values: ArrayLike) -> np.ndarray:
    if isinstance(values, Tensor):
        values = values.detach().cpu()
        values = (values.float() if values.is_floating_point() and values.itemsize == 2 else values).numpy()
    values = np.asarray(values)
    if values.dtype == np.float16:
        return values.astype(np.float32)
    return values if values.dtype.kind in "fb" else values.astype(np.float64)


def _ap_auc(scores: np.ndarray, truth: Flags) -> tuple[float, float]:
    """AP and AUC of one class by counting in sorted scores, which is exact on ties and needs no argsort."""
    ranked, hits = np.sort(scores), np.sort(scores[truth])
    clips, positives = len(ranked), len(hits)
    if positives in (0, clips):
        return math.nan, math.nan
    below, up_to = (np.searchsorted(ranked, hits, side) for side in ("left", "right"))
    hits_below, hits_up_to = (np.searchsorted(hits, hits, side) for side in ("left", "right"))
    precision = (positives - hits_below) / (clips - below)
    negatives_below = (below - hits_below + up_to - hits_up_to) / 2
    return float(precision.mean()), float(negatives_below.mean() / (clips - positives))
