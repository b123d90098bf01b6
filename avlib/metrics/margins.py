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
