"""Clips to rows of features, on all cores, the same to the bit however many there are."""

import json
import time
from collections.abc import Iterator
from dataclasses import astuple, replace
from functools import partial
from typing import Any

import joblib
import torch
from torch import Tensor
from tqdm import tqdm

from avlib.data.media import BadMedia
from avlib.data.source import SPLITS, Source
from avlib.data.split import Event

CHUNK = 16  # clips in one task
WORTHWHILE = 20.0  # seconds of work from which on starting worker processes pays

Row = dict[str, Any]  # one clip: its number, id, labels, events (JSON) and features
Fault = tuple[str, str]  # (clip id, reason)


def windows(frames: Tensor, k: int) -> Tensor:
    """Frames (M, 3, H, W) in [0, 1] to uint8 windows (⌈M/k⌉, k, 3, H, W), the last one filled up with the last frame.

    >>> windows(torch.zeros(5, 3, 4, 4), 2).shape
    torch.Size([3, 2, 3, 4, 4])
    """
    missing = -len(frames) % k
    padded = torch.cat([frames, frames[-1:].expand(missing, -1, -1, -1)])
    return (padded * 255).round().to(torch.uint8).unflatten(0, (-1, k))


def _render(source: Source, modalities: tuple[str, ...], split: str, indices: range) -> list[Row | Fault]:
    """Rows of the store, or (clip id, reason) in the place of a clip that cannot be read."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # the number of threads decides the last bits of a transform
    rows: list[Row | Fault] = []
    try:
        for i in indices:
            try:
                clip = source.clip(split, i, modalities)
            except BadMedia as fault:
                rows.append((fault.clip, fault.reason))
                continue
            row: Row = {"row": i, "id": clip.id, "labels": clip.labels.numpy(), "events": _packed(clip.events)}
            if "audio" in modalities:
                row["audio"] = source.front_end(clip.media.waveform.float()).numpy()
            if "video" in modalities:
                row["video"] = windows(clip.media.frames, source.window).numpy()
            rows.append(row)
    finally:
        torch.set_num_threads(threads)
    return rows


def rendered(source: Source, modalities: tuple[str, ...]) -> Iterator[tuple[str, list[Row | Fault]]]:
    """Rows of every split in order, on all cores where that saves time."""
    tasks = [(split, range(i, min(i + CHUNK, source.sizes[split]))) for split in SPLITS
             for i in range(0, source.sizes[split], CHUNK)]  # fmt: skip
    light = replace(source, modules=(), faults=tuple)  # modules do not travel between processes
    work = partial(_render, light, modalities)
    total = sum(source.sizes.values())
    # `delay` keeps the bar away from what is over at once; TQDM_DISABLE=1 turns it off where nobody watches.
    with tqdm(total=total, desc=f"rendering {source.name}", unit="clip", delay=2, leave=False) as bar:
        for done, (split, indices) in enumerate(tasks):
            began = time.monotonic()
            yield split, work(split, indices)
            bar.update(len(indices))
            left = tasks[done + 1 :]
            # The first task warms up; the second tells how long the rest takes on one core.
            if done == 1 and (time.monotonic() - began) * len(left) > WORTHWHILE and joblib.cpu_count() > 1:
                with joblib.parallel_config("loky", n_jobs=joblib.cpu_count(), inner_max_num_threads=1):
                    results = joblib.Parallel(return_as="generator")(joblib.delayed(work)(*task) for task in left)
                    for (split, indices), rows in zip(left, results, strict=True):
                        yield split, rows
                        bar.update(len(indices))
                return


def _packed(events: tuple[Event, ...] | None) -> str:
    return json.dumps(None if events is None else [astuple(event) for event in events])
