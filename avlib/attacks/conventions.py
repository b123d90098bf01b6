"""One radius under several conventions of what it means, made equally strong: for asking what hangs on the convention.

Equal strength is an equal mean square.  ε in each of T frames allows ‖δ‖ = ε·√T in ℓ2 over the clip, and so much is
what every convention gets:

each frame    ‖δ_t‖ ≤ ε in each frame t, projected.  What the released code does, but for the projection.
whole clip    ‖δ‖ ≤ ε·√T over the clip, projected, as P1, eq. 1 and P2, eq. 2 are written.  A δ may put all of it into
              a few frames.
released      the update of the released code (`fit_released`), which lets δ grow.  It is asked for the radius
              ε / passes, so that its δ ends about as long as it is used, and is stretched to ‖δ‖ = ε·√T.  A mask cuts
              it after the fit, and before it is stretched, as the released notebooks do.
"""

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Literal, get_args

import torch
from torch import nn

from avlib.attacks.perturbation import Perturbation
from avlib.attacks.released import fit_released
from avlib.attacks.threat import Threat
from avlib.attacks.universal import fit_universal
from avlib.data.split import Split
from avlib.errors import AvlibError

Meaning = Literal["each frame", "whole clip", "released"]
MEANINGS: tuple[Meaning, ...] = get_args(Meaning)


def fit_as(
    meaning: Meaning,
    model: nn.Module,
    split: Split,
    threats: Mapping[str, Threat],
    *,
    passes: int,
    batch_size: int,
    generator: torch.Generator,
) -> Perturbation:
    """A universal δ for the clips of `split`, its radius read as `meaning`, at equal strength.

    Parameters
    ----------
    threats : ℓ2 balls over each frame, of a number ε, with a mask or without one.
    generator : shuffles the clips.  The released update knows one modality, so each of several gets a fit of its own.

    Raises
    ------
    AvlibError
        When the meaning is unknown, or a threat is no ℓ2 ball over frames.
    """
    if meaning not in MEANINGS:
        raise AvlibError(f"meaning = {meaning!r}: allowed are {', '.join(MEANINGS)}")
    for name, threat in threats.items():
        if threat.norm != 2 or threat.over != "frame":
            raise AvlibError(f"the threat against {name!r} must be an ℓ2 ball over frames: its length is made equal")
    lengths = {name: split.batch([0])[0][name].shape[1] for name in threats}
    if meaning == "released":
        made = [_released(model, split, name, threats[name], passes, batch_size, generator) for name in threats]
        return Perturbation({name: delta for one in made for name, delta in one.delta.items()})
    if meaning == "whole clip":
        threats = {
            name: replace(threat, eps=threat.eps * math.sqrt(lengths[name]), over="clip")
            for name, threat in threats.items()
        }
    return fit_universal(model, split, threats, passes=passes, batch_size=batch_size, generator=generator)


def _released(
    model: nn.Module,
    split: Split,
    name: str,
    threat: Threat,
    passes: int,
    batch_size: int,
    generator: torch.Generator,
) -> Perturbation:
    eps = float(threat.eps)
    made = fit_released(
        model,
        split,
        norm=2,
        eps=eps / passes,
        modality=name,
        passes=passes,
        batch_size=batch_size,
        generator=generator,
    )
    delta = made.delta[name] if threat.mask is None else made.delta[name] * threat.mask
    size = delta.norm().clamp_min(torch.finfo(delta.dtype).tiny)
    return Perturbation({name: delta * (eps * math.sqrt(delta.shape[1]) / size)})
