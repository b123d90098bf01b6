"""How far the sum of two votes is from turning over, when one voter or both are attacked."""

import math
from typing import Any

import torch
from torch import Tensor

from avlib.models.linear import conjugate


def margin_radii(
    heard: Tensor, seen: Tensor, ear: Tensor | float, eye: Tensor | float, norm: float
) -> dict[str, Tensor]:
    """Radii of a fusion that adds a linear score of the sound to a linear score of the picture, in closed form.

    The margins `heard` m_A and `seen` m_V (any shape) are what each sense says for the right side; together they are
    m = m_A + m_V.  A δ of the sound with ‖δ‖_p ≤ ε_A lowers m_A by at most `ear` = ε_A·‖a‖_q, one of the picture m_V by
    at most `eye` = ε_V·‖b‖_q.  In units of those ε the smallest δ that brings the margin to 0 is

    ``audio alone``, ``video alone``
        m_A / ear and m_V / eye: the sense by itself, which the other cannot help.
    ``audio``, ``video``
        m / ear, m / eye: the fused model, one sense attacked.
    ``separate``, ``split``
        m / (ear + eye) with an ε for each sense, and 2m / (ear + eye) with half of it.
    ``joint``
        m / (ear^q + eye^q)^(1/q): one ball for the pair.

    A margin that is not positive is broken already: radius 0.  So r_A of the fused model is larger than that of the ear
    alone exactly where m_V > 0, and smaller exactly where m_V < 0.

    Source: the sharper form of P2, theorem 1.

    >>> radii = margin_radii(torch.tensor([3.0]), torch.tensor([-1.0]), ear=5.0, eye=2.0, norm=2)
    >>> {name: round(r.item(), 3) for name, r in radii.items() if name in ("audio alone", "audio", "joint")}
    {'audio alone': 0.6, 'audio': 0.4, 'joint': 0.371}
    """
    a, b = torch.as_tensor(ear), torch.as_tensor(eye)
    q, both = conjugate(norm), heard + seen
    pair = torch.maximum(a, b) if q == math.inf else (a**q + b**q) ** (1 / q)
    slopes: dict[str, tuple[Tensor, Any]] = {
        "audio alone": (heard, a),
        "video alone": (seen, b),
        "audio": (both, a),
        "video": (both, b),
        "separate": (both, a + b),
        "joint": (both, pair),
        "split": (both, (a + b) / 2),
    }
    return {name: (margin / slope).clamp_min(0) for name, (margin, slope) in slopes.items()}


def against_rivals(heard: Tensor, seen: Tensor, reach: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Where one class has to stay above several rivals: both radii of the sound, and which is foreseen to be larger.

    heard, seen : margins (N, R) of the right class against each rival, by the sound and by the picture.
    reach : what a δ of ε moves at most between the two, ε·‖a_y − a_j‖_q, (N, R).

    Gives r_A = min_j m_A,j / reach_j of the ear alone, r_AV = min_j (m_A,j + m_V,j) / reach_j of the fused model, both
    (N,) and 0 where broken, and a sign (N,): 1 where the picture is for the right class against *every* rival, so that
    r_AV > r_A; −1 where it is against it for the rival that is nearest to the ear, so that r_AV < r_A; else 0, for then
    either may be the larger: another rival may have come nearer than the nearest.

    >>> heard, seen = torch.tensor([[2.0, 3.0]] * 3), torch.tensor([[1.0, 1.0], [-1.0, 1.0], [1.0, -2.5]])
    >>> against_rivals(heard, seen, torch.ones(3, 2))
    (tensor([2., 2., 2.]), tensor([3.0000, 1.0000, 0.5000]), tensor([ 1, -1,  0]))
    """
    by_ear, fused = ((margin / reach).clamp_min(0) for margin in (heard, heard + seen))
    nearest = seen.gather(1, by_ear.argmin(dim=1, keepdim=True))[:, 0]
    sign = (seen > 0).all(dim=1).long() - (nearest < 0).long()
    return by_ear.amin(dim=1), fused.amin(dim=1), sign
