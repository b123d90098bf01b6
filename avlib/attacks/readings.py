"""One printed ε, the perturbations that it has been or could be the name of, and random ones of their length."""

import math
from dataclasses import replace

import torch
from torch import Tensor, nn

from avlib.attacks.attacking import attacking
from avlib.attacks.card import feature_snr, level_change_db
from avlib.attacks.clips import Clips, evenly
from avlib.attacks.perturbation import Perturbation, noise
from avlib.attacks.released import fit_released
from avlib.attacks.threat import Threat
from avlib.attacks.universal import fit_universal
from avlib.data.split import Split
from avlib.features import LogMel, Normalizer
from avlib.losses import bce

PROJECTED = {
    "ℓ2 of the clip": Threat(2, 1.0, over="clip"),
    "ℓ2 of each frame": Threat(2, 1.0, over="frame"),
    "ℓ∞": Threat(math.inf, 1.0, over="frame"),
}


def readings(
    model: nn.Module, train: Split, scored: Split, *, modality: str, eps: float, passes: int, batch_size: int, seed: int
) -> dict[str, Perturbation]:
    """Universal perturbations of `modality` with the nominal radius `eps`, one for each reading of what that means.

    Projected, as the equations of P1 and P2 say, with the norm over the clip, over each frame, and the largest entry.
    Then by the update of the released code, which lets δ grow (`fit_released`): in ℓ2; in ℓ2 without setting every
    frame to ε; in ℓ2 fitted on the `scored` clips, as the released notebooks do; and in ℓ∞.
    """

    def shuffle() -> torch.Generator:
        return torch.Generator().manual_seed(seed)

    def released(norm: float, split: Split = train, rescale: bool = True) -> Perturbation:
        return fit_released(
            model,
            split,
            norm=norm,
            eps=eps,
            modality=modality,
            passes=passes,
            batch_size=batch_size,
            rescale=rescale,
            generator=shuffle(),
        )

    projected = {
        name: fit_universal(
            model,
            train,
            {modality: replace(threat, eps=eps)},
            passes=passes,
            batch_size=batch_size,
            generator=shuffle(),
        )
        for name, threat in PROJECTED.items()
    }
    return projected | {
        "released, ℓ2": released(2),
        "released, ℓ2, frames not set to ε": released(2, rescale=False),
        "released, ℓ2, fitted on eval": released(2, scored),
        "released, ℓ∞": released(math.inf),
    }


def as_long(fitted: Perturbation, generator: torch.Generator) -> Perturbation:
    """A random δ (1, T, F) of each modality of `fitted` whose frames are as long in ℓ2 as the frames of that one.

    So both have the same feature SNR, whatever norm and update made the first: what is left between them is the fit.

    >>> made = as_long(Perturbation({"audio": 3 * torch.eye(4)[None]}), torch.Generator().manual_seed(0))
    >>> made.delta["audio"].norm(dim=2)
    tensor([[3.0000, 3.0000, 3.0000, 3.0000]])
    """
    lengths = {name: delta.norm(dim=2, keepdim=True) for name, delta in fitted.delta.items()}
    tiny = {name: length.clamp_min(torch.finfo(length.dtype).tiny) for name, length in lengths.items()}
    balls = {name: Threat(2, 1.0, over="frame", scale=scale) for name, scale in tiny.items()}
    return noise(fitted.delta, balls, generator=generator, kind="universal")


def fitting_loss(model: nn.Module, split: Split, perturbation: Perturbation, batch_size: int) -> float:
    """Mean BCE under `perturbation` on a quarter of `split`, evenly spaced: as in the history of `fit_released`."""
    with attacking(model) as model:
        return Clips(model, split, batch_size).mean_loss(evenly(len(split), 0.25), perturbation, bce)


def true_size(delta: Tensor, x: Tensor, front_end: LogMel, normalizer: Normalizer) -> dict[str, float]:
    """Norms of a δ (1, T, F) in z-units, mean feature SNR over the clips x (N, T, F) in dB, level change in dB a bin.

    >>> normalizer = Normalizer(torch.zeros(4), torch.ones(4))
    >>> list(true_size(torch.ones(1, 4, 4), torch.ones(2, 4, 4), LogMel(mels=4), normalizer).values())
    [2.0, 4.0, 1.0, 0.0, 2.0]
    """
    return {
        "longest frame, ℓ2": float(delta.norm(dim=2).max()),
        "clip, ℓ2": float(delta.norm()),
        "largest entry": float(delta.abs().max()),
        "feature SNR (dB)": float(feature_snr(x, delta).mean()),
        "level (dB a bin)": float(level_change_db(delta.cpu(), front_end, normalizer)),
    }
