"""Adversarial perturbations: several modalities, many labels, masks, one loop."""

from avlib.attacks.adversarial import Adversarial
from avlib.attacks.apgd import apgd
from avlib.attacks.attacking import attacking
from avlib.attacks.card import Card, feature_snr, level_change_db
from avlib.attacks.perturbation import Perturbation, noise
from avlib.attacks.pgd import falling, fgsm, pgd
from avlib.attacks.released import fit_released
from avlib.attacks.square import square
from avlib.attacks.threat import Threat
from avlib.attacks.universal import fit_universal

__all__ = [
    "Adversarial",
    "Card",
    "Perturbation",
    "Threat",
    "apgd",
    "attacking",
    "falling",
    "feature_snr",
    "fgsm",
    "fit_released",
    "fit_universal",
    "level_change_db",
    "noise",
    "pgd",
    "square",
]
