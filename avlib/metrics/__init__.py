"""Metrics of clean and attacked taggers: tagging, ranking, robustness, and intervals for all of them."""

from avlib.metrics.apart import apart, contrast, spread
from avlib.metrics.bootstrap import Interval, bootstrap, bootstrap_each, interval, paired, paired_each, paired_ratio
from avlib.metrics.chance import chance_ap, chance_map, floor_ap, floor_map
from avlib.metrics.clipwise import lwlrap, top_label_lost
from avlib.metrics.moved import moved
from avlib.metrics.positives import Positives
from avlib.metrics.robustness import Broken, broken_share, class_shift, decompose, fates, shift_share
from avlib.metrics.single import accuracy, chance_accuracy, recalibrated
from avlib.metrics.summary import logit_slope, summary
from avlib.metrics.tagging import Tagging, dprime, max_ap_given_auc, tagging

__all__ = [
    "Broken",
    "Interval",
    "Positives",
    "Tagging",
    "accuracy",
    "apart",
    "bootstrap",
    "bootstrap_each",
    "broken_share",
    "chance_accuracy",
    "chance_ap",
    "chance_map",
    "class_shift",
    "contrast",
    "decompose",
    "dprime",
    "fates",
    "floor_ap",
    "floor_map",
    "interval",
    "logit_slope",
    "lwlrap",
    "max_ap_given_auc",
    "moved",
    "paired",
    "paired_each",
    "paired_ratio",
    "recalibrated",
    "shift_share",
    "spread",
    "summary",
    "tagging",
    "top_label_lost",
]
