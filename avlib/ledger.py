"""The whole ledger: every claim of the papers, with what the pages of a run and the committed evidence say to it."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, get_args

from avlib.claims import UNDECIDED, Claim, Outcome, Verdict, claims, committed, decide
from avlib.parameters import usual

Records = Callable[[str], Mapping[str, Any] | None]  # what a page has left, by its name; None where it was not run
NONE: Outcome = "no difference beyond the margin"
MISSING, AWAITS = "not run here", "awaits its test"
STANDINGS = (*get_args(Outcome), MISSING, AWAITS)


@dataclass(frozen=True)
class Entry:
    """A claim, what `here` says to it and what the committed `evidence` does: None where its page was not run.

    `ran` and `kept` say when and at which profile the two were measured.
    """

    claim: Claim
    here: Verdict | None = None
    ran: str = ""
    evidence: Verdict | None = None
    kept: str = ""

    def standing(self, of: Verdict | None) -> str:
        """What is said of the claim in one of the words of `STANDINGS`, by its verdict `here` or by the `evidence`."""
        if self.claim.rule is None:
            return AWAITS
        return of.outcome if of else MISSING


def ledger(records: Records, dataset: str = "") -> list[Entry]:
    """All claims of data/claims.yml, in the order of the papers, decided by what `records` gives for their pages.

    The evidence is that on the data set of the page's record; where there is no record, on `dataset`, and where none is
    asked for, on the page's usual one.

    >>> {entry.standing(entry.here) for entry in ledger(lambda page: None)} == {MISSING, AWAITS}
    True
    """
    found = sorted(claims(), key=lambda claim: (claim.id[:2], int(claim.id[3:])))
    said = {}  # by each page: what it has left, and its evidence
    for page in sorted({claim.rule.page for claim in found if claim.rule}):
        record = records(page)
        said[page] = record, committed(page, _dataset(record) if record else dataset or usual(page))
    return [_entry(claim, *said[claim.rule.page]) if claim.rule else Entry(claim) for claim in found]


def _entry(claim: Claim, record: Mapping[str, Any] | None, evidence: Mapping[str, Any] | None) -> Entry:
    return Entry(
        claim,
        here=decide(claim, record) if record else None,
        ran=_when(record),
        evidence=decide(claim, evidence) if evidence else None,
        kept=_when(evidence),
    )


def _dataset(record: Mapping[str, Any]) -> str:
    return str(record["provenance"]["parameters"]["dataset"])


def _when(record: Mapping[str, Any] | None) -> str:
    if record is None:
        return ""
    provenance = record["provenance"]
    return f"{provenance['parameters']['profile']}, {provenance.get('date', 'today')}"


def counted(standings: Iterable[str]) -> dict[str, int]:
    """How often each of `STANDINGS` occurs.

    >>> counted(["holds", "holds"])["holds"], counted([])[MISSING]
    (2, 0)
    """
    found = Counter(standings)
    return {standing: found[standing] for standing in STANDINGS}


def told(count: Mapping[str, int]) -> str:
    """`counted` in words, without an end: the four outcomes, and what has none.

    >>> print(told(counted(["holds", "holds", "does not hold", AWAITS])))
    **2** hold, **1** does not hold, **0** show no difference beyond the margin and **0** cannot be decided; 1 awaits
    its test
    """
    words = {
        "holds": ("holds", "hold"),
        "does not hold": ("does not hold", "do not hold"),
        NONE: (f"shows {NONE}", f"show {NONE}"),
        UNDECIDED: ("cannot be decided", "cannot be decided"),
    }
    *decided, last = [f"**{count[standing]}** {words[standing][count[standing] != 1]}" for standing in words]
    rest = [(count[MISSING], "was not run", "were not run"), (count[AWAITS], "awaits its test", "await their test")]
    without = "".join(f"; {n} {many if n > 1 else one}" for n, one, many in rest if n)
    return f"{', '.join(decided)} and {last}{without}"


def contradicted(entries: Iterable[Entry]) -> tuple[list[str], int]:
    """Ids of the claims of which `here` says something else than the evidence, and how many both decide."""
    both = [
        (entry.claim.id, entry.here.outcome, entry.evidence.outcome)
        for entry in entries
        if entry.here and entry.evidence
    ]
    sure = [(name, here, there) for name, here, there in both if UNDECIDED not in (here, there)]
    return [name for name, here, there in sure if here != there], len(sure)
