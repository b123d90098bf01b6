"""Which studies attacked what, and when: the little of the literature that a claim of the papers depends on."""

import pandas as pd

from avlib.claims import FACTS
from avlib.errors import AvlibError
from avlib.provenance import tracked


def studies() -> pd.DataFrame:
    """data/studies.csv, oldest first: `key` (of book/references.bib), `month`, `attacked` and `data` of each study.

    The month is that of the number under which arXiv keeps it, 2104.02000 being of April 2021.

    >>> studies()["key"].tolist()
    ['li2021lens', 'tian2021can', 'li2022robustness']
    """
    found = pd.read_csv(tracked(FACTS / "studies.csv"), dtype=str)
    month = "20" + found["eprint"].str[:2] + "-" + found["eprint"].str[2:4]
    found.insert(1, "month", month)
    return found.drop(columns="eprint").sort_values("month", ignore_index=True)


def older(than: str, attacked: str) -> list[str]:
    """Keys of the studies that `attacked` the same, and are older than the study `than`.

    Raises
    ------
    AvlibError
        When there is no such study.

    >>> older("tian2021can", "sound and picture")
    []
    """
    found = studies()
    if than not in set(found["key"]):
        raise AvlibError(f"{than} is not in data/studies.csv; there are: {', '.join(found['key'])}")
    month = found.loc[found["key"] == than, "month"].item()
    return found.loc[(found["attacked"] == attacked) & (found["month"] < month), "key"].tolist()
