"""What every audio model offers: encode, classify, and a view of what its head sees."""

from collections.abc import Mapping

from torch import Tensor, nn

from avlib.data.split import Batch
from avlib.errors import AvlibError
from avlib.models.pooling import Frames, Head


class AudioTagger(nn.Module):
    """A model of `batch["audio"]` (N, T, F) alone: an encoder over time, and a `head` that pools it.

    A subclass sets `mels` (F), `shortest` (the fewest frames that leave one after its poolings) and `head`,
    and defines `sequence`.  Other modalities in a batch are left alone.
    """

    modalities = ("audio",)
    mels: int
    shortest: int
    head: Head

    def sequence(self, audio: Tensor) -> Tensor:
        """Encode z-scored log-mel (N, T, F) as (N, T′, d)."""
        raise NotImplementedError

    def encode(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """One encoding a modality: ``{"audio": (N, T′, d)}``.

        Raises
        ------
        AvlibError
            When the batch has no audio, or audio of another shape than the model was built for.
        """
        audio = self._audio(batch)
        if audio.ndim != 3 or audio.shape[2] != self.mels or audio.shape[1] < self.shortest:
            allowed = f"(clips, at least {self.shortest} frames, {self.mels} mel bins)"
            raise AvlibError(
                f"audio of shape {tuple(audio.shape)} does not fit {type(self).__name__}: it takes {allowed}"
            )
        return {"audio": self.sequence(audio)}

    def classify(self, encodings: Mapping[str, Tensor]) -> Tensor:
        """Clip logits (N, C) from encodings."""
        return self.head(self._audio(encodings))

    def forward(self, batch: Mapping[str, Tensor]) -> Tensor:
        return self.classify(self.encode(batch))

    def frames(self, encodings: Mapping[str, Tensor]) -> Frames:
        """Frame logits and pooling weights, (N, T′, C) each: where in the clip each class was found."""
        return self.head.frames(self._audio(encodings))

    def bottleneck(self, batch: Batch) -> Tensor:
        """What the head sees, (N, T′, d)."""
        return self.encode(batch)["audio"]

    def pooled(self, batch: Batch) -> Tensor:
        """One vector a clip, (N, d): the bottleneck under its attention, averaged over the classes; else its mean."""
        bottleneck = self.bottleneck(batch)
        if self.head.pooling != "attention":
            return bottleneck.mean(dim=1)
        weights = self.head.frames(bottleneck).weights.mean(dim=2, keepdim=True)  # (N, T′, 1)
        return (weights * bottleneck).sum(dim=1)

    def _audio(self, modalities: Mapping[str, Tensor]) -> Tensor:
        if "audio" not in modalities:
            got = ", ".join(sorted(modalities)) or "nothing"
            raise AvlibError(f"{type(self).__name__} needs the modality 'audio', got {got}")
        return modalities["audio"]
