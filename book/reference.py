"""The numbers of the book at `smoke`, each with a tolerance, kept in data/reference/smoke/ and compared by the tests.

.venv/bin/python -m book.reference 03 04     # measure again those whose name starts with 03 or 04; all without a word

Every page is executed under several settings that change the order in which floating-point numbers are added, as other
processors and numbers of threads do, models trained anew under each.  The tolerance of a number is three times the
spread over these runs, and a small floor.  A number that would then pass as 0, or is another kind of thing in every
run, is listed under ``unstable`` and not compared.
"""

import json
import math
import os
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from avlib.data import missing
from avlib.files import atomic
from book.execute import ENVIRONMENT
from book.places import Page, Places
from book.plan import plan

SPREADS, ABSOLUTE, RELATIVE = 3, 1e-4, 1e-3
SETTINGS = {
    "1 thread": {},
    "2 threads": {"OMP_NUM_THREADS": "2", "OMP_WAIT_POLICY": "passive"},  # no spinning on cores that are shared
    "AVX2": {"ATEN_CPU_CAPABILITY": "avx2", "ONEDNN_MAX_CPU_ISA": "AVX2", "MKL_ENABLE_INSTRUCTIONS": "AVX2"},
    "SSE": {"ATEN_CPU_CAPABILITY": "default", "ONEDNN_MAX_CPU_ISA": "SSE41", "MKL_ENABLE_INSTRUCTIONS": "SSE4_2"},
}


@dataclass(frozen=True)
class Difference:
    """A number that is not what it was."""

    key: str
    value: Any
    reference: Any
    tolerance: float = 0.0

    def __str__(self) -> str:
        return f"{self.key} = {_short(self.value)}, was {_short(self.reference)} ± {self.tolerance:.2g}"


def _short(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def flat(record: dict[str, Any]) -> dict[str, Any]:
    """Every number, array and text of a results file under one name: ``mAP``, ``mAP.low``, ``figure loss.ε``."""
    found: dict[str, Any] = {}
    for key, facts in record["values"].items():
        found |= {key if fact == "value" else f"{key}.{fact}": value for fact, value in facts.items()}
    for name, columns in record["figures"].items():
        for column, facts in columns.items():
            found[f"figure {name}.{column}"] = facts.get("numbers", facts.get("text"))
            found[f"figure {name}.{column}.shape"] = "×".join(map(str, facts["shape"]))
    return found


def compare(record: dict[str, Any], reference: dict[str, Any]) -> list[Difference]:
    """What differs between a results file and its reference: the worst element of an array stands for the array."""
    found, kept = flat(record), reference["numbers"]
    names = {*kept, *reference["texts"], *reference["unstable"]}
    differences = [Difference(key, "missing", "there") for key in sorted(names - found.keys())]
    differences += [Difference(key, "new", "not there") for key in sorted(found.keys() - names)]
    for key in sorted(found.keys() & reference["texts"].keys()):
        if found[key] != reference["texts"][key]:
            differences.append(Difference(key, found[key], reference["texts"][key]))
    for key in sorted(found.keys() & kept.keys()):
        new, old = (np.atleast_1d(np.asarray(v, dtype=float)) for v in (found[key], kept[key]["value"]))
        if new.shape != old.shape:
            differences.append(Difference(key, f"{new.size} numbers", f"{old.size} numbers"))
            continue
        apart = _apart(new, old)
        if not apart.max(initial=0.0) <= kept[key]["tolerance"]:
            worst = int(apart.argmax())
            place = key if np.ndim(kept[key]["value"]) == 0 else f"{key}[{worst}]"
            differences.append(Difference(place, float(new[worst]), float(old[worst]), kept[key]["tolerance"]))
    return differences


def _apart(new: np.ndarray, old: np.ndarray) -> np.ndarray:
    """|new − old|; 0 where both are NaN or the same infinity, infinite where only one is."""
    same = (new == old) | (np.isnan(new) & np.isnan(old))
    with np.errstate(invalid="ignore"):
        return np.where(same, 0.0, np.nan_to_num(np.abs(new - old), nan=math.inf))


def reference_of(records: list[dict[str, Any]]) -> dict[str, Any]:
    """The reference that results of several runs lead to; the first gives the values, all of them the tolerances."""
    runs = [flat(record) for record in records]
    numbers, texts, unstable = {}, {}, {}
    for key, first in runs[0].items():
        if any(key not in run for run in runs):
            unstable[key] = "not there in every run"
            continue
        if not _numeric(first):
            if all(run[key] == first for run in runs):
                texts[key] = first
            else:
                unstable[key] = "another text in every run"
            continue
        values = [np.atleast_1d(np.asarray(run[key], dtype=float)) for run in runs]
        if any(value.shape != values[0].shape for value in values):
            unstable[key] = "another length in every run"
            continue
        spread = max(float(_apart(a, b).max(initial=0.0)) for a in values for b in values)
        tolerance, size = tolerance_of(spread, values[0])
        if vacuous(tolerance, size):
            unstable[key] = f"spread {spread:.3g} at {size:.3g}"
        else:
            numbers[key] = {"value": _rounded(first), "tolerance": float(f"{tolerance:.3g}")}
    unstable |= {key: "not there in every run" for run in runs for key in run if key not in runs[0]}
    return {"settings": list(SETTINGS), "numbers": numbers, "texts": texts, "unstable": unstable}


def tolerance_of(spread: float, values: np.ndarray) -> tuple[float, float]:
    """Three times the spread and the floor, and the largest finite size among `values`."""
    size = float(np.abs(values[np.isfinite(values)]).max(initial=0.0))
    return SPREADS * spread + ABSOLUTE + RELATIVE * size, size


def vacuous(tolerance: float, size: float) -> bool:
    """True when 0 would pass for a number (or the largest of an array) that is not 0.

    What is 0 within the floor, such as a gap that theory says is none, keeps the floor as its tolerance.
    """
    floor = ABSOLUTE + RELATIVE * size
    return not tolerance < size / 2 and not (size <= floor and tolerance <= SPREADS * floor + floor)


def _numeric(value: Any) -> bool:
    return all(isinstance(v, int | float) for v in (value if isinstance(value, list) else [value]))


def _rounded(value: Any) -> Any:
    return [_rounded(v) for v in value] if isinstance(value, list) else float(f"{value:.7g}")


def path_of(page: Page, places: Places) -> Path:
    """Where the reference of `page` is kept."""
    return places.root / "data" / "reference" / page.profile / f"{page.notebook}@{page.variant}.json"


def measured(page: Page, places: Places, jobs: int = 1) -> dict[str, Any]:
    """Execute `page` under every setting, each with a cache of its own, and make its reference."""

    def under(setting: str) -> dict[str, Any]:
        with tempfile.TemporaryDirectory() as folder:
            own = {"AVLIB_OUT": folder, "AVLIB_CACHE": f"{folder}/cache", "AVLIB_VARIANT": page.variant}
            command = [sys.executable, "-m", "papermill", str(places.source(page)), f"{folder}/page.ipynb"]
            command += ["--kernel", "python3", "--cwd", str(places.notebooks), "--no-progress-bar"]
            command += ["--parameters_yaml", json.dumps({k: str(v) for k, v in page.parameters.items()})]
            environment = {**os.environ, **ENVIRONMENT, **SETTINGS[setting], **own}
            done = subprocess.run(command, env=environment, capture_output=True, text=True)
            if done.returncode:
                raise SystemExit(f"{page.name} failed under {setting}:\n{done.stderr[-2000:]}")
            name = f"{page.notebook}@{page.variant}.json"
            print(f"  {page.name}: {setting}", file=sys.stderr, flush=True)
            return json.loads((Path(folder) / "results" / page.profile / name).read_text())

    with ThreadPoolExecutor(jobs) as pool:
        return reference_of(list(pool.map(under, SETTINGS)))


if __name__ == "__main__":
    here = Places()
    for page in plan("smoke", " ".join(sys.argv[1:])):
        if reason := missing(str(page.parameters.get("dataset", "synthav"))):
            print(f"  {page.name} left out: {reason}", file=sys.stderr)
            continue
        made = measured(page, here, jobs=os.cpu_count() or 1)
        with atomic(path_of(page, here)) as part:
            part.write_text(json.dumps(made, indent=1, ensure_ascii=False) + "\n")
        told = [f"{key} ({why})" for key, why in made["unstable"].items()]
        print(f"{page.name}: {len(made['numbers'])} numbers; unstable: {', '.join(told) or 'none'}")
