"""What every model of the book is: a branch for each modality, and a head on what they encode."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from torch import Tensor, nn

from avlib.data.split import AVData, Batch, Split
from avlib.errors import AvlibError
from avlib.models.pooling import Frames

Clips = TypeVar("Clips", Split, AVData)


class Branch(nn.Module):
    """Encodes one modality: x (N, T, *sizes) → (N, T′, width), which a subclass does in `forward`.

    width : size d of an encoded frame.
    sizes : of the axes after time.
    shortest, longest : fewest and most frames (or windows) that it takes.
    """

    def __init__(self, *, width: int, sizes: Sequence[int], shortest: int = 1, longest: int | None = None) -> None:
        super().__init__()
        self.width, self.sizes, self.shortest, self.longest = width, tuple(sizes), shortest, longest

    def fits(self, shape: Sequence[int]) -> bool:
        """Whether it takes features of `shape`.

        >>> Identity(width=64, sizes=(64,), shortest=4).fits((2, 3, 64))
        False
        """
        if len(shape) < 2 or tuple(shape[2:]) != self.sizes:
            return False
        return self.shortest <= shape[1] and (self.longest is None or shape[1] <= self.longest)

    @property
    def allowed(self) -> str:
        """The shapes that it takes, in words.

        >>> Identity(width=64, sizes=(64,), shortest=4).allowed
        '(clips, at least 4, 64)'
        """
        time = f"{self.shortest} to {self.longest}"
        if self.longest in (None, self.shortest):
            time = f"at least {self.shortest}" if self.longest is None else f"{self.shortest}"
        return f"({', '.join(['clips', time, *map(str, self.sizes)])})"


class Identity(Branch):
    """The branch of what is encoded already, or classified as it is."""

    def forward(self, x: Tensor) -> Tensor:
        return x


class Classifier(Protocol):
    """A head: what was encoded, (N, T′, d), → clip logits (N, C), and two views of how it came to them."""

    def __call__(self, encoding: Tensor) -> Tensor: ...

    def frames(self, encoding: Tensor) -> Frames:
        """Frame logits and weights, (N, T′, C) each."""

    def pooled(self, encoding: Tensor) -> Tensor:
        """One vector a clip, (N, d)."""


class Tagger(nn.Module):
    """``forward = head ∘ fuse ∘ encode``: one `Branch` a modality, and a `head` on what they encode together.

    A model of several modalities overrides `fuse` (or `classify`, where it fuses logits).

    >>> import torch
    >>> from avlib.models.pooling import Head
    >>> model = Tagger({"audio": Identity(width=8, sizes=(8,))}, Head(8, classes=3))
    >>> model({"audio": torch.zeros(2, 5, 8), "video": torch.zeros(2, 1)}).shape
    torch.Size([2, 3])
    """

    branches: Mapping[str, Branch]
    head: Classifier

    def __init__(self, branches: Mapping[str, Branch], head: Classifier) -> None:
        super().__init__()
        self.branches = nn.ModuleDict(branches)  # type: ignore[assignment]  # a mapping, in all but its type
        self.head = head

    @property
    def modalities(self) -> tuple[str, ...]:
        """Names of the modalities that the model takes, in the order of its branches."""
        return tuple(self.branches)

    def uses(self, names: Collection[str]) -> list[str]:
        """Those of `names` that are modalities of this model."""
        return [name for name in self.modalities if name in names]

    def view(self, clips: Clips) -> Clips:
        """`clips` without the modalities that this model does not use, so that they are not read."""
        return clips.only(self.modalities)

    def encode(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """One encoding (N, T′, d) for each of the model's modalities that `batch` has; others are left alone.

        Raises
        ------
        AvlibError
            When the batch has none of them, or one of another shape than its branch takes.
        """
        present = self.uses(batch)
        if not present:
            raise self._lacks(self.modalities, batch)
        for name in present:
            shape, branch = tuple(batch[name].shape), self.branches[name]
            if not branch.fits(shape):
                raise AvlibError(
                    f"{name} of shape {shape} does not fit {type(self).__name__}: it takes {branch.allowed}"
                )
        return {name: self.branches[name](batch[name]) for name in present}

    def complete(self, encodings: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The encodings of all the model's modalities, in the order of its branches.

        Raises
        ------
        AvlibError
            When one is missing, or they are of unequal numbers of clips.
        """
        if missing := [name for name in self.modalities if name not in encodings]:
            raise self._lacks(missing, encodings)
        if len({len(encodings[name]) for name in self.modalities}) > 1:
            told = ", ".join(f"{name} of {len(encodings[name])}" for name in self.modalities)
            raise AvlibError(f"{type(self).__name__} got {told} clips: each clip needs all modalities")
        return {name: encodings[name] for name in self.modalities}

    def fuse(self, encodings: Mapping[str, Tensor]) -> Tensor:
        """What the head sees, (N, T′, d), from the encodings of all modalities: with one branch, its encoding."""
        if len(encodings) > 1:
            raise AvlibError(f"{type(self).__name__} has the branches {', '.join(encodings)}, and no `fuse` of its own")
        (encoding,) = encodings.values()
        return encoding

    def classify(self, encodings: Mapping[str, Tensor]) -> Tensor:
        """Clip logits (N, C) from encodings of all the model's modalities."""
        return self.head(self.fuse(self.complete(encodings)))

    def forward(self, batch: Mapping[str, Tensor]) -> Tensor:
        return self.classify(self.encode(batch))

    def frames(self, encodings: Mapping[str, Tensor]) -> Frames:
        """Frame logits and pooling weights, (N, T′, C) each: where in the clip each class was found."""
        return self.head.frames(self.fuse(self.complete(encodings)))

    def bottleneck(self, batch: Batch) -> Tensor:
        """What the head sees, (N, T′, d)."""
        return self.fuse(self.complete(self.encode(batch)))

    def pooled(self, batch: Batch) -> Tensor:
        """The bottleneck as one vector a clip, (N, d), pooled as the head does."""
        return self.head.pooled(self.bottleneck(batch))

    def _lacks(self, names: Sequence[str], got: Mapping[str, Tensor]) -> AvlibError:
        needed = " and ".join(repr(name) for name in names)
        plural = "y" if len(names) == 1 else "ies"
        found = ", ".join(sorted(got)) or "nothing"
        return AvlibError(f"{type(self).__name__} needs the modalit{plural} {needed}, got {found}")


@dataclass(frozen=True)
class Opaque:
    """Any other model, seen as a tagger: it takes the batch as it is, and nothing of it is encoded beforehand."""

    model: nn.Module

    def uses(self, names: Collection[str]) -> list[str]:
        return list(names)

    def view(self, clips: Clips) -> Clips:
        return clips

    def encode(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        return dict(batch)

    def classify(self, encodings: Mapping[str, Tensor]) -> Tensor:
        return self.model(encodings)


def tagger_of(model: nn.Module) -> Tagger | Opaque:
    """`model` itself when it is a `Tagger`, else a view of it that cannot be taken apart.

    >>> tagger_of(nn.Flatten()).encode({"sound": 1})
    {'sound': 1}
    """
    return model if isinstance(model, Tagger) else Opaque(model)
