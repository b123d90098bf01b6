"""A data set rendered once, in parallel, into one HDF5 file, and read from there ever after."""

import hashlib
import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass, field, replace
from functools import partial
from pathlib import Path
from types import ModuleType

import h5py
import joblib
import numpy as np
import pandas as pd
import torch
from torch import Tensor
from tqdm import tqdm

import avlib.data.media
import avlib.data.split
import avlib.features
from avlib.data.media import BadMedia
from avlib.data.ondisk import OnDisk, plain_errors
from avlib.data.split import AVData, Event, Media, Split
from avlib.errors import AvlibError
from avlib.features import LogMel, Normalizer
from avlib.files import atomic, cache_dir, digest, locked, source_digest

SPLITS = ("train", "valid", "eval")
MODALITIES = ("audio", "video")
IN_MEMORY = 500 * 2**20  # bytes of features up to which a data set is held in memory
CHUNK = 16  # clips in one task of the renderer
WORTHWHILE = 20.0  # seconds of work from which on starting worker processes pays


@dataclass(frozen=True)
class Clip:
    """One example as its data set makes it: labels (C,) float32 in [0, 1], and the events behind them if known."""

    id: str
    media: Media
    labels: Tensor
    events: tuple[Event, ...] | None = None


@dataclass(frozen=True)
class Source:
    """What a data set says about itself, so that it can be rendered, stored and found again.

    `clip(split, i, modalities)` makes clip i of a split, for i < `sizes[split]`, from these arguments alone, in any
    process; a modality that is not asked for may be left empty, and what cannot be read raises `BadMedia`.  Its
    waveform has the rate of `front_end` and the same length for every clip, its frames the same shape.  `window` is
    the number k of video frames in a window.  `key` holds everything besides the code of `modules` that decides the
    content.  `faults()` lists source files that were left out, as (file, reason).
    """

    name: str
    classes: tuple[str, ...]
    sizes: Mapping[str, int]
    clip: Callable[[str, int, tuple[str, ...]], Clip]
    key: object
    modules: tuple[ModuleType, ...]
    front_end: LogMel
    window: int = 1
    implications: tuple[tuple[str, str], ...] = ()
    faults: Callable[[], Sequence[tuple[str, str]]] = field(default=tuple)


def stored(source: Source, modalities: Sequence[str] = ("audio",)) -> AVData:
    """The data set of `source`, read from the cache, rendered into it first if it is not there.

    Clips are rendered one by one and on one thread each, so that neither the number of processes nor the other clips
    decide a bit of them.  A file that cannot be read is removed and made again.

    Raises
    ------
    AvlibError
        For an unknown modality, a training split without a readable clip, or a cache that cannot be written.
    """
    wanted = tuple(name for name in MODALITIES if name in modalities)
    if not wanted or len(wanted) != len(modalities):
        raise AvlibError(f"modalities={tuple(modalities)!r}: choose one or both of {', '.join(MODALITIES)}, each once")
    modules = (sys.modules[__name__], avlib.features, avlib.data.media, avlib.data.split, *source.modules)
    key = digest(source.key, source.sizes, repr(source.front_end), source.window, wanted, torch.__version__,
                 source_digest(*modules))  # fmt: skip
    path = cache_dir() / "data" / f"{source.name}-{key}.h5"
    data = _read(path, source) if path.exists() else None
    if data is None:
        with locked(path):
            data = _read(path, source) if path.exists() else None
            if data is None:
                _write(path, source, wanted)
                data = _read(path, source)
    if data is None:
        raise AvlibError(f"{path} cannot be read back after it was written: the disk may be failing")
    if data.ledger:
        total = sum(source.sizes.values())
        print(f"{source.name}: {len(data.ledger)} unreadable among {total} clips, see {_ledger(path)}", file=sys.stderr)
    return data


def _ledger(path: Path) -> Path:
    return path.with_suffix(".ledger.csv")


# --- making -----------------------------------------------------------------------------------------------------------


def windows(frames: Tensor, k: int) -> Tensor:
    """Frames (M, 3, H, W) in [0, 1] to uint8 windows (⌈M/k⌉, k, 3, H, W), the last one filled up with the last frame.

    >>> windows(torch.zeros(5, 3, 4, 4), 2).shape
    torch.Size([3, 2, 3, 4, 4])
    """
    missing = -len(frames) % k
    padded = torch.cat([frames, frames[-1:].expand(missing, -1, -1, -1)])
    return (padded * 255).round().to(torch.uint8).unflatten(0, (-1, k))


def _render(source: Source, modalities: tuple[str, ...], split: str, indices: range) -> list[dict | tuple[str, str]]:
    """Rows of the store, or (clip id, reason) in the place of a clip that cannot be read."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # the number of threads decides the last bits of a transform
    rows: list[dict | tuple[str, str]] = []
    try:
        for i in indices:
            try:
                clip = source.clip(split, i, modalities)
            except BadMedia as fault:
                rows.append((fault.clip, fault.reason))
                continue
            row: dict = {"row": i, "id": clip.id, "labels": clip.labels.numpy(), "events": _packed(clip.events)}
            if "audio" in modalities:
                row["audio"] = source.front_end(clip.media.waveform.float()).numpy()
            if "video" in modalities:
                row["video"] = windows(clip.media.frames, source.window).numpy()
            rows.append(row)
    finally:
        torch.set_num_threads(threads)
    return rows


def _rendered(source: Source, modalities: tuple[str, ...]) -> Iterator[tuple[str, list[dict | tuple[str, str]]]]:
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


def _write(path: Path, source: Source, modalities: tuple[str, ...]) -> None:
    ledger = list(source.faults())
    # Without a chunk cache nothing is left to be flushed when the disk fills up, where HDF5 would crash at exit.
    with atomic(path) as part, plain_errors(), h5py.File(part, "w", rdcc_nbytes=0) as file:
        counts = dict.fromkeys(SPLITS, 0)
        for split, rows in _rendered(source, modalities):
            ledger += [row for row in rows if isinstance(row, tuple)]
            good = [row for row in rows if isinstance(row, dict)]
            if good:
                _append(file.require_group(split), good, counts[split], source.sizes[split])
                counts[split] += len(good)
        for split, count in counts.items():
            if not count:
                raise AvlibError(f"{source.name}: no readable clip in the {split} split; {_first(ledger)}")
            for dataset in file[split].values():
                dataset.resize(count, axis=0)
        _normalise(file, source.front_end.mels)
        file.attrs["ledger"] = json.dumps(ledger)
        file.attrs["checksum"] = _checksum(file)
    if ledger:
        with atomic(_ledger(path)) as part:
            pd.DataFrame(ledger, columns=["clip", "reason"]).to_csv(part, index=False)


def _first(ledger: list[tuple[str, str]]) -> str:
    return f"{len(ledger)} could not be read, first {ledger[0][0]}: {ledger[0][1]}" if ledger else "it is empty"


def _append(group: h5py.Group, rows: list[dict], start: int, size: int) -> None:
    for name, first in rows[0].items():
        if name not in group:
            text = isinstance(first, str)
            shape = np.shape(first)
            group.create_dataset(
                name, (size, *shape), h5py.string_dtype() if text else np.asarray(first).dtype,
                chunks=(1, *shape) if shape else True, maxshape=(size, *shape), fletcher32=not text,
            )  # fmt: skip
        group[name][start : start + len(rows)] = [row[name] for row in rows]


def _blocks(dataset: h5py.Dataset) -> Iterator[slice]:
    return (slice(i, min(i + 256, len(dataset))) for i in range(0, len(dataset), 256))


def _normalise(file: h5py.File, mels: int) -> None:
    """Z-score the audio in place, by the training split; both moments are kept in the file."""
    normalizer = Normalizer(torch.zeros(mels), torch.ones(mels))
    if "audio" in file["train"]:
        train = file["train/audio"]
        normalizer = Normalizer.fit(torch.from_numpy(train[block]) for block in _blocks(train))
        for split in SPLITS:
            audio = file[split]["audio"]
            for block in _blocks(audio):
                audio[block] = normalizer(torch.from_numpy(audio[block])).numpy()
    file.attrs["mean"], file.attrs["std"] = normalizer.mean.numpy(), normalizer.std.numpy()


def _checksum(file: h5py.File) -> str:
    total = hashlib.sha256()
    for split in SPLITS:
        for name, dataset in sorted(file[split].items()):
            for block in _blocks(dataset):
                values = dataset.asstr()[block].tolist() if name in ("id", "events") else dataset[block]
                total.update(digest(name, values).encode())
    return total.hexdigest()[:16]


def _packed(events: tuple[Event, ...] | None) -> str:
    return json.dumps(None if events is None else [astuple(event) for event in events])


# --- reading ----------------------------------------------------------------------------------------------------------


def _read(path: Path, source: Source) -> AVData | None:
    """The stored data set; None, and the file removed, when it is damaged."""
    try:
        with h5py.File(path, "r") as file:
            features = [file[split][name] for split in SPLITS for name in MODALITIES if name in file[split]]
            small = sum(dataset.nbytes for dataset in features) <= IN_MEMORY
            splits = {split: _split(file[split], path, source, small) for split in SPLITS}
            mean, std = (torch.from_numpy(file.attrs[name]) for name in ("mean", "std"))
            ledger = tuple((clip, reason) for clip, reason in json.loads(file.attrs["ledger"]))
            checksum = str(file.attrs["checksum"])
    except (OSError, KeyError, ValueError, RuntimeError) as error:
        if isinstance(error, PermissionError):
            raise AvlibError(f"cannot read {path}: permission denied; set AVLIB_CACHE to a folder of yours") from error
        print(f"{path} is damaged: removed, and made again", file=sys.stderr)
        path.unlink(missing_ok=True)
        return None
    return AVData(
        name=source.name,
        **splits,
        classes=source.classes,
        front_end=source.front_end,
        normalizer=Normalizer(mean, std),
        checksum=checksum,
        implications=source.implications,
        ledger=ledger,
    )


def _split(group: h5py.Group, path: Path, source: Source, small: bool) -> Split:
    split = os.path.basename(group.name)
    present = tuple(name for name in MODALITIES if name in group)
    events = [json.loads(text) for text in group["events"].asstr()[:]]
    rows = group["row"][:].tolist()
    return Split(
        features={
            name: torch.from_numpy(group[name][:]) if small else OnDisk(path, group[name].name) for name in present
        },
        labels=torch.from_numpy(group["labels"][:]),
        ids=tuple(group["id"].asstr()[:]),
        events=None if events[0] is None else tuple(tuple(Event(*event) for event in clip) for clip in events),
        render=partial(_media, source.clip, present, split, rows),
    )


def _media(
    clip: Callable[[str, int, tuple[str, ...]], Clip], present: tuple[str, ...], split: str, rows: list[int], i: int
) -> Media:
    try:
        return clip(split, rows[i], MODALITIES).media
    except BadMedia:  # a sound file has no picture: what was stored can be read in any case
        return clip(split, rows[i], present).media
