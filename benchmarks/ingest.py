"""Reading a folder of films into a store, against decoding them and nothing else; on one core, and on all."""

import math
import multiprocessing
import os
import resource
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import av
import joblib
import numpy as np

from avlib.data import folder, read, render
from avlib.data.media import frames, sound
from avlib.data.store import stored
from avlib.features import RATE
from benchmarks.race import Row, ratio

CLIPS, KINDS, SECONDS, FPS, SIZE = 2000, 20, 2.0, 10, 64
SPLITS = ("train",) * 7 + ("valid",) + ("eval",) * 2


def _film(path: Path, seed: int) -> None:
    """Two seconds of 160 × 120 pixels that move, and of noise."""
    draw = np.random.default_rng(seed)
    noise = (0.1 * draw.standard_normal(round(SECONDS * RATE))).astype(np.float32)
    texture = np.kron(draw.integers(0, 255, (6, 8, 3), dtype=np.uint8), np.ones((20, 20, 1), np.uint8))
    with av.open(str(path), "w") as file:
        picture, voice = file.add_stream("mpeg4", rate=25), file.add_stream("aac", rate=RATE)
        picture.width, picture.height, picture.pix_fmt = 160, 120, "yuv420p"
        for shift in range(round(25 * SECONDS)):
            shown = np.ascontiguousarray(np.roll(texture, 4 * shift, axis=1))
            file.mux(picture.encode(av.VideoFrame.from_ndarray(shown)))
        file.mux(picture.encode())
        heard = av.AudioFrame.from_ndarray(noise[None], format="fltp", layout="mono")
        heard.sample_rate = RATE
        file.mux(voice.encode(heard))
        file.mux(voice.encode())


def _media(root: Path) -> Path:
    """A manifest of `CLIPS` films, `KINDS` of them different."""
    for kind in range(KINDS):
        _film(root / f"{kind}.mp4", kind)
    rows = [f"c{i},{i % KINDS}.mp4,{'ab'[i % 2]},0,{SECONDS},{SPLITS[i % len(SPLITS)]}" for i in range(CLIPS)]
    manifest = root / "manifest.csv"
    manifest.write_text("\n".join(["clip,media,labels,start,end,split", *rows]))
    return manifest


def _decoded(root: Path) -> None:
    for i in range(CLIPS):
        path = root / f"{i % KINDS}.mp4"
        sound(path, RATE, end=SECONDS)
        frames(path, FPS, SIZE, end=SECONDS)


def _ingested(manifest: Path, worthwhile: float) -> None:
    before, render.WORTHWHILE = render.WORTHWHILE, worthwhile
    try:
        with tempfile.TemporaryDirectory() as cache:
            os.environ["AVLIB_CACHE"] = cache
            stored(folder.source(manifest=manifest, fps=FPS, size=SIZE, window=5), ("audio", "video"))
    finally:
        render.WORTHWHILE = before
        del os.environ["AVLIB_CACHE"]


def _peak(work: Callable[[], object]) -> float:
    """MiB that a process of its own takes at most for `work`."""
    here, there = multiprocessing.Pipe()

    def run() -> None:
        read.IN_MEMORY = 0  # what is read back afterwards is no part of it
        work()
        there.send(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)

    process = multiprocessing.get_context("fork").Process(target=run)
    process.start()
    process.join()
    return float(here.recv())


def _timed(run: Callable[[], object]) -> list[float]:
    start = time.perf_counter()
    run()
    return [time.perf_counter() - start]


def rows() -> list[Row]:
    """What a clip costs beside its decoding; what a second core gives; and how memory grows from a quarter to all."""
    with tempfile.TemporaryDirectory() as made:
        root = Path(made)
        manifest = _media(root)
        alone, spread = partial(_ingested, manifest, math.inf), partial(_ingested, manifest, 0.0)
        quarter = root / "quarter.csv"
        quarter.write_text("\n".join(manifest.read_text().splitlines()[: CLIPS // 4 + 1]))
        few, all_ = (_peak(partial(_ingested, table, math.inf)) for table in (quarter, manifest))
        contestants = {"decoding": partial(_decoded, root), "one core": alone, "all cores": spread}
        seconds = {name: _timed(run) for name, run in contestants.items()}  # so many clips need no round to warm up
    each, cores = CLIPS / seconds["one core"][0], joblib.cpu_count()
    remark = f"peak {few:.0f} MiB at {CLIPS // 4} clips, {all_:.0f} at {CLIPS}"
    what = f"ingest of {CLIPS:,} films of {SECONDS:g} s, {each:.0f} a second a core"
    share = ratio(seconds["decoding"], seconds["one core"])
    gain = ratio(seconds["one core"], seconds["all cores"])
    return [
        Row(what, "decoding alone", seconds["decoding"], seconds["one core"], share, "the share of decoding", remark),
        Row(f"the same on {cores} cores", "one core", seconds["one core"], seconds["all cores"], gain, f"near {cores}"),
    ]
