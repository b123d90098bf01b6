"""Sentences of chapter 14 that tell a result: the cells of the notebook, fed with results from every side."""

import math
from types import SimpleNamespace as Some

import numpy as np
import pandas as pd
import pytest
import torch

from avlib import ledger
from avlib.ledger import AWAITS, STANDINGS
from avlib.metrics import Positives, bootstrap, contrast, paired
from avlib.models.fusion import TAPS
from avlib.multiverse import CONTROL, EFFECT, crossed, flips, medians, one_at_a_time, shares
from tests.book.cells import ABOVE, ACROSS, BELOW, SIDES, Run, between, cells

CELLS = cells("14_what_holds")
FAIR = torch.tensor([[1.0, 0], [0, 1]] * 9)
FEW = torch.tensor([[1.0, 0], [0, 1]] * 2)


def told(*asked, **names):
    given = {"math": math, "np": np, "pd": pd, "run": Run(), "truth": FAIR, "carried": Positives.of(FAIR),
             "EFFECT": EFFECT, "CONTROL": CONTROL, "shares": shares, "medians": medians, "flips": flips,
             "ledger": ledger, **names}  # fmt: skip
    for cell in asked:
        exec(CELLS[cell], given)
    return given["run"].prose


def table(*effects, control=ACROSS, **options):
    return pd.DataFrame({**options, EFFECT: effects, CONTROL: [control] * len(effects)})


def judged(found, **names):
    picked = [Some(name=f"claim{i}") for i in range(len(found))]
    return told("hold-19", "hold-20", found=found, picked=picked, **names)


def test_a_claim_that_keeps_its_sign_and_one_that_a_convention_turns():
    steady = table(ABOVE, ABOVE, ball=["own", "other"])
    turned = table(ABOVE, BELOW, ball=["own", "other"], fit=["train", "train"])
    text = judged({"steady": steady, "turned": turned})
    first, second = text.split("- *turned*")
    assert "in **100%** of 2 specifications, beyond luck in 100%, and the reverse beyond luck in 0%" in first
    assert "No convention turns the median" in first
    assert "in **50%** of 2 specifications, beyond luck in 50%, and the reverse beyond luck in 50%" in second
    assert "with: other (-0.150, beyond luck in 1 of 1)" in second
    assert "train" not in second


def test_a_turn_that_may_be_luck_is_called_so():
    found = table(ABOVE, between(-0.3, 0.1), BELOW, ball=["own", "other", "other"])
    assert "with: other (-0.125, beyond luck in 1 of 2)" in judged({"a": found})
    assert "beyond luck in 0 of 1)" in judged({"a": found.iloc[:2]})


def test_what_a_random_delta_shows_too_is_said():
    both = {"ball": ["x", "y"]}
    plain = judged({"a": table(ABOVE, ABOVE, **both)})
    assert f"it is {ABOVE}; under a random δ it is {ACROSS}. In none of them" in plain
    large = judged({"a": table(ABOVE, ABOVE, **both, control=ABOVE)})
    assert f"most of it is what *any* noise of this size does ({ABOVE}). In 2 of the specifications" in large
    small = judged({"a": table(ABOVE, ABOVE, **both, control=between(0.01, 0.02))})
    assert "the smaller part of it is what *any* noise" in small
    for effect, control in ((ABOVE, BELOW), (ACROSS, ACROSS), (ACROSS, ABOVE)):
        text = judged({"a": table(effect, ball=["x"], control=control)})
        assert "*any* noise" not in text
        assert "In none of them" in text


def test_from_few_clips_no_share_is_told_and_numbers_are_kept_all_the_same():
    run = Run()
    text = judged({"a": table(ABOVE, ball=["x"])}, truth=FEW, carried=Positives.of(FEW), run=run)
    assert "no share of specifications means anything" in text
    assert "**" not in text
    assert run.kept == {"share_claim0": 1.0, "median_claim0": pytest.approx(0.15)}


@pytest.mark.parametrize(
    ("crossing", "pictured", "words"),
    [(True, True, "all conventions are crossed"), (False, False, "one convention is changed at a time")],
)
def test_what_is_asked_is_said(crossing, pictured, words):
    names = {"data": Some(name="clips", classes=["a", "b"]), "questions": [1, 2, 3], "picked": [1],
             "found": {"a claim": table(ABOVE, ball=["x"])}, "size": Some(crossed=crossing),
             "pictured": pictured}  # fmt: skip
    text = told("hold-14", **names)
    assert words in text
    assert "for 1 of 3 claims: a claim (1 specifications)" in text
    assert ("no pictures" in text) != pictured
    assert "concludes nothing" in told("hold-14", **names | {"carried": Positives.of(FEW)})


def test_claims_that_need_more_models_wait_for_larger_profiles():
    drawing = Some(curves=lambda universes: list(universes))
    names = {"told": dict.fromkeys("abc", "words"), "plots": drawing, "questions": [1, 2, 3]}
    few = told("hold-18", found=dict.fromkeys("ab"), picked=[1, 2], **names)
    assert "other 1 claims need more models" in few
    assert "words" in told("hold-18", found=dict.fromkeys("abc"), picked=[1, 2, 3], **names)


@pytest.mark.parametrize(("before", "words"), [(["x"], "So P2 is not the first"), ([], "none of them speaks against")])
def test_a_first_is_one_without_an_older_one(before, words):
    assert words in told("hold-23", before=before)


def entries(here, evidence, claim="P1.1"):
    def one(outcome):
        return outcome and Some(outcome=outcome, why="", low=0.1, high=0.2)

    made = Some(id=claim, rule=1, awaits=None, statement="s")
    entry = ledger.Entry(made, here=one(here), evidence=one(evidence))
    return [entry]


def test_the_ledger_is_counted_and_compared_with_the_evidence():
    agree = told("hold-26", entries=entries("holds", "holds"))
    assert "Of 1 claims, by this run: **1** holds" in agree
    assert "Both decide 1 claims, and agree on all of them." in agree
    assert "say otherwise of P1.1." in told("hold-26", entries=entries("holds", "does not hold"))
    assert "No claim is decided by both" in told("hold-26", entries=entries(None, "holds"))
    assert "No claim is decided by both" in told("hold-26", entries=entries(STANDINGS[3], "holds"))


def test_what_waits_is_named_with_what_it_waits_for():
    waiting = ledger.Entry(Some(id="P3.9", rule=None, awaits="a week", statement="Slow."))
    assert waiting.standing(None) == AWAITS
    assert "- P3.9: Slow. It awaits a week." in told("hold-28", entries=[waiting])
    assert "No claim awaits its test" in told("hold-28", entries=entries("holds", "holds"))


@pytest.mark.parametrize(
    ("between_them", "words"), [(1.0, "hardly more than one"), (0.2, "more than one and fewer"), (0.0, "hardly depend")]
)
def test_siblings_are_worth_less_than_they_are(between_them, words):
    rolls = np.random.default_rng(0)
    shared = rolls.normal(size=4000)
    mixed = [math.sqrt(between_them) * shared + math.sqrt(1 - between_them) * rolls.normal(size=4000) for _ in range(5)]
    found = {"a": pd.DataFrame({EFFECT: [Some(replicates=one) for one in mixed]})}
    assert words in told("hold-32", "hold-33", found=found)
    flat = {"a": pd.DataFrame({EFFECT: [Some(replicates=np.full(9, math.nan))] * 2})}
    assert "no effect that could be measured" in told("hold-32", "hold-33", found=flat)


def test_margins_change_some_verdicts_or_none():
    names = {"usual": {"a": 1, "b": 1}, "changed": {0: ["a"], 2: []}}
    text = told("hold-40", **names)
    assert "Of 2 claims that the evidence decides, 1 change without margins (a) and 0 with doubled ones." in text
    assert "nothing to decide again" in told("hold-40", usual={}, changed={0: [], 2: []})


# --- what is measured -------------------------------------------------------------------------------------------------


def effects(*asked, **names):
    how = {"statistic": "auc", "replicates": 20}
    bands = {name: name for name in ("low", "middle", "high")}
    given = {"paired": paired, "contrast": contrast, "bootstrap": bootstrap, "TAPS": TAPS, "truth": FAIR,
             "options": {"m": how}, "thirds": lambda bins: bands, "first": {"audio": torch.zeros(1, 1, 3)},
             **names}  # fmt: skip
    for cell in asked:
        exec(CELLS[cell], given)
    return given


RIGHT, WRONG = (2 * FAIR - 1)[None], (1 - 2 * FAIR)[None]
SPEC = {"mean": "m", "attacker": "both"}


@pytest.mark.parametrize("sign", [1, -1])
def test_each_effect_is_above_zero_where_the_claim_says_so(sign):
    good, bad = (RIGHT, WRONG) if sign > 0 else (WRONG, RIGHT)
    names = effects("hold-10", "hold-11", untouched=lambda name: RIGHT)
    by_band = names["bands"](lambda spec, name, attacker, band: {"high": good, "low": bad}[band])
    by_sense = names["senses"](lambda spec, name, attacker=None: {"csn": good, "late_sum": bad}[name])
    by_network = names["networks"](lambda spec, name: good if name == "resnet" else bad)
    by_lead = names["lead"](lambda spec, name: good if name == "late" else bad)
    for effect in (by_band, by_sense, by_network, by_lead):
        assert effect(SPEC).value == pytest.approx(sign)
    order = dict(zip(names["TAPS"], range(5), strict=True))
    deeper = names["depth"](lambda spec, name: good if order[name] > 2 else bad)
    assert deeper(SPEC).sign == sign


def test_the_lead_is_over_the_best_rival_and_the_loss_against_the_next_network():
    names = effects("hold-10", "hold-11", untouched=lambda name: RIGHT)
    rival = names["lead"](lambda spec, name: RIGHT if name in ("late", "mid2") else WRONG)
    assert rival(SPEC).value == 0
    close = names["networks"](lambda spec, name: RIGHT if name in ("resnet", "crnn") else WRONG)
    assert close(SPEC).value == 0


def test_the_conventions_of_the_page_begin_with_its_own():
    made = {}

    def question(name, words, models, conventions, effect, control):
        made[words] = conventions
        return Some(name=name)

    def stand(name):
        def effect(score):
            return score

        effect.__name__ = name
        return effect

    names = {name: stand(name) for name in ("bands", "networks", "senses", "lead", "depth")}
    given = {"Question": question, "attacked": 1, "random": 2, "clips": {"fit on train": 0, "fit on eval": 1},
             "options": {"mean of classes": 0, "mean of labels": 1}, **names}  # fmt: skip
    for pictured, count in ((True, 5), (False, 2)):
        made.clear()
        exec(CELLS["hold-12"], given | {"pictured": pictured})
        assert len(made) == count
        for conventions in made.values():
            own = next(one_at_a_time(conventions))
            assert (own["ball"], own["fit"], own["mean"]) == ("each frame", "fit on train", "mean of classes")
            assert len(list(crossed(conventions))) in (12, 36)


@pytest.mark.parametrize("side", SIDES)
def test_the_books_own_effect_is_printed(side):
    assert f"By the book's own conventions it is {SIDES[side]}" in judged({"a": table(SIDES[side], ball=["x"])})
    assert between(0, 1).sign == 0
