"""Where sound and picture meet: a file for each tap, from the input to the logits.

A sixth tap is a file beside these and a line in `TAPS`, which lists them by depth.
"""

from collections.abc import Callable

from avlib.models.fusion.early import Early
from avlib.models.fusion.late import Late
from avlib.models.fusion.late_sum import LateSum
from avlib.models.fusion.mid1 import Mid1
from avlib.models.fusion.mid2 import Mid2
from avlib.models.fusion.reshaped import Reshaped
from avlib.models.fusion.tap import Fusion

TAPS: dict[str, Callable[..., Fusion]] = {"early": Early, "mid1": Mid1, "mid2": Mid2, "late_sum": LateSum, "late": Late}
RELEASED: dict[str, Callable[..., Fusion]] = {"reshaped": Reshaped}  # as the authors' code has it

__all__ = ["RELEASED", "TAPS", "Early", "Fusion", "Late", "LateSum", "Mid1", "Mid2", "Reshaped"]
