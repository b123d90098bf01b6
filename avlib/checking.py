"""Whether what a reader has written is right: it is tried beside the library's own, and no answer is shown."""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from avlib import text

LONGEST = 200  # characters of an error that are quoted


def verdict(
    mine: Callable[..., Any], right: Callable[..., Any], cases: Iterable[tuple[Any, ...]], tolerance: float = 1e-4
) -> str:
    """One sentence, in Markdown: does `mine` give what `right` gives, to within `tolerance`, on all `cases`?

    A case is a tuple of arguments; both functions get copies of the tensors and arrays in it.  Results are numbers,
    arrays or tensors.  Where `mine` gives None or ``...`` at the first case, it is not written yet.  Else the first
    case that goes wrong is named, and what is wrong there: an error, the shape, or by how much numbers are off.

    >>> cases = [(1.0,), (-2.0,)]
    >>> verdict(lambda x: ..., abs, cases)
    'Not written yet.'
    >>> verdict(lambda x: x, abs, cases)
    'Not yet: on case 2 it is off by 4, and 0.0001 is allowed.'
    >>> verdict(lambda x: max(x, -x), abs, cases)
    '**Right**: 2 of 2 cases.'
    """
    number = 0
    for number, case in enumerate(cases, start=1):
        wanted = _numbers(right(*_copied(case)))
        try:
            result = mine(*_copied(case))
        except Exception as error:  # a reader's code may raise anything
            words = " ".join(f"{type(error).__name__}: {error}".split())[:LONGEST]
            return f"Not yet: on case {number} it stops with {text.cell(words)}."
        if result is None or result is ...:
            return "Not written yet." if number == 1 else f"Not yet: on case {number} it gives nothing."
        if fault := _fault(result, wanted, tolerance):
            return f"Not yet: on case {number} {fault}."
    return f"**Right**: {number} of {number} cases."


def _fault(result: Any, wanted: NDArray[np.float64], tolerance: float) -> str:
    """What is wrong with a result; nothing where it is right."""
    try:
        found = _numbers(result)
    except (TypeError, ValueError, RuntimeError):
        return f"it gives a {type(result).__name__} that holds no numbers"
    if found.shape != wanted.shape:
        return f"it gives {_shape(found)}, and {_shape(wanted)} is wanted"
    if (np.isnan(found) != np.isnan(wanted)).any():
        return "it gives NaN where a number is wanted, or a number where NaN is"
    same = (found == wanted) | np.isnan(wanted)  # infinities, whose difference is no number, among them
    off = np.abs(np.where(same, 0, found) - np.where(same, 0, wanted)).max(initial=0)
    up_to = "up to " if found.ndim else ""
    return "" if off <= tolerance else f"it is off by {up_to}{off:.3g}, and {tolerance:g} is allowed"


def _numbers(result: Any) -> NDArray[np.float64]:
    plain = result.detach().cpu().double() if isinstance(result, Tensor) else result
    return np.asarray(plain, dtype=np.float64)


def _shape(values: NDArray[np.float64]) -> str:
    return f"shape {values.shape}" if values.ndim else "one number"


def _copied(value: Any) -> Any:
    """`value` with tensors and arrays of its own, so that neither function changes what the other gets."""
    if isinstance(value, Tensor):
        return value.detach().clone().requires_grad_(value.requires_grad)
    if isinstance(value, np.ndarray):
        return value.copy()
    if isinstance(value, dict):
        return {key: _copied(one) for key, one in value.items()}
    return tuple(map(_copied, value)) if type(value) in (tuple, list) else value
