"""Metrics of clean and attacked taggers."""

from avlib.metrics.tagging import Tagging, dprime, max_ap_given_auc, tagging

__all__ = ["Tagging", "dprime", "max_ap_given_auc", "tagging"]
