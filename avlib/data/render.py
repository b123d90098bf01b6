"""Clips to rows of features, on all cores, the same to the bit however many there are, and none of them twice."""

import json
import time
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import astuple, replace
from functools import partial
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import torch
from numpy.typing import NDArray
from tqdm import tqdm

from avlib.data.fault import BadMedia
from avlib.data.modality import MODALITIES
from avlib.data.source import SPLITS, Source
from avlib.errors import AvlibError
from avlib.files import atomic

CHUNK = 32  # clips in one task, and so in one file of the folder of parts
WORTHWHILE = 20.0  # seconds of work from which on starting worker processes pays

Fault = tuple[str, str]  # (clip id, reason)
Task = tuple[str, range]  # split, and the numbers of its clips


def render(source: Source, modality: str, folder: Path) -> Iterator[tuple[str, Path]]:
    """Every clip of `source` as a row of some file of `folder`: the files in the order of the clips, with their splits.

    What lies in `folder` already, from a run that was killed, is not made again.  The workers write the files, so that
    nothing piles up in memory, however many clips there are; and they go on while the caller deals with a file.
    """
    tasks: list[Task] = [
        (split, range(i, min(i + CHUNK, source.sizes[split])))
        for split in SPLITS
        for i in range(0, source.sizes[split], CHUNK)
    ]
    left = [task for task in tasks if not _part(folder, task).exists()]
    light = replace(source, modules=(), faults=tuple)  # modules do not travel between processes
    made = _made(partial(_render, light, modality, folder), left)
    # `delay` keeps the bar away from what is over at once; TQDM_DISABLE=1 turns it off where nobody watches.
    about = {"desc": f"rendering {source.name} {modality}", "unit": "clip", "delay": 2, "leave": False}
    with tqdm(total=sum(source.sizes.values()), **about) as bar:
        ahead = set(left)
        for task in tasks:
            if task in ahead:
                next(made)
            bar.update(len(task[1]))
            yield task[0], _part(folder, task)


def _made(work: Callable[[Task], None], tasks: list[Task]) -> Iterator[None]:
    """Do `tasks`, and tell of each in their order: on all cores, where that pays."""
    for number, task in enumerate(tasks):
        began = time.monotonic()
        work(task)
        took = time.monotonic() - began
        yield
        rest = tasks[number + 1 :]
        # The first task warms up; the second tells how long the rest takes on one core.
        if number == 1 and took * len(rest) > WORTHWHILE and joblib.cpu_count() > 1:
            once = {"initializer": _hold, "initargs": (work,)}  # a list of millions does not travel with each task
            with joblib.parallel_config("loky", n_jobs=joblib.cpu_count(), inner_max_num_threads=1, **once):
                yield from joblib.Parallel(return_as="generator")(joblib.delayed(_held)(task) for task in rest)
            return


def rows(part: Path) -> tuple[dict[str, NDArray], list[Fault]]:
    """What a file of the folder of parts holds: its clips by column, and those that could not be read.

    Raises
    ------
    AvlibError
        When it is damaged; it is removed, so that the next run makes it again.
    """
    try:
        with np.load(part) as file:
            columns = dict(file)
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        part.unlink(missing_ok=True)
        raise AvlibError(f"{part} is damaged, and was removed: run the same command again, it is made anew") from error
    return columns, [tuple(fault) for fault in json.loads(str(columns.pop("faults")))]


_work: Callable[[Task], None]  # of a worker process


def _hold(work: Callable[[Task], None]) -> None:
    global _work
    _work = work


def _held(task: Task) -> None:
    _work(task)


def _part(folder: Path, task: Task) -> Path:
    split, indices = task
    return folder / f"{split}-{indices.start:09d}.npz"


def _render(source: Source, modality: str, folder: Path, task: Task) -> None:
    """Write the rows of `task`."""
    split, indices = task
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # the number of threads decides the last bits of a transform
    columns: dict[str, list] = {name: [] for name in ("row", "id", "labels", "events", "features")}
    faults: list[Fault] = []
    try:
        for i in indices:
            try:
                clip = source.clip(split, i, (modality,))
            except BadMedia as fault:
                faults.append((fault.clip, fault.reason))
                continue
            features = MODALITIES[modality].features(source, clip.media).numpy()
            events = json.dumps(None if clip.events is None else [astuple(event) for event in clip.events])
            row = (i, clip.id, clip.labels.numpy(), events, features)
            for name, value in zip(columns, row, strict=True):
                columns[name].append(value)
    finally:
        torch.set_num_threads(threads)
    with atomic(_part(folder, task)) as part:
        arrays: dict[str, Any] = {name: np.asarray(values) for name, values in columns.items()}
        np.savez(part, allow_pickle=False, faults=json.dumps(faults), **arrays)
