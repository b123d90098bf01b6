"""What a table of attacks must say about them: the attack card, and ε in units that mean something."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd
import torch
from torch import Tensor

from avlib.attacks.ball import Budget
from avlib.attacks.threat import Threat
from avlib.features import LogMel, Normalizer

NORMS = {1: "ℓ1", 2: "ℓ2", math.inf: "ℓ∞"}


def feature_snr(x: Tensor, delta: Tensor) -> Tensor:
    """20 · log10(‖x‖₂ / ‖δ‖₂) of each clip in dB, (N,): a ratio of z-scored features, not of sound.

    `delta` is (N, …) or (1, …).

    >>> feature_snr(torch.ones(1, 4, 4), 0.1 * torch.ones(1, 4, 4))
    tensor([20.])
    """
    signal, noise = x.flatten(1).norm(dim=1), delta.flatten(1).norm(dim=1)
    return 20 * (signal / noise).log10()


def level_change_db(delta: Tensor, front_end: LogMel, normalizer: Normalizer) -> Tensor:
    """Change of sound level that δ (N, T, F) means, as the root mean square over frames and bins, in dB; (N,).

    (2 / power) · δ · σ_f: the front end takes 10 · log10 of the magnitude to its power, and a level is 20 · log10 of
    the magnitude.  With the magnitude itself (P1, `paper64`) that is twice δ · σ_f.

    >>> from avlib.features import paper64
    >>> normalizer = Normalizer(torch.zeros(64), torch.full((64,), 11.76))
    >>> level_change_db(torch.full((1, 400, 64), 0.1 / 8), paper64(), normalizer)  # ε = .1 a frame in P1
    tensor([0.2940])
    """
    change = (delta * normalizer.std.to(delta)).square().flatten(1).mean(dim=1).sqrt()
    return 2 / front_end.power * change


@dataclass(frozen=True)
class Card:
    """The threat model of a table of results.

    threats, budget : what was allowed, see `Threat` and `balls`.
    kind : ``"sample-wise"`` or ``"universal"``.
    iterations : steps or passes, in words.
    starts : runs of which the worst counts.
    fitted_on, scored_on : splits, in words.
    gradients, seconds : cost: gradient evaluations a clip, and wall-clock time.
    unit : of ε.

    >>> threat = Threat(math.inf, 0.1, over="frame")
    >>> card = Card({"audio": threat}, "universal", "5 passes", 1, "256 of train", "eval", gradients=5, seconds=3.2)
    >>> card.table().loc["ε", "audio"]
    '0.1'
    """

    threats: Mapping[str, Threat]
    kind: str
    iterations: str
    starts: int
    fitted_on: str
    scored_on: str
    gradients: int
    seconds: float
    budget: Budget = "separate"
    unit: str = "standard deviations of a bin"

    def table(self) -> pd.DataFrame:
        """One column a modality, one row a fact, all of it text."""
        return pd.DataFrame({name: self._column(threat) for name, threat in self.threats.items()})

    def _column(self, threat: Threat) -> dict[str, str]:
        eps = torch.as_tensor(threat.eps).cpu().double()
        limits = [
            "per-bin budgets" if threat.scale is not None else "",
            f"{float(threat.mask.float().mean()):.0%} of the bins" if threat.mask is not None else "",
            "x + δ in bounds" if threat.bounds is not None else "",
        ]
        return {
            "norm": NORMS[threat.norm],
            "over": threat.over,
            "ε": f"{float(eps):.4g}" if eps.dim() == 0 else f"{float(eps.min()):.4g} to {float(eps.max()):.4g}",
            "unit": self.unit,
            "limits": ", ".join(limit for limit in limits if limit) or "none",
            "kind": self.kind,
            "budget": self.budget,
            "iterations": self.iterations,
            "starts": str(self.starts),
            "fitted on": self.fitted_on,
            "scored on": self.scored_on,
            "cost": f"{self.gradients} gradients a clip, {self.seconds:.1f} s",
        }
