"""What every data set looks like to a model: three splits of labelled clips."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from torch import Tensor

from avlib.device import bring
from avlib.errors import AvlibError
from avlib.features import LogMel, Normalizer
from avlib.provenance import digest

Batch = dict[str, Tensor]


@dataclass(frozen=True)
class Event:
    """One sounding or visible source in a clip; times in seconds from its start."""

    label: int
    onset: float
    offset: float
    heard: bool = True
    seen: bool = True


@dataclass(frozen=True)
class Media:
    """A clip as a person meets it: `waveform` (samples,) at `rate` Hz, `frames` (M, 3, H, W) in [0, 1] at `fps` Hz."""

    waveform: Tensor
    rate: int
    frames: Tensor
    fps: float


@dataclass(frozen=True)
class Split:
    """Clips as tensors, read a batch at a time.

    `features` maps a modality to (N, …): a tensor, or an HDF5 data set that stays on disk.
    uint8 pixels come out as float32 in [0, 1].  `labels` is float32 (N, C), multi-hot.
    """

    features: Mapping[str, object]
    labels: Tensor
    ids: tuple[str, ...]
    events: tuple[tuple[Event, ...], ...] | None = None
    render: Callable[[int], Media] | None = field(default=None, repr=False)
    rows: Tensor | None = field(default=None, repr=False)
    device: torch.device | str = "cpu"

    def __len__(self) -> int:
        return len(self.labels)

    def batch(self, indices: Sequence[int] | Tensor) -> tuple[Batch, Tensor]:
        """The clips at `indices`, on this split's device: a batch keyed by modality, and labels (n, C)."""
        index = torch.as_tensor(indices, dtype=torch.long)
        rows = index if self.rows is None else self.rows[index]
        batch = {name: _read(store, rows) for name, store in self.features.items()}
        return bring(self.device, batch, self.labels[index])

    def batches(self, size: int, generator: torch.Generator | None = None) -> Iterator[tuple[Batch, Tensor]]:
        """All clips once, `size` at a time (the last batch may be smaller); shuffled by `generator` if there is one."""
        order = torch.arange(len(self)) if generator is None else torch.randperm(len(self), generator=generator)
        for indices in order.split(size):
            yield self.batch(indices)

    def whole(self, modality: str) -> Tensor:
        """The `modality` of all clips in memory, (N, …), on this split's device; no other is read.

        >>> Split({"audio": torch.rand(3, 5, 8)}, torch.ones(3, 1), ("a", "b", "c")).whole("audio").shape
        torch.Size([3, 5, 8])
        """
        return torch.cat([batch[modality] for batch, _ in self.only([modality]).batches(256)])

    def to(self, device: torch.device | str) -> "Split":
        """The same clips, whose batches come out on `device`; what is stored stays where it is."""
        return replace(self, device=device)

    def only(self, modalities: Collection[str]) -> "Split":
        """A view of the clips in which nothing but `modalities` is read, as far as the clips have them.

        Raises
        ------
        AvlibError
            When the clips have none of them.
        """
        features = {name: store for name, store in self.features.items() if name in modalities}
        if not features:
            here, asked = (", ".join(names) or "nothing" for names in (self.features, modalities))
            raise AvlibError(f"the clips have {here}, and not {asked}: load the data set with modalities=({asked})")
        return replace(self, features=features)

    def having(self, features: Mapping[str, Tensor]) -> "Split":
        """The same clips with `features`, (N, …) each, beside or in the place of what they have."""
        return replace(self, features={**self.features, **{name: self._stored(x) for name, x in features.items()}})

    def _stored(self, values: Tensor) -> Tensor:
        """`values` of these clips as rows of a store: a view of some rows finds them where its other features are."""
        if self.rows is None:
            return values
        store = values.new_zeros(int(self.rows.max()) + 1, *values.shape[1:])
        store[self.rows] = values
        return store

    def subset(self, indices: Sequence[int] | Tensor) -> "Split":
        """A view of the clips at `indices`, in that order."""
        index = torch.as_tensor(indices, dtype=torch.long)
        chosen = index.tolist()
        return replace(
            self,
            labels=self.labels[index],
            ids=tuple(self.ids[i] for i in chosen),
            events=None if self.events is None else tuple(self.events[i] for i in chosen),
            rows=index if self.rows is None else self.rows[index],
        )

    def media(self, i: int) -> Media:
        """Clip `i` as sound and picture, made again from its source.

        Raises
        ------
        AvlibError
            When this data set keeps features only.
        """
        if self.render is None:
            raise AvlibError(f"clip {self.ids[i]!r} has features only: this data set keeps no sound to play")
        return self.render(i if self.rows is None else int(self.rows[i]))


def _read(store: object, rows: Tensor) -> Tensor:
    if isinstance(store, Tensor):
        values = store[rows]
    else:  # HDF5 wants increasing, distinct rows
        distinct, back = np.unique(rows.numpy(), return_inverse=True)
        values = torch.from_numpy(store[distinct][back])  # type: ignore[index]
    return values.float() / 255 if values.dtype == torch.uint8 else values


@dataclass(frozen=True)
class AVData:
    """A data set: its splits, its classes, and what made its features.

    `implications` holds (child, parent) pairs of class names: whoever carries the first label carries the second.
    `checksums` has one for each modality, which changes when any of its features does, and one for "labels" (with ids
    and events).  `ledger` lists the clips that could not be read, with reasons.
    """

    name: str
    train: Split
    valid: Split
    eval: Split
    classes: tuple[str, ...]
    front_end: LogMel
    normalizer: Normalizer
    checksums: Mapping[str, str]
    implications: tuple[tuple[str, str], ...] = ()
    ledger: tuple[tuple[str, str], ...] = ()

    @property
    def checksum(self) -> str:
        """One checksum of everything."""
        return digest(self.checksums)

    def to(self, device: torch.device | str) -> "AVData":
        """The same data, whose batches come out on `device`."""
        return self._each(lambda split: split.to(device))

    def only(self, modalities: Collection[str]) -> "AVData":
        """The same data in `modalities` alone: `Split.only` of each split, and the checksums that are left."""
        kept = {name: value for name, value in self.checksums.items() if name in (*modalities, "labels")}
        return replace(self._each(lambda split: split.only(modalities)), checksums=kept)

    def _each(self, change: Callable[[Split], Split]) -> "AVData":
        return replace(self, train=change(self.train), valid=change(self.valid), eval=change(self.eval))
