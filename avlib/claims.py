"""What the papers claim, and what a run says to it: verdicts by rules that were fixed before the run."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, Self

import pandas as pd
import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from avlib.errors import AvlibError
from avlib.files import CHECKOUT
from avlib.provenance import tracked

# theorem          follows from mathematics; a run checks the arithmetic, on any clips
# by construction  follows from how an algorithm is written; a run executes it, on any clips
# mechanism        one thing is changed and nothing else; shown on any clips, and named after them
# real data        depends on what the world's sounds and pictures are like: which bands carry information, which
#                  modality leads, which classes are hard.  A generator has to put these in, so clips that were
#                  generated can neither confirm nor refute it.
# literature       says what had been published when; what is in print decides it, whatever the clips
Scope = Literal["theorem", "by construction", "mechanism", "real data", "literature"]
Outcome = Literal["holds", "does not hold", "no difference beyond the margin", "cannot be decided here"]
UNDECIDED: Outcome = "cannot be decided here"
FACTS = CHECKOUT / "data"
GENERATED = ("synthav", "avkinetics")  # data sets that are made from formulas


class _Fact(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Quoted(_Fact):
    """A printed number: arguments of `avlib.published.quote`, and its value."""

    paper: Literal["P1", "P2"]
    table: int
    row: str
    metric: str
    attack: str
    value: float
    model: str | None = None
    epsilon: float | None = None


class Rule(_Fact):
    """When a claim holds: its `effect`, a number among the results of `page`, lies `direction` `threshold`.

    A difference from the threshold of up to `margin` does not matter.  At least so many training `seeds` and eval
    `clips` must stand behind the effect; 0 says that chance had no part in it.
    """

    page: str
    effect: str
    meaning: str
    direction: Literal["above", "below", "equal"]
    threshold: float
    margin: float = Field(ge=0)
    seeds: int = Field(ge=0)
    clips: int = Field(ge=0)

    def __str__(self) -> str:
        margin = f", margin {self.margin:g}" if self.margin else ""
        counts = {"seed": self.seeds, "clip": self.clips}
        least = " and ".join(f"{n} {word}{'s' * (n > 1)}" for word, n in counts.items() if n)
        side = "equal to" if self.direction == "equal" else self.direction
        return f"{self.meaning}: {side} {self.threshold:g}{margin}" + (f", from {least} on" if least else "")


class Claim(_Fact):
    """A claim of a paper, with its rule or with what it `awaits`."""

    id: str = Field(pattern=r"^P[123]\.\d+$")
    where: str
    statement: str
    chapters: list[str]
    scope: Scope
    published: list[Quoted]
    rule: Rule | None = None
    awaits: str | None = None

    @model_validator(mode="after")
    def _decided_or_awaiting(self) -> Self:
        if (self.rule is None) == (self.awaits is None):
            raise ValueError("either a rule or what it awaits is needed")
        if self.rule and self.rule.page[:2] not in self.chapters:
            raise ValueError(f"its rule looks at {self.rule.page}, which is not among its chapters")
        return self


@dataclass(frozen=True)
class Verdict:
    """What a run says to a claim, and `why` where it says nothing.

    `effect` with `low` ≤ `effect` ≤ `high` is what was measured on `dataset`, NaN where it was not.  `visible` is the
    smallest effect that could have been seen, as a distance from the threshold: with these arms of the interval, an
    effect further off on the claim's side ("above": effect − low, "below": high − effect) would have left the threshold
    out.  For "equal" it is the distance from which on the claim would have failed: the margin and the longer arm.
    """

    claim: Claim
    outcome: Outcome
    dataset: str
    effect: float
    low: float
    high: float
    visible: float
    why: str = ""

    def __str__(self) -> str:
        shown = self.claim.scope == "mechanism" and self.dataset in GENERATED and self.outcome != UNDECIDED
        return self.outcome + (", on generated clips" if shown else "") + (f": {self.why}" if self.why else "")

    @property
    def measured(self) -> str:
        """The effect with its interval and data set, as it is printed."""
        if math.isnan(self.effect):
            return "–"
        if self.low == self.effect == self.high or math.isnan(self.low):
            return f"{self.effect:.3g}"
        ends = f"{self.effect:.3f} [{self.low:.3f}, {self.high:.3f}]"
        return f"{ends} on {self.dataset}; visible from {self.visible:.3f} on"


def claims(page: str | None = None) -> list[Claim]:
    """All claims of data/claims.yml, or those that are decided on `page`, a notebook.

    Raises
    ------
    AvlibError
        When an entry of the file is not what a claim has to be.

    >>> [claim.id for claim in claims("03_breaking_a_model")]
    ['P1.9']
    """
    entries = yaml.safe_load(tracked(FACTS / "claims.yml").read_text(encoding="utf-8"))
    found = [read(entry) for entry in entries]
    names = [claim.id for claim in found]
    if doubled := sorted({name for name in names if names.count(name) > 1}):
        raise AvlibError(f"data/claims.yml: {doubled[0]} stands there twice: give each claim an id of its own")
    return [claim for claim in found if page is None or (claim.rule and claim.rule.page == page)]


def read(entry: Mapping[str, Any]) -> Claim:
    """One entry of data/claims.yml, checked.

    >>> read({"id": "P1.9", "colour": "red"})
    Traceback (most recent call last):
    avlib.errors.AvlibError: data/claims.yml: P1.9: where: Field required
    """
    try:
        return Claim.model_validate(entry)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        reason = first["msg"].removeprefix("Value error, ")
        raise AvlibError(
            f"data/claims.yml: {entry.get('id', entry)}: {place + ': ' if place else ''}{reason}"
        ) from None


def decide(claim: Claim, results: Mapping[str, Any]) -> Verdict:
    """The verdict of `results`, a record as a notebook's results file holds it, by the claim's rule.

    "cannot be decided here": the effect is not among the results or has no interval; the claim has the scope *real
    data* and the clips were generated; seeds or clips are fewer than the rule asks for; or the interval lies on both
    sides of the threshold.
    "no difference beyond the margin": all of it lies within the margin around the threshold.
    "holds", "does not hold": all of it lies on the claim's side, or on the other.  For "equal" the claim's side is
    the margin, and the other all that lies outside.

    Raises
    ------
    AvlibError
        When the claim has no rule.
    """
    rule = claim.rule
    if rule is None:
        raise AvlibError(f"{claim.id} has no rule in data/claims.yml: it awaits {claim.awaits}")
    dataset = str(results["provenance"]["parameters"]["dataset"])
    entry = results["values"].get(rule.effect, {})
    effect = entry.get("value", math.nan)
    chance = bool(rule.seeds or rule.clips)
    low, high = (entry.get(end, math.nan if chance else effect) for end in ("low", "high"))
    measured = Verdict(claim, UNDECIDED, dataset, effect, low, high, _visible(rule, effect, low, high))
    if why := _unfit(measured, rule, entry):
        return replace(measured, why=why)
    outcome = compared(rule, low, high)
    return replace(measured, outcome=outcome, why="the interval lies on both sides" if outcome == UNDECIDED else "")


def _unfit(measured: Verdict, rule: Rule, entry: Mapping[str, float]) -> str:
    """Why a measurement cannot decide its claim, whatever it says; empty where it can."""
    if measured.claim.scope == "real data" and measured.dataset in GENERATED:
        return "it speaks of recordings, and these clips were made from formulas"
    if math.isnan(measured.effect):
        return "this run has not measured it"
    if math.isnan(measured.low) or math.isnan(measured.high):
        return "this run gives it without an interval"
    for word, least in (("seeds", rule.seeds), ("clips", rule.clips)):
        if entry.get(word, 0) < least:
            return f"{entry.get(word, 0)} of the {least} {word} that its rule asks for"
    return ""


def _visible(rule: Rule, effect: float, low: float, high: float) -> float:
    arms = {"above": effect - low, "below": high - effect, "equal": rule.margin + max(effect - low, high - effect)}
    return arms[rule.direction]


def compared(rule: Rule, low: float, high: float) -> Outcome:
    """What the interval [`low`, `high`] of an effect says by `rule`, as `decide` explains, were it fit to decide.

    >>> rule = next(claim.rule for claim in claims() if claim.id == "P1.8")  # equal to 0, margin 0.02
    >>> compared(rule, -0.01, 0.01), compared(rule, -0.01, 0.03), compared(rule, 0.03, 0.04)
    ('holds', 'cannot be decided here', 'does not hold')
    """
    inside = rule.threshold - rule.margin <= low and high <= rule.threshold + rule.margin
    if rule.direction == "equal":
        outside = high < rule.threshold - rule.margin or low > rule.threshold + rule.margin
        return "holds" if inside else "does not hold" if outside else UNDECIDED
    if inside:
        return "no difference beyond the margin"
    above, below = low > rule.threshold, high < rule.threshold
    right, wrong = (above, below) if rule.direction == "above" else (below, above)
    return "holds" if right else "does not hold" if wrong else UNDECIDED


def committed(page: str, dataset: str) -> dict[str, Any] | None:
    """The results of `page` at the profile *full* that are kept in data/reference/full/; None where there are none."""
    path = tracked(FACTS / "reference" / "full" / f"{page}@{dataset}.json")
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None


def verdicts(page: str, results: Mapping[str, Any]) -> pd.DataFrame:
    """The claims that are decided on `page`, what these `results` say, and what the committed evidence says.

    Columns: claim, verdict (of this run), this run, rule, scope, published, committed evidence.
    """
    evidence = committed(page, str(results["provenance"]["parameters"]["dataset"]))
    rows = []
    for claim in claims(page):
        here = decide(claim, results)
        rows.append(
            {
                "claim": f"{claim.id}: {claim.statement}",
                "verdict": str(here),
                "this run": here.measured,
                "rule": str(claim.rule),
                "scope": claim.scope,
                "published": printed(claim.published),
                "committed evidence": _told(claim, evidence),
            }
        )
    return pd.DataFrame(rows)


def _told(claim: Claim, evidence: Mapping[str, Any] | None) -> str:
    if evidence is None:
        return "none yet"
    verdict, provenance = decide(claim, evidence), evidence["provenance"]
    label = f"{provenance['parameters']['profile']}, {provenance.get('date', 'undated')}"
    return f"{verdict.measured} ({label}): {verdict}"


def printed(numbers: Sequence[Quoted]) -> str:
    """Published numbers in one line.

    >>> printed(claims("02_models_that_tag")[0].published)
    'CRNN (audio) mAP 0.356; CSN (audio) mAP 0.392'
    """
    told = []
    for n in numbers:
        model = f" by {n.model}" if n.model else ""
        attack = "" if n.attack == "none" else f" under {n.attack}"
        radius = f" at ε = {n.epsilon:g}" if n.epsilon else ""
        metric = "d′" if n.metric == "dprime" else n.metric
        told.append(f"{n.row} {metric}{model}{attack}{radius} {n.value:.3f}")
    return "; ".join(told) or "–"


__all__ = [
    "Claim",
    "Outcome",
    "Rule",
    "Scope",
    "Verdict",
    "claims",
    "committed",
    "compared",
    "decide",
    "printed",
    "verdicts",
]
