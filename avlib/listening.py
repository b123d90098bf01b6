"""From a perturbation of features back to a sound, and how much of it survives the way."""

from dataclasses import dataclass

import torch
from torch import Tensor

from avlib.features import LogMel, Normalizer


def perturbed_waveform(waveform: Tensor, delta: Tensor, front_end: LogMel, normalizer: Normalizer) -> Tensor:
    """A sound whose features differ from those of `waveform` (S,) by about `delta` (T, F), z-units; (S,).

    δ is applied as a gain to the complex spectrum, whose phase stays: with d = δ · std in dB, a mel bin is multiplied
    by 10^(d / (10 · power)), and a frequency takes the mean of the gains in dB of the bins it belongs to, weighted by
    their filters.  Neighbouring windows overlap, so the inverse transform averages what they disagree on.

    >>> from avlib.features import paper64
    >>> front, wave = paper64(), torch.randn(8000, generator=torch.Generator().manual_seed(0))
    >>> normalizer = Normalizer(torch.zeros(64), torch.ones(64))
    >>> same = perturbed_waveform(wave, torch.zeros(20, 64), front, normalizer)
    >>> bool((same - wave).abs().max() < 1e-4)
    True
    """
    spectrum = front_end.stft(waveform.double())  # (T + 1, K)
    weights = front_end.filters.double()  # (K, F)
    level = (delta * normalizer.std.to(delta)).double()  # dB of the front end
    level = torch.cat([level, level[-1:]])  # centring gives one frame more than the features keep
    gain = level @ weights.T / weights.sum(dim=1).clamp_min(1e-12)  # (T + 1, K), 0 dB where no filter reaches
    louder = spectrum[: len(gain)] * 10 ** (gain / (10 * front_end.power))
    changed = torch.istft(
        louder.mT,
        front_end.n_fft,
        front_end.hop,
        front_end.window,
        window=front_end.hann.double(),
        center=True,
        length=len(waveform),
    )
    return changed.to(waveform)


@dataclass(frozen=True)
class Survival:
    """What is left of δ when the sound made from it is analysed again; m is the measured change of the features.

    share : ⟨m, δ⟩ / ⟨δ, δ⟩, 1 when all of δ arrives.
    correlation : ⟨m, δ⟩ / (‖m‖ · ‖δ‖), 1 when nothing else arrives.
    snr : 10 · log10(‖clean sound‖² / ‖added sound‖²) in dB: of waveforms, not of features.
    """

    share: float
    correlation: float
    snr: float


def survival(clean: Tensor, changed: Tensor, delta: Tensor, front_end: LogMel, normalizer: Normalizer) -> Survival:
    """Compare `delta` (T, F) with the change of features between two waveforms (S,)."""
    before, after = (normalizer(front_end(wave.double())) for wave in (clean, changed))
    measured, asked = (after - before).flatten(), delta.double().flatten()
    inner = measured @ asked
    added = (changed - clean).double()
    return Survival(
        share=float(inner / (asked @ asked)),
        correlation=float(inner / (measured.norm() * asked.norm())),
        snr=float(20 * (clean.double().norm() / added.norm()).log10()),
    )


@dataclass(frozen=True)
class Played:
    """δ made a sound: its `waveform` (S,), the `features` (T, F) that are measured of it, and what survived."""

    waveform: Tensor
    features: Tensor
    survival: Survival


def played(waveform: Tensor, delta: Tensor, front_end: LogMel, normalizer: Normalizer) -> Played:
    """`delta` (T, F) applied to `waveform` (S,) as by `perturbed_waveform`, and measured again.

    >>> from avlib.features import paper64
    >>> front, wave = paper64(), torch.randn(8000, generator=torch.Generator().manual_seed(0))
    >>> normalizer, louder = Normalizer(torch.zeros(64), torch.ones(64)), torch.full((20, 64), 3.0)
    >>> round(played(wave, louder, front, normalizer).survival.share, 2)
    1.0
    """
    changed = perturbed_waveform(waveform, delta, front_end, normalizer)
    features = normalizer(front_end(changed))
    return Played(changed, features, survival(waveform, changed, delta, front_end, normalizer))
