"""One radius for two senses: as loud against the one as against the other; and attacks through each and both."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Protocol, TypeVar

import torch
from torch import Tensor

from avlib.attacks.ball import Budget
from avlib.attacks.card import feature_snr
from avlib.attacks.perturbation import noise
from avlib.attacks.threat import Threat

SHORT = {"audio": "A", "video": "V"}  # as the papers' tables name what is attacked


class Found(Protocol):
    """What an attack found: δ of each attacked modality, among other things."""

    @property
    def delta(self) -> dict[str, Tensor]: ...


F = TypeVar("F", bound=Found)
Start = Sequence[Mapping[str, Tensor]] | None


def noise_snr(x: Tensor, threat: Threat) -> float:
    """Mean feature SNR in dB of the clips x (N, …) to a random δ of the length that `threat` allows.

    >>> noise_snr(torch.ones(3, 4, 25), Threat(2, 1.0))
    20.0
    """
    made = noise({"x": x}, {"x": threat}, generator=torch.Generator().manual_seed(0), kind="universal")
    return float(feature_snr(x, made.delta["x"]).mean())


def matched(batch: Mapping[str, Tensor], threat: Threat, of: str = "audio", to: str = "video") -> Threat:
    """`threat` of the modality `of`, with the radius at which a random δ of `to` has the same mean feature SNR there.

    The same number ε means different things to a spectrogram and to a vector of features: 10 in a clip of length 75 is
    a murmur, in one of length 10 it drowns everything.  Ratios can be compared.

    >>> clips = {"audio": torch.ones(3, 4, 25), "video": 5 * torch.ones(3, 4)}
    >>> matched(clips, Threat(2, 1.0)).eps
    1.0
    """
    unit = replace(threat, eps=1.0)
    return replace(threat, eps=10 ** ((noise_snr(batch[to], unit) - noise_snr(batch[of], threat)) / 20))


def each_and_both(
    attack: Callable[[dict[str, Threat], Budget, Start], F], threats: Mapping[str, Threat], budgets: Sequence[Budget]
) -> dict[str, F]:
    """What ``attack(threats, budget, starts)`` finds through each modality alone, and through both by each budget.

    The attack on both starts from the δs of each and from both together, so that with a ball for each it ends below
    neither on the loss that it climbs.  The names are those of the papers: "A", "V", and "A+V, " with the budget.

    >>> class Told:
    ...     delta = {"audio": torch.zeros(1)}
    >>> list(each_and_both(lambda *asked: Told(), {"audio": Threat(2, 1.0), "video": Threat(2, 1.0)}, ["joint"]))
    ['A', 'V', 'A+V, joint']
    """
    found = {SHORT[name]: attack({name: threat}, "separate", None) for name, threat in threats.items()}
    if len(found) == 1:
        return found
    alone = [dict(one.delta) for one in found.values()]
    together = {name: delta for one in alone for name, delta in one.items()}
    return found | {f"A+V, {budget}": attack(dict(threats), budget, [*alone, together]) for budget in budgets}
