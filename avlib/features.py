"""Sound to log-mel features: the front end of P1, normalisation."""

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from avlib._torchaudio import torchaudio
from avlib.errors import AvlibError

RATE = 16_000  # Hz, at which every data set sounds


class LogMel(nn.Module):
    """Log-mel spectrogram of each clip: L[t, m] = 10 · log10 max(Σ_f H[m, f] · |X[t, f]|^power, amin), in dB.

    X is the short-time Fourier transform (Hann window, centred, zeros beyond both ends) and H the Slaney mel filter
    bank with unit area.  L is cut off `top_db` below the maximum of its own clip, and the first S // hop frames are
    kept of the S // hop + 1 that centring gives.  With power = 1 a level of 1 dB is a factor 10^0.1 in *amplitude*,
    twice what the word means for sound pressure; that is the papers' convention.

    Parameters
    ----------
    rate : sampling rate, Hz
    n_fft, window, hop : lengths in samples of the transform, of the Hann window inside it, and between two frames
    mels, f_min, f_max : number of bins, and the band in Hz that they share (default: up to rate / 2)
    power : exponent of the magnitude
    amin, top_db : floor of the mel energy, and greatest distance in dB below the clip's maximum

    Shapes: waveform (..., S) → (..., S // hop, mels).  Filters are kept in float64, the result has the input's dtype.

    >>> LogMel(rate=8000, mels=20)(torch.zeros(2, 4000)).shape
    torch.Size([2, 10, 20])
    """

    hann: Tensor
    filters: Tensor

    def __init__(
        self,
        rate: int = RATE,
        *,
        n_fft: int = 4096,
        window: int = 1024,
        hop: int = 400,
        mels: int = 64,
        f_min: float = 0.0,
        f_max: float | None = None,
        power: float = 1.0,
        amin: float = 1e-10,
        top_db: float = 80.0,
    ) -> None:
        super().__init__()
        f_max = rate / 2 if f_max is None else f_max
        if not 0 <= f_min < f_max <= rate / 2:
            raise AvlibError(f"f_min={f_min:g}, f_max={f_max:g}: need 0 ≤ f_min < f_max ≤ rate / 2 = {rate / 2:g} Hz")
        self.rate, self.n_fft, self.window, self.hop, self.mels = rate, n_fft, window, hop, mels
        self.f_min, self.f_max, self.power, self.amin, self.top_db = f_min, f_max, power, amin, top_db
        self.register_buffer("hann", torch.hann_window(window, dtype=torch.float64), persistent=False)
        self.register_buffer("filters", _slaney(n_fft // 2 + 1, f_min, f_max, mels, rate), persistent=False)

    def extra_repr(self) -> str:
        names = ("rate", "n_fft", "window", "hop", "mels", "f_min", "f_max", "power", "amin", "top_db")
        return ", ".join(f"{name}={getattr(self, name):g}" for name in names)

    @property
    def frame_rate(self) -> float:
        """Frames a second."""
        return self.rate / self.hop

    @property
    def centres(self) -> Tensor:
        """Frequency in Hz at which each bin's filter peaks, (F,)."""
        grid = torch.linspace(0, self.rate / 2, self.n_fft // 2 + 1, dtype=torch.float64)
        return grid[self.filters.argmax(dim=0).cpu()]

    def stft(self, waveform: Tensor) -> Tensor:
        """Complex spectrum X of `waveform` (..., S): (..., S // hop + 1, n_fft // 2 + 1)."""
        flat = waveform.reshape(-1, waveform.shape[-1])
        spectrum = torch.stft(
            flat,
            self.n_fft,
            self.hop,
            self.window,
            window=self.hann.to(waveform.dtype),
            center=True,
            pad_mode="constant",
            return_complex=True,
        ).mT
        return spectrum.reshape(*waveform.shape[:-1], *spectrum.shape[-2:])

    def forward(self, waveform: Tensor) -> Tensor:
        mel = self.stft(waveform).abs().pow(self.power) @ self.filters.to(waveform.dtype)
        level = 10 * mel.clamp_min(self.amin).log10()
        loudest = level.amax(dim=(-2, -1), keepdim=True)
        return level.maximum(loudest - self.top_db)[..., : waveform.shape[-1] // self.hop, :]


def _slaney(bins: int, f_min: float, f_max: float, mels: int, rate: int) -> Tensor:
    # torchaudio computes in the default dtype, and float32 is too coarse for the narrow bands at the bottom.
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        return torchaudio.functional.melscale_fbanks(bins, f_min, f_max, mels, rate, norm="slaney", mel_scale="slaney")
    finally:
        torch.set_default_dtype(before)


def paper64(rate: int = RATE, f_max: float | None = None) -> LogMel:
    """The 64-bin front end of P1 (section 4.1): 400 × 64 out of 10 s at 16 kHz.

    Window 64 ms inside a transform of 256 ms, hop 25 ms, 64 Slaney mels of the magnitude, 10 · log10, 80 dB deep.
    At another `rate` the same durations apply.

    >>> paper64()(torch.zeros(160_000)).shape
    torch.Size([400, 64])
    """
    scale = rate / RATE
    return LogMel(rate, n_fft=round(4096 * scale), window=round(1024 * scale), hop=round(400 * scale), f_max=f_max)


@dataclass(frozen=True)
class Normalizer:
    """z = (L − mean) / std for each mel bin; `mean` and `std` in dB, shape (F,).

    >>> normalizer = Normalizer.fit([torch.tensor([[[0.0, 5.0], [4.0, 5.0]]])])
    >>> normalizer.mean, normalizer.std  # an empty bin keeps the floor of 1 dB
    (tensor([2., 5.]), tensor([2., 1.]))
    >>> normalizer.inverse(normalizer(torch.tensor([[3.0, 4.0]])))
    tensor([[3., 4.]])
    """

    mean: Tensor
    std: Tensor

    @classmethod
    def fit(cls, chunks: Iterable[Tensor], floor: float = 1.0) -> "Normalizer":
        """Mean and standard deviation over clips and frames of `chunks`, each (n, T, F) in dB; std at least `floor` dB.

        Raises
        ------
        AvlibError
            When there is no clip at all.
        """
        count, mean, squares = 0, torch.zeros(()), torch.zeros(())
        for chunk in chunks:  # merged as in Chan, Golub & LeVeque (1983): one pass, no cancellation
            rows = chunk.reshape(-1, chunk.shape[-1]).double()
            if not len(rows):
                continue
            centre, total = rows.mean(dim=0), count + len(rows)
            shift = centre - mean
            squares = squares + (rows - centre).square().sum(dim=0) + shift.square() * (count * len(rows) / total)
            mean, count = mean + shift * (len(rows) / total), total
        if not count:
            raise AvlibError("no clip to fit the normaliser on: the training split is empty")
        return cls(mean.float(), (squares / count).sqrt().clamp_min(floor).float())

    def __call__(self, level: Tensor) -> Tensor:
        """Levels in dB (..., F) to standard deviations."""
        return (level - self.mean.to(level)) / self.std.to(level)

    def inverse(self, z: Tensor) -> Tensor:
        """Standard deviations (..., F) to levels in dB."""
        return z * self.std.to(z) + self.mean.to(z)
