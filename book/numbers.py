"""Numbers of the chapters on other pages, each with its interval, filled in when the book is published.

A page cites a number as ``{result}`04_one_noise-avdigits::clean_mAP:.3f` ``, by the name of the page and the key under
which its run kept it.  A dash stands for what this copy of the book has not computed.
"""

import math
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

Known = Mapping[str, Mapping[str, Any]]  # what the results file of each computed page holds, by the page's document
CITED = re.compile(r"\{result\}`([\w-]+)::(\w+)(?::([^`]+))?`")
# What a chapter is read for, in words, by the keys of its results.
HEADLINES = {
    "01_listening_and_looking": {
        "mAP": "mAP of the tagger",
        "chance_mAP": "mAP by chance",
        "CSN_minus_averages": "mAP that the tagger has beyond averages of the sound",
        "gain_last_doubling": "mAP gained by the last doubling of the clips",
    },
    "02_models_that_tag": {
        "mAP_CSN": "mAP of CSN",
        "mAP_CRNN": "mAP of CRNN",
        "mAP_ResNet": "mAP of ResNet",
        "mAP_averages": "mAP of averages of the sound",
        "mAP_CSN_minus_CRNN": "mAP of CSN minus mAP of CRNN",
    },
    "02b_first_eye": {
        "mAP_eye": "mAP of the eye",
        "mAP_mean": "mAP of eye and ear together",
        "mAP_mean_minus_ear": "mAP that the eye adds to the ear",
    },
    "03_breaking_a_model": {
        "clean_mAP": "mAP on the victims, untouched",
        "mAP_half_epsilon_minus_epsilon": "mAP under PGD at half of ε, minus mAP at ε",
    },
    "04_one_noise": {
        "clean_mAP": "mAP, untouched",
        "noise_mAP": "mAP with one random δ",
        "universal_mAP": "mAP with one fitted δ",
        "drop_beyond_noise": "mAP that the fitted δ costs beyond the random one",
        "universal_broken": "share of broken clips with one fitted δ",
        "peeking_gain": "mAP that δ takes in addition when it is fitted on the scored clips",
    },
    "05_trust_the_attack": {
        "broken_pgd": "share of clips that PGD breaks",
        "broken_square": "share that a search without gradients breaks",
        "gain_of_more_steps": "share that twice the steps break beyond it",
        "flags_tagger": "checks that the attack fails on the tagger",
        "rounded_pgd": "share broken by PGD behind the rounding guard",
        "rounded_transfer": "share broken there by δs of the tagger without it",
    },
    "06_which_frequencies": {
        "universal_all": "mAP with one fitted δ in all bins",
        "high_minus_low": "mAP left in the high band minus the low one",
        "first_minus_second": "mAP left in the first half minus the second",
        "rank_information_vulnerability": "rank correlation of information and vulnerability",
        "specaugment_gain_attacked": "attacked mAP gained by SpecAugment",
    },
    "07_where_senses_meet": {
        "mAP_late": "mAP of late fusion",
        "late_minus_ear": "mAP that late fusion has beyond the ear",
        "universal_late": "mAP of late fusion under one fitted δ on the sound",
        "slope_universal": "attacked mAP gained with each deeper tap",
    },
    "08_which_architecture": {
        "drop_ResNet": "mAP that ResNet loses under its own δ",
        "drop_CSN": "mAP that CSN loses",
        "resnet_loses_less": "mAP that the next network loses beyond ResNet",
        "masking_resnet": "checks that the attack fails on ResNet",
        "transfer_share": "harm of another network's δ as a share of the own one's",
    },
    "09_class_by_class": {
        "CSN_minus_CRNN_attacked": "attacked mAP of CSN minus CRNN",
        "top_kept": "share of the best classes that stay, beyond luck",
        "rho_tonality": "rank correlation of tonality and drop, at equal clean AP",
        "deactivation_l2_CSN": "ε at which half of CSN's mAP is gone, ℓ2",
        "norms_agree": "Kendall's τ between the norms' rankings of the taggers",
    },
    "10_two_senses": {
        "lead_separate": "attacked mAP of late_sum minus that of the ear, ε for each sense",
        "single_minus_separate": "mAP that an attack on both senses takes more than the stronger on one",
        "late_ordered": "share of tags whose radii are ordered as the theorem foretells",
        "snr_gap": "dB by which equal ε differ between the senses",
    },
    "11_dense_and_convex": {
        "size_density": "rank correlation of class size and ρ",
        "recall_kappa": "rank correlation of recall and κ between all clips",
        "surrogate": "rank correlation of κ and what a class keeps",
        "variance_radius": "rank correlation of a class's variance and its clips' radius",
    },
    "12_mixing_as_defence": {
        "guided_minus_vanilla_universal": "mAP under one δ, guided mix-up minus none",
        "guided_minus_one_step_adversary_universal": "the same, guided mix-up minus the one-step adversary",
        "purity_change": "neighbour purity, guided mix-up minus none",
        "passes_one_step_per_guided": "passes of the one-step adversary as a multiple of guided mix-up's",
    },
    "13_when_the_eye_dominates": {
        "eye_minus_ear": "accuracy of the eye minus accuracy of the ear",
        "recalibrated_minus_attacked": "accuracy that comes back when each class is moved back",
        "video_minus_audio_harm": "accuracy that δ on the picture takes more than δ on the sound",
        "dominance_turned": "by how much that changes when the other sense is exchanged",
    },
    "14_what_holds": {
        "median_bands": "median over conventions: mAP left in the high band minus the low one",
        "median_senses": "median over conventions: attacked mAP of the ear minus that of late_sum",
        "share_bands": "share of specifications in which low noise harms more",
    },
}


class Number(NamedTuple):
    """A result as a run has kept it; the ends of its interval are NaN where it has none.

    >>> f"{Number(-0.5, -0.6, 0.41):.1f}", f"{Number(19.46):.1f}", f"{Number(math.nan):.1f}"
    ('−0.5 [−0.6,\\xa00.4]', '19.5', '–')
    """

    value: float
    low: float = math.nan
    high: float = math.nan

    def __format__(self, form: str) -> str:
        if math.isnan(self.value):
            return "–"
        ends = "" if math.isnan(self.low) else f" [{self.low:{form}},\N{NO-BREAK SPACE}{self.high:{form}}]"
        return f"{self.value:{form}}{ends}".replace("-", "−")

    @property
    def sign(self) -> int:
        """1 when the whole interval is above 0, −1 when it is below, 0 when it holds 0 or is not known."""
        return int(self.low > 0) - int(self.high < 0)


def number(known: Known, page: str, key: str) -> Number:
    """What `page` has found for `key`: NaN where it has not been computed."""
    entry = known.get(page, {}).get("values", {}).get(key, {})
    return Number(*(entry.get(part, math.nan) for part in ("value", "low", "high")))


def cited(text: str, known: Known) -> str:
    """`text` with the numbers that it cites.

    >>> cited("{result}`01::mAP:.2f` and {result}`02::mAP:.2f`", {"01": {"values": {"mAP": {"value": 0.5}}}})
    '0.50 and –'
    """
    return CITED.sub(lambda found: f"{number(known, found[1], found[2]):{found[3] or ''}}", text)
