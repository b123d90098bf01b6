"""How far a number of the book may move: what a reference holds, and what differs from it.

A tolerance is three times the spread of a number over five runs that round differently (`book.rounding`), or 2.5 times
that over runs on two processors: seven standard deviations, of which the spread of five runs is 2.3 and of eight 2.8.
It is never below a floor that fits the kind of number:

    exact      1e-6 of its size, where the page says so: ``run.result(key, value, kind="exact")``
    interval   a fifth of the interval's width, for the value and for both ends
    clips      two clips, for a share of N clips without an interval: ``run.result(key, value, clips=N)``
    others     a hundredth of the size of the number, in an array of each element

An array stands in the reference whole where its worst element is stable, else with its mean, deviation and quartiles
as far as these are.  A number is not kept when 0 would pass for it, or when one run leaves the tolerance that all
others lead to: chaos decides it.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

SPREADS, WIDENED, EXACT, WIDTH, CLIPS, RELATIVE, ABSOLUTE = 3, 2.5, 1e-6, 0.2, 2, 1e-2, 1e-4
SUMMARIES = {
    "mean": np.nanmean,
    "deviation": np.nanstd,
    "lower quartile": lambda values: np.nanquantile(values, 0.25),
    "median": np.nanmedian,
    "upper quartile": lambda values: np.nanquantile(values, 0.75),
}
OF = " of "  # "mean of figure reach.CSN"
HOW = "to see what rounding noise does to the page as it is now: python -m book.reference --check"

Record = dict[str, Any]


@dataclass(frozen=True)
class Kind:
    """What decides the floor of a number's tolerance."""

    exact: bool = False
    width: float = math.nan
    clips: float = math.nan

    @property
    def least(self) -> float:
        """The least tolerance, whatever the size of the number."""
        floors = [WIDTH * self.width, CLIPS / self.clips, ABSOLUTE]  # an interval without width says nothing of luck
        return EXACT if self.exact else next(floor for floor in floors if math.isfinite(floor) and floor > 0)

    @property
    def share(self) -> float:
        """The least tolerance as a share of the number's size."""
        scaled = math.isnan(self.width) and math.isnan(self.clips)
        return EXACT if self.exact else RELATIVE if scaled else 0.0

    def floor(self, size: float) -> float:
        """The least tolerance of a number of this kind and `size`."""
        return max(self.least, self.share * size)


@dataclass(frozen=True)
class Number:
    """A number, an array or a text of a results file."""

    value: Any
    kind: Kind = Kind()

    @property
    def numeric(self) -> bool:
        return all(isinstance(v, int | float) for v in (self.value if isinstance(self.value, list) else [self.value]))

    @property
    def array(self) -> np.ndarray:
        return np.atleast_1d(np.asarray(self.value, dtype=float))


@dataclass(frozen=True)
class Difference:
    """How far a number lies from its reference."""

    key: str
    value: Any
    reference: Any
    tolerance: float = 0.0
    spread: float = 0.0

    @property
    def share(self) -> float:
        """The distance in tolerances; infinite where nothing may differ."""
        if not (isinstance(self.value, float) and isinstance(self.reference, float) and self.tolerance):
            return math.inf
        return float(_apart(np.array(self.value), np.array(self.reference))) / self.tolerance

    def __str__(self) -> str:
        if not self.tolerance:
            return f"{self.key} is {self.value}, was {self.reference}: no processor does that"
        lies = "within" if self.share <= 1 else "beyond"
        return (
            f"{self.key} = {self.value:.6g}, was {self.reference:.6g} ± {self.tolerance:.2g} (noise moved it by "
            f"{self.spread:.2g}): {self.share:.2g} of the tolerance, {lies} what another processor does"
        )


def flat(record: Record) -> dict[str, Number]:
    """Every number, array and text of a results file under one name: ``mAP``, ``mAP.low``, ``figure loss.ε``."""
    found: dict[str, Number] = {}
    for key, facts in record["values"].items():
        width = facts["high"] - facts["low"] if "high" in facts else math.nan
        kind = Kind(facts.get("kind") == "exact", width, facts.get("clips") or math.nan)  # 0: unknown
        for fact, value in facts.items():
            if fact != "kind":
                counted = isinstance(value, int) and fact != "value"  # how many clips, seeds, …
                found[key if fact == "value" else f"{key}.{fact}"] = Number(
                    value, Kind(exact=True) if counted else kind
                )
    for name, columns in record["figures"].items():
        ends = [
            np.array(columns[end]["numbers"], float) for end in ("low", "high") if "numbers" in columns.get(end, {})
        ]
        width = float(np.nanmedian(ends[1] - ends[0])) if len(ends) == 2 else math.nan
        for column, facts in columns.items():
            interval = column in ("value", "low", "high")
            kind = Kind(facts.get("kind") == "exact", width if interval else math.nan)
            place = f"figure {name}.{column}"
            found[f"{place}.shape"] = Number("×".join(map(str, facts["shape"])))
            numbers = facts.get("numbers", facts.get("text"))
            if "numbers" in facts and math.prod(facts["shape"]) > len(numbers):  # too many to be stored one by one
                summary = zip(("mean", "deviation", "least", "largest"), numbers, strict=True)
                found |= {f"{place}.{word}": Number(value, kind) for word, value in summary}
            else:
                found[place] = Number(numbers, kind)
    return found


def compare(record: Record, reference: Record) -> list[Difference]:
    """What differs between a results file and its reference by more than another processor would make it."""
    return [difference for difference in distances(record, reference) if not difference.share <= 1]


def distances(record: Record, reference: Record) -> list[Difference]:
    """How far each number lies from its reference: the worst element of an array stands for the array."""
    found, kept = flat(record), reference["numbers"]
    names = {*map(_whole, kept), *reference["texts"], *reference["unstable"]}
    differences = [Difference(key, "missing", "there") for key in sorted(names - found.keys())]
    differences += [Difference(key, "new", "not there") for key in sorted(found.keys() - names)]
    for key in sorted(found.keys() & reference["texts"].keys()):
        if found[key].value != reference["texts"][key]:
            differences.append(Difference(key, found[key].value, reference["texts"][key]))
    for key, entry in sorted(kept.items()):
        if _whole(key) in found:
            differences += _distance(key, found[_whole(key)], entry)
    return differences


def _whole(key: str) -> str:
    """The name of the array that `key` is a summary of, or `key` itself."""
    summary, _, whole = key.partition(OF)
    return whole if summary in SUMMARIES else key


def _distance(key: str, number: Number, entry: Record) -> list[Difference]:
    if not number.numeric:
        return [Difference(key, number.value, "a number")]
    new, old = number.array, np.atleast_1d(np.asarray(entry["value"], dtype=float))
    if _whole(key) != key:
        new = np.atleast_1d(SUMMARIES[key.partition(OF)[0]](new))
    if new.shape != old.shape:
        return [Difference(key, f"{new.size} numbers", f"{old.size} numbers")]
    if not new.size:
        return []
    allowed = _allowed(entry)
    worst = int((_apart(new, old) / allowed).argmax())
    place = key if np.ndim(entry["value"]) == 0 else f"{key}[{worst}]"
    return [Difference(place, float(new[worst]), float(old[worst]), float(allowed[worst]), entry["spread"])]


def _allowed(entry: Record) -> np.ndarray:
    """The tolerance of each element: the one of the entry, or a share of its own size if that is more."""
    values = np.atleast_1d(np.asarray(entry["value"], dtype=float))
    sizes = np.where(np.isfinite(values), np.abs(values), 0.0)
    return np.maximum(entry["tolerance"], entry.get("share", 0.0) * sizes)


def _apart(new: np.ndarray, old: np.ndarray) -> np.ndarray:
    """|new − old|; 0 where both are NaN or the same infinity, infinite where only one is."""
    same = (new == old) | (np.isnan(new) & np.isnan(old))
    with np.errstate(invalid="ignore"):
        return np.where(same, 0.0, np.nan_to_num(np.abs(new - old), nan=math.inf, posinf=math.inf))


def reference_of(records: dict[str, Record]) -> Record:
    """The reference that results of several settings lead to: {setting: results file}."""
    runs = {setting: flat(record) for setting, record in records.items()}
    numbers, texts, unstable = {}, {}, {}
    for key in dict.fromkeys(key for run in runs.values() for key in run):
        found = [run.get(key) for run in runs.values()]
        if any(number is None for number in found):
            unstable[key] = "not there in every run"
        elif not all(number.numeric for number in found):
            if all(number.value == found[0].value for number in found):
                texts[key] = found[0].value
            else:
                unstable[key] = "another text in every run"
        else:
            kept, reason = _kept(key, found, list(runs))
            numbers |= kept
            if not kept:
                unstable[key] = reason
    return {"settings": list(records), "numbers": numbers, "texts": texts, "unstable": unstable}


def widened(reference: Record, records: dict[str, Record]) -> Record:
    """What `reference` and results on another processor, {setting: results file}, say together.

    Of the runs behind `reference` is known what it holds: the value of a number counts as that of one more run, and its
    tolerance and spread are the least here.  What it does not keep stays out.
    """
    runs, numbers, texts, unstable = [flat(record) for record in records.values()], {}, {}, {}
    for key, old in reference["numbers"].items():
        found = [run.get(_whole(key)) for run in runs]
        if all(number is not None and number.numeric for number in found):
            summary = SUMMARIES[key.partition(OF)[0]] if _whole(key) != key else np.asarray
            values = [np.atleast_1d(summary(number.array)) for number in found]
            values.append(np.atleast_1d(np.asarray(old["value"], dtype=float)))
            if entry := _both(values, old, found[0].kind):
                numbers[key] = entry
                continue
        unstable[_whole(key)] = "not the same on another processor"
    for key, text in reference["texts"].items():
        if all(key in run and run[key].value == text for run in runs):
            texts[key] = text
        else:
            unstable[key] = "another text on another processor"
    held = {*map(_whole, numbers), *texts}
    return {
        "settings": [*reference["settings"], *(f"{setting}, elsewhere" for setting in records)],
        "numbers": numbers,
        "texts": texts,
        "unstable": reference["unstable"] | {key: why for key, why in unstable.items() if key not in held},
    }


def _both(values: list[np.ndarray], old: Record, kind: Kind) -> Record | None:
    """The entry of a number with `values` on one processor, the last of them that of its entry `old` on another."""
    if any(value.shape != values[0].shape for value in values):
        return None
    scalar, middle = np.ndim(old["value"]) == 0, np.sort(values, axis=0)[len(values) // 2]
    spread, size = max(_up(_spread(values)), old["spread"]), _size(middle)
    tolerance = max(_up(WIDENED * spread), old["tolerance"])
    if not math.isfinite(tolerance) or vacuous(tolerance, size, kind):
        return None
    return _short({**old, "value": middle, "tolerance": tolerance, "spread": spread}, scalar)


def _kept(key: str, found: list[Number], settings: list[str]) -> tuple[dict[str, Record], str]:
    """The entries of a number that is stable or of an array's stable summaries; why there is none."""
    kind, scalar = found[0].kind, not isinstance(found[0].value, list)
    arrays = [number.array for number in found]
    entry = _entry(arrays, kind, settings, scalar)
    if isinstance(entry, dict):
        return {key: entry}, ""
    if scalar or not all(np.isfinite(values).any() for values in arrays):
        return {}, entry
    summaries = {
        f"{name}{OF}{key}": _entry([np.atleast_1d(summary(values)) for values in arrays], kind, settings, True)
        for name, summary in SUMMARIES.items()
    }
    return {name: found for name, found in summaries.items() if isinstance(found, dict)}, entry


def _entry(values: list[np.ndarray], kind: Kind, settings: list[str], scalar: bool) -> Record | str:
    """Value, tolerance and spread of what has `values` in the runs; in one line why not, where it is unstable."""
    if any(value.shape != values[0].shape for value in values):
        return "another length in every run"
    entry = _measured(values, kind, scalar)
    if entry is None:
        return f"moves by {_spread(values):.2g} at {_size(values[0]):.2g}"
    for i, setting in enumerate(settings):
        others = _measured(values[:i] + values[i + 1 :], kind, scalar) if len(values) > 1 else None
        if others and not (_apart(values[i], others["value"]) <= _allowed(others)).all():
            return f"only {setting} moves it by {_apart(values[i], others['value']).max():.2g}"
    return _short(entry, scalar)


def _measured(values: list[np.ndarray], kind: Kind, scalar: bool) -> Record | None:
    """The median of the runs, its tolerance, and their spread; None where the tolerance says nothing."""
    spread, middle = _up(_spread(values)), np.sort(values, axis=0)[len(values) // 2]
    size = _size(middle)
    if vacuous(max(SPREADS * spread, kind.floor(size)), size, kind):
        return None
    least = kind.floor(size) if scalar else kind.least  # the elements of an array have sizes of their own
    share = {} if scalar or not kind.share else {"share": kind.share}
    return {"value": middle, "tolerance": _up(max(SPREADS * spread, least)), **share, "spread": spread}


def _short(entry: Record, scalar: bool) -> Record:
    """`entry` with no more digits of its value than its tolerance asks for."""
    pairs = zip(entry["value"].tolist(), _allowed(entry).tolist(), strict=True)
    rounded = [_to_tolerance(value, allowed) for value, allowed in pairs]
    return {**entry, "value": rounded[0] if scalar else rounded}


def vacuous(tolerance: float, size: float, kind: Kind = Kind()) -> bool:
    """True when 0 would pass for a number (or the largest of an array) that is not 0.

    What is 0 within the floor, such as a gap that theory says is none, keeps it.  A number with an interval may lie
    near 0, as a difference does: there the tolerance must be less than half the interval's width.
    """
    width = kind.width if math.isfinite(kind.width) else 0.0
    near_zero = size <= kind.floor(size) and tolerance <= kind.floor(size)
    return not (tolerance < max(size, width) / 2 or near_zero)


def _size(values: np.ndarray) -> float:
    return float(np.abs(values[np.isfinite(values)]).max(initial=0.0))


def _spread(values: list[np.ndarray]) -> float:
    return max(float(_apart(a, b).max(initial=0.0)) for a in values for b in values)


def _up(value: float) -> float:
    """`value` to two digits, upwards."""
    if not value or not math.isfinite(value):
        return value
    step = 10.0 ** (math.floor(math.log10(value)) - 1)
    return float(f"{math.ceil(value / step * (1 - 1e-9)) * step:.2g}")


def _to_tolerance(value: float, tolerance: float) -> float:
    """`value` with no more digits than a hundredth of its tolerance."""
    return round(value, 2 - math.floor(math.log10(tolerance))) if math.isfinite(value) else value
