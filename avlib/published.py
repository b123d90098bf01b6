"""The numbers that the papers print, and what arithmetic says about them."""

import numpy as np
import pandas as pd

from avlib.errors import AvlibError
from avlib.files import CHECKOUT
from avlib.metrics import dprime, max_ap_given_auc
from avlib.provenance import tracked

FACTS = CHECKOUT / "data"
KEYS = ["paper", "table", "row", "model", "attack", "epsilon"]
KINETICS_CLASSES, KINETICS_CLIPS = 34, 1504  # of Kinetics-Sounds, and of its scored split: P2, section 7.1


def published(paper: str | None = None, table: int | None = None) -> pd.DataFrame:
    """The tables of P1 and P2 as one tidy frame, one number a row; all of them, or those of a paper or table.

    Columns: paper ("P1", "P2"), table, row (as printed, or the masked region, or the class), model, attack ("none",
    "A", "V", "A+V": the modalities attacked, by one universal δ), epsilon and norm (nominal; NaN without attack),
    metric (mAP, AUC, dprime, AP, accuracy), value (shares in [0, 1]), printed (the print, percent signs and all), note.

    Raises
    ------
    AvlibError
        When there is no such paper or table.

    >>> published("P2", 2)["row"].unique().tolist()
    ['Mid Fusion', 'Mid Fusion mixup']
    """
    source, empty = tracked(FACTS / "published.csv"), {"epsilon": [""], "norm": [""]}
    frame = pd.read_csv(source, dtype={"printed": str}, keep_default_na=False, na_values=empty)
    for name, wanted in (("paper", paper), ("table", table)):
        known = frame[name].unique().tolist()
        if wanted is not None and wanted not in known:
            raise AvlibError(f"no {name} {wanted!r} among the published results: choose one of {known}")
        frame = frame[frame[name] == wanted] if wanted is not None else frame
    return frame.reset_index(drop=True)


def quote(paper: str, table: int, row: str, metric: str, attack: str = "none", **more: object) -> float:
    """One printed number, found by its row, metric and attack, and by `model` or `epsilon` where these do not suffice.

    Raises
    ------
    AvlibError
        When no printed number fits, or several different ones.

    >>> quote("P1", 4, "ResNet (audio)", "mAP", attack="A")
    0.214
    """
    frame = published(paper, table)
    wanted = {"row": row, "metric": metric, "attack": attack, **more}
    for name, value in wanted.items():
        frame = frame[frame[name] == value]
    if frame["value"].nunique() != 1:
        raise AvlibError(f"{paper} table {table} has {frame['value'].nunique()} numbers for {wanted}: name exactly one")
    return float(frame["value"].iloc[0])


def audit(table: pd.DataFrame | None = None) -> pd.DataFrame:
    """Check printed rows against arithmetic: d′ = √2·Φ⁻¹(AUC), and AP ≤ π + (1 − π)·AUC.

    A row that prints AUC .920 stands for AUC in [.9195, .9205]: `dprime_low` and `dprime_high` are √2·Φ⁻¹ of these
    ends, widened by half of d′'s own last digit.  `consistent` says whether the printed d′ lies between them; NA
    where no d′ is printed.  Averages of d′ over seeds or classes lie above d′ of the mean AUC, since Φ⁻¹ is convex from
    AUC .5 on: averaging cannot explain a printed d′ that is too low.

    `mAP_max` is what the largest AUC allows in a single-label set, known for Kinetics-Sounds
    (P2 table 2), whatever the frequencies of its classes: macro mAP ≤ AUC + 1/C, and π + (1 − π)·AUC with π = 1/C
    when they are equal, as they nearly are there.  `feasible` says whether the printed mAP is below it.

    >>> rows = audit()
    >>> len(rows), int((rows["consistent"] == False).sum()), int((rows["feasible"] == False).sum())
    (46, 17, 1)
    """
    frame = published() if table is None else table
    measures = ["mAP", "AUC", "dprime"]
    frame = frame[frame["metric"].isin(measures)]
    frame = frame.assign(half=frame["printed"].map(_half_a_digit)).set_index([*KEYS, "metric"])
    value, half = (frame[name].unstack("metric", sort=False).reindex(columns=measures) for name in ("value", "half"))
    auc_low, auc_high = value["AUC"] - half["AUC"], value["AUC"] + half["AUC"]
    result = value.assign(
        dprime_exact=dprime(value["AUC"].to_numpy()),
        dprime_low=dprime(auc_low.to_numpy()) - half["dprime"],
        dprime_high=dprime(auc_high.to_numpy()) + half["dprime"],
    ).reset_index()
    fits = result["dprime"].between(result["dprime_low"], result["dprime_high"])
    result["consistent"] = fits.astype("boolean").mask(result["dprime"].isna())
    single_label = (result["paper"] == "P2") & (result["table"] == 2)
    bound = max_ap_given_auc(auc_high.to_numpy(), 1, KINETICS_CLASSES - 1)
    result["mAP_max"] = np.where(single_label, bound, np.nan)
    below = result["mAP"] - half["mAP"].to_numpy() <= result["mAP_max"]
    result["feasible"] = below.astype("boolean").mask(~single_label)
    return result.rename_axis(columns=None)


def _half_a_digit(printed: str) -> float:
    """Half a unit of the last printed digit: 0.0005 for "0.920"."""
    return 0.5 * 10.0 ** -len(printed.partition(".")[2])
