"""Clips to rows of features, on all cores, the same to the bit however many there are."""

import json
import time
from collections.abc import Iterator
from dataclasses import astuple, replace
from functools import partial
from typing import Any

import joblib
import torch
from tqdm import tqdm

from avlib.data.fault import BadMedia
from avlib.data.modality import MODALITIES
from avlib.data.source import SPLITS, Source

CHUNK = 16  # clips in one task
WORTHWHILE = 20.0  # seconds of work from which on starting worker processes pays

Row = dict[str, Any]  # one clip: its number, id, labels, events (JSON) and features
Fault = tuple[str, str]  # (clip id, reason)


def _render(source: Source, modality: str, split: str, indices: range) -> list[Row | Fault]:
    """Rows of the store, or (clip id, reason) in the place of a clip that cannot be read."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # the number of threads decides the last bits of a transform
    rows: list[Row | Fault] = []
    try:
        for i in indices:
            try:
                clip = source.clip(split, i, (modality,))
            except BadMedia as fault:
                rows.append((fault.clip, fault.reason))
                continue
            features = MODALITIES[modality].features(source, clip.media).numpy()
            events = json.dumps(None if clip.events is None else [astuple(event) for event in clip.events])
            rows.append(
                {"row": i, "id": clip.id, "labels": clip.labels.numpy(), "events": events, "features": features}
            )
    finally:
        torch.set_num_threads(threads)
    return rows


def rendered(source: Source, modality: str) -> Iterator[tuple[str, list[Row | Fault]]]:
    """Rows of every split in order, on all cores where that saves time."""
    tasks = [(split, range(i, min(i + CHUNK, source.sizes[split]))) for split in SPLITS
             for i in range(0, source.sizes[split], CHUNK)]  # fmt: skip
    light = replace(source, modules=(), faults=tuple)  # modules do not travel between processes
    work = partial(_render, light, modality)
    total = sum(source.sizes.values())
    # `delay` keeps the bar away from what is over at once; TQDM_DISABLE=1 turns it off where nobody watches.
    with tqdm(total=total, desc=f"rendering {source.name} {modality}", unit="clip", delay=2, leave=False) as bar:
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
