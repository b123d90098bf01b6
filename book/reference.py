"""Measure the numbers of the book at `smoke` and keep them, each with its tolerance, in data/reference/smoke/.

    python -m book.reference 03 04            # those whose name starts with 03 or 04; all without a word
    python -m book.reference --check 03       # how far the page as it is now lies from its reference, under noise too
    python -m book.reference --widen 03       # of an unchanged page, on another processor: keep what both agree on

Every page is executed under settings that stand for other machines: instruction sets, and rounding noise
(`book.rounding`), models trained and data rendered anew under each.  What a run found, trained and rendered is kept in
_build/reference/ while nothing that decides it changes, so that a measurement that was interrupted goes on.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import nbformat
import torch

from avlib.errors import AvlibError
from avlib.files import atomic
from avlib.provenance import code_digest, digest, sources
from book import rounding
from book.kernels import ENVIRONMENT
from book.places import Page, Places
from book.plan import plan
from book.tolerance import Record, distances, flat, reference_of, widened

PLAIN = "1 thread"
NARROWER = {
    "ATEN_CPU_CAPABILITY": "avx2",
    "ONEDNN_MAX_CPU_ISA": "AVX2",
    "MKL_ENABLE_INSTRUCTIONS": "AVX2",
    "NPY_DISABLE_CPU_FEATURES": "X86_V4 AVX512_ICL AVX512_SPR",
}
# The spread of five runs is about 2.3 standard deviations (of four, 2.1), and a tolerance three times that: a further
# run would add little to it, and costs as much as the page (twice that where noise is planted).
SETTINGS: dict[str, dict[str, str]] = {
    PLAIN: {},
    # A processor that knows nothing wider would only compute the plain run again.
    **({"AVX2": NARROWER} if torch.backends.cpu.get_cpu_capability() == "AVX512" else {}),
    **{f"noise {seed}": rounding.environment(seed) for seed in range(1, 4)},
}
CHECKED = tuple(setting for setting in SETTINGS if setting != "AVX2")  # tells a change from rounding


def measured_pages(pages: Iterable[Page]) -> list[Page]:
    """Those of `pages` that nbval executes, and so the tests can compare: notebooks as they are, without a variant."""
    return [page for page in pages if page.slot == page.notebook]


def path_of(page: Page, places: Places) -> Path:
    """Where the reference of `page` is kept."""
    return places.root / "data" / "reference" / page.profile / f"{page.notebook}@{page.variant}.json"


def names_of(page: Page, places: Places) -> set[str]:
    """What the reference of `page` knows of: ``mAP`` of ``mAP.low``, ``figure reach`` of ``figure reach.CSN``."""
    known = json.loads(path_of(page, places).read_text())
    return {name.partition(".")[0] for name in {**known["numbers"], **known["unstable"]}}


def kept_in(setting: str, page: Page, places: Places) -> Path:
    """Where the run of `page` under `setting` is kept: another file when page, library or noise change."""
    cells = nbformat.read(places.source(page), as_version=4).cells
    code = "\n".join(cell.source for cell in cells if cell.cell_type == "code")
    files = [
        places.root / "constraints.txt",
        *sorted(path for path in (places.root / "data").glob("*") if path.is_file()),
    ]
    state = digest(code, sources(code=code), page.parameters, files, _how(setting, places))
    return places.build / "reference" / page.profile / f"{page.notebook}@{page.variant}" / f"{setting} {state}.json"


def cache_of(setting: str, places: Places) -> Path:
    """What was trained and rendered under `setting`: what one page has trained serves the next."""
    return places.build / "reference" / "cache" / f"{setting} {digest(_how(setting, places))}"


def _how(setting: str, places: Places) -> object:
    planted = "AVLIB_ROUNDING" in SETTINGS[setting]
    return code_digest((places.root / "book" / "rounding.py").read_text()) if planted else SETTINGS[setting]


def under(setting: str, page: Page, places: Places) -> Record:
    """The results of `page` under `setting`, executed when they are not there yet.

    Raises
    ------
    AvlibError
        When the page fails.
    """
    kept = kept_in(setting, page, places)
    if kept.exists():
        return json.loads(kept.read_text())
    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        own = {"AVLIB_OUT": folder, "AVLIB_CACHE": str(cache_of(setting, places)), "AVLIB_VARIANT": page.variant}
        command = [sys.executable, "-m", "papermill", str(places.source(page)), f"{folder}/page.ipynb"]
        command += ["--kernel", "python3", "--cwd", str(places.notebooks), "--no-progress-bar"]
        command += ["--parameters_yaml", json.dumps({k: str(v) for k, v in page.parameters.items()})]
        environment = {**os.environ, **ENVIRONMENT, **SETTINGS[setting], **own}
        done = subprocess.run(command, env=environment, capture_output=True, text=True)
        if done.returncode:
            raise AvlibError(f"{page.name} failed under {setting}:\n{done.stderr[-2000:]}")
        name = f"{page.notebook}@{page.variant}.json"
        text = (Path(folder) / "results" / page.profile / name).read_text()
    with atomic(kept) as part:
        part.write_text(text)
    print(f"  {page.name}: {setting}, {time.perf_counter() - started:.0f} s", file=sys.stderr, flush=True)
    return json.loads(text)


def measured(page: Page, places: Places, jobs: int, widen: bool = False) -> Record:
    """The reference of `page`, out of its results under every setting; with `widen` also out of the one it has.

    Raises
    ------
    AvlibError
        When the page fails, and when the noise moved nothing: then it was not planted.
    """
    with ThreadPoolExecutor(jobs) as pool:
        runs = pool.map(lambda setting: under(setting, page, places), SETTINGS)
        records = dict(zip(SETTINGS, runs, strict=True))
    plain = flat(records[PLAIN])
    for setting, record in records.items():
        if setting.startswith("noise") and flat(record) == plain:
            raise AvlibError(f"{page.name}: {setting} moved no number: is it planted? see book/planted/")
    return widened(json.loads(path_of(page, places).read_text()), records) if widen else reference_of(records)


def text_of(reference: Record) -> str:
    """The reference as JSON, one number a line."""
    parts = []
    for name, value in reference.items():
        if isinstance(value, dict):
            lines = [f"  {_json(key)}: {_json(entry)}" for key, entry in value.items()]
            parts.append(f" {_json(name)}: {{\n" + ",\n".join(lines) + "\n }")
        else:
            parts.append(f" {_json(name)}: {_json(value)}")
    return "{\n" + ",\n".join(parts) + "\n}\n"


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def check(page: Page, places: Places, jobs: int) -> str:
    """What moved, with the noise and without: a number that is beyond its tolerance in every run was moved by a change.

    One that is beyond in some runs only is decided by rounding: measure the page again.
    """
    reference = json.loads(path_of(page, places).read_text())
    with ThreadPoolExecutor(jobs) as pool:
        records = list(pool.map(lambda setting: under(setting, page, places), CHECKED))
    runs = [{d.key.partition("[")[0]: d for d in distances(record, reference)} for record in records]
    lines = []
    for key in sorted({key for run in runs for key in run}):
        found = [run[key] for run in runs if key in run]
        beyond = sum(not difference.share <= 1 for difference in found)
        if beyond:
            cause = "a change moved it" if beyond == len(CHECKED) else "rounding moves it: measure again"
            worst = max(found, key=lambda difference: difference.share)
            lines.append(f"{worst}; beyond in {beyond} of {len(CHECKED)} runs: {cause}")
    count = len(reference["numbers"])
    return "\n".join([f"{page.name}: {count} numbers under {', '.join(CHECKED)}", *(lines or ["  all within"])])


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m book.reference", description=__doc__.splitlines()[0])
    parser.add_argument("pages", nargs="*", help="beginnings of names; default: all")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="runs at a time")
    parser.add_argument("--check", action="store_true", help="compare with the reference, under noise too")
    parser.add_argument("--widen", action="store_true", help="keep what the reference and this processor agree on")
    asked, here = parser.parse_args(), Places()
    named = tuple(asked.pages or [""])  # and not the pages whose results they read
    for page in measured_pages(plan("smoke", " ".join(asked.pages))):
        if not page.slot.startswith(named):
            continue
        if asked.check:
            print(check(page, here, asked.jobs))
        else:
            made = measured(page, here, asked.jobs, asked.widen)
            with atomic(path_of(page, here)) as part:
                part.write_text(text_of(made))
            told = [f"\n  {key}: {why}" for key, why in made["unstable"].items()]
            print(f"{page.name}: {len(made['numbers'])} numbers; not kept: {''.join(told) or 'none'}")


if __name__ == "__main__":
    try:
        main()
    except AvlibError as error:
        raise SystemExit(str(error)) from None
