"""A verdict follows from the results by its rule, turns when they turn, and is typed nowhere."""

import json
import math
import re

import nbformat
import pytest
import yaml
from hypothesis import assume, given
from hypothesis import strategies as st

from avlib import claims as module
from avlib import provenance
from avlib.claims import Claim, Rule, claims, decide, read, verdicts
from avlib.errors import AvlibError
from avlib.published import quote
from book.places import Places
from book.plan import plan
from book.reference import measured_pages, names_of

HOLDS, FAILS, NONE, UNDECIDED = "holds", "does not hold", "no difference beyond the margin", "cannot be decided here"
RULED = [claim for claim in claims() if claim.rule]
NOTEBOOKS = sorted(Places().notebooks.glob("[!.]*.ipynb"))
CHAPTERS = [path for path in NOTEBOOKS if path.name[2] == "_"]  # a page beside a chapter decides no claim


def record(claim, effect, arm=0.0, dataset="folder", **facts):
    """Results in which the effect of `claim` is `effect` ± `arm`, of seeds and clips enough."""
    rule = claim.rule
    entry = {"value": effect, "low": effect - arm, "high": effect + arm, "seeds": rule.seeds, "clips": rule.clips}
    values = {rule.effect: {**entry, **facts}}
    return {"provenance": {"parameters": {"dataset": dataset, "profile": "full"}}, "values": values}


def outcome(claim, *args, **facts):
    return decide(claim, record(claim, *args, **facts)).outcome


@pytest.mark.parametrize("claim", RULED, ids=lambda claim: claim.id)
def test_a_result_on_either_side_of_its_threshold_turns_the_verdict(claim):
    rule = claim.rule
    far, arm = rule.margin + 0.1, 0.01 if rule.seeds or rule.clips else 0.0
    on_the_side = {"above": (FAILS, HOLDS), "below": (HOLDS, FAILS), "equal": (FAILS, FAILS)}[rule.direction]
    assert (outcome(claim, rule.threshold - far, arm), outcome(claim, rule.threshold + far, arm)) == on_the_side
    on_it = outcome(claim, rule.threshold, min(arm, rule.margin / 2))
    assert on_it == (HOLDS if rule.direction == "equal" else NONE)


def test_what_a_paper_prints_would_hold_by_its_own_rule():
    tagger = {"paper": "P1", "table": 4, "row": "CSN (audio)", "metric": "mAP"}
    hum = {"paper": "P1", "table": 5, "row": "Mains hum", "metric": "AP", "attack": "none"}
    bins = {"paper": "P1", "table": 2, "row": "all bins", "metric": "mAP", "attack": "A"}
    halves = {"paper": "P1", "table": 3, "metric": "mAP", "attack": "A", "epsilon": 0.1}
    rows = ("Early Fusion", "Mid Fusion 1", "Mid Fusion 2", "Late Fusion")
    taps = [quote("P1", 1, row, "mAP", attack="A") for row in rows]
    predicted = {
        "P1.1": quote(**{**tagger, "row": "CSN+3DCNN"}) - quote(**tagger),
        "P1.2": taps[3] - max(taps[:3]),
        "P1.3": sum(w * score for w, score in zip((-0.3, -0.1, 0.1, 0.3), taps, strict=True)),
        "P1.4": 0,  # taps with more weights than late, or fewer than early
        "P1.5": quote(**{**bins, "row": "bins 40-64"}, epsilon=0.1)
        - quote(**{**bins, "row": "bins 0-20"}, epsilon=0.1),
        "P1.6": 0.05,  # half of it was measured
        "P1.7": 0.05,  # no number is printed
        "P1.8": quote(**halves, row="frames 0-200") - quote(**halves, row="frames 200-400"),
        "P1.9": quote(**bins, epsilon=0.1) - quote(**bins, epsilon=0.3),
        "P1.10": 0.05,  # a conjecture
        "P1.11": quote(**tagger) - quote(**{**tagger, "row": "CRNN (audio)"}),
        "P1.12": 0.171 - 0.138,  # CSN and ResNet, table 4
        "P1.13": 1,  # a suspicion
        "P1.14": quote(**{**tagger, "row": "CSN+3DCNN"}, attack="A") - quote(**tagger, attack="A"),
        "P1.15": quote(**tagger, attack="A") - quote(**{**tagger, "row": "CRNN (audio)"}, attack="A"),
        "P1.16": quote(**hum, model="CRNN") - quote(**hum, model="CSN (audio)"),
        "P1.17": -0.19,  # in the released logs of 527 classes; no number is printed
        "P1.18": -0.5,  # examples and no statistic are printed
        "P1.19": 0.5,  # nor here
        "P1.20": 3 / 9 - 9 / 527,
        "P1.21": 0.05,  # no number is printed
        "P1.22": quote(**tagger) - quote(**tagger, attack="A"),
        "P1.23": 0.05,  # no number is printed
        "P1.24": 1,  # no number is printed
        "P1.25": 0.05,  # no number is printed
        "P1.26": 0.05,  # nor here
        "P1.27": 0,  # rows that contradict themselves
        "P1.28": 1,  # ‖δ‖/ε of what was projected
        "P1.29": -0.05,  # no number is printed
        "P2.1": quote("P2", 1, "Mid Fusion", "mAP", attack="A+V") - quote("P2", 1, "Audio UniModal", "mAP", attack="A"),
        "P2.2": quote("P2", 1, "Mid Fusion", "mAP", attack="A") - quote("P2", 1, "Mid Fusion", "mAP", attack="A+V"),
        "P2.3": quote("P2", 2, "Mid Fusion", "accuracy", attack="A")
        - quote("P2", 2, "Mid Fusion", "accuracy", attack="V"),
        "P2.4": quote("P2", 2, "Mid Fusion", "mAP") - quote("P2", 2, "Mid Fusion", "mAP", attack="V"),
        "P2.5": 0.2,  # no number is printed
        "P2.6": -0.5,  # "vary greatly": no number is printed
        "P2.7": -0.5,  # a figure without a statistic
        "P2.8": -0.5,  # nor here
        "P2.9": -0.5,  # nor here
        "P2.10": 0.8,  # no number is printed
        "P2.11": quote("P2", 1, "Mid Fusion mixup", "mAP", "A+V") - quote("P2", 1, "Mid Fusion", "mAP", "A+V"),
        "P2.12": quote("P2", 1, "Mid Fusion mixup", "mAP", "A+V") - quote("P2", 1, "Mid Fusion AT", "mAP", "A+V"),
        "P2.13": 0.05,  # a figure
        "P2.14": 0,  # older studies
        "P2.15": 0,  # what it chooses is not printed
        "P2.17": 0,  # no size is printed
        "P2.18": 0,
        "P2.19": 1,  # an example
        "P2.20": 0,  # no exception
        "P2.21": 1,  # what a perfect search would find
        "P2.22": 0.05,  # no number is printed
        "P2.23": 0,  # implied
        "P2.24": 0,  # implied
        "P2.25": -0.5,  # as P2.7
        "P2.26": -0.5,  # as P2.8
        "P2.27": 0.05,  # in words; the table has less with mix-up than without
        "P2.28": 0.05,  # no attack on each clip is printed
        "P2.29": 2.5,  # no cost is printed
        "P2.30": 0.05,  # a figure
        "P2.31": 0.05,  # classes are not moved back in print
        "P2.32": 0.05,  # nor are modalities exchanged
    }
    assert {claim.id for claim in RULED} == predicted.keys()
    for claim in RULED:
        assert outcome(claim, predicted[claim.id]) == HOLDS, claim.id


@pytest.mark.parametrize("claim", RULED, ids=lambda claim: claim.id)
def test_nothing_is_decided_on_fewer_seeds_or_clips_than_the_rule_asks_for(claim):
    rule = claim.rule
    far = rule.threshold + rule.margin + 1
    for word, least in (("seeds", rule.seeds), ("clips", rule.clips)):
        if least:
            verdict = decide(claim, record(claim, far, 0.01, **{word: least - 1}))
            assert (verdict.outcome, verdict.why) == (
                UNDECIDED,
                f"{least - 1} of the {least} {word} that its rule asks for",
            )
            assert verdict.effect == far  # what was measured is told all the same


@pytest.mark.parametrize("claim", RULED, ids=lambda claim: claim.id)
def test_what_was_not_measured_decides_nothing(claim):
    empty = record(claim, 0.0)
    empty["values"] = {"another number": {"value": 1.0}}
    assert str(decide(claim, empty)) == f"{UNDECIDED}: this run has not measured it"
    assert outcome(claim, math.nan, low=math.nan, high=math.nan) == UNDECIDED
    bare = record(claim, claim.rule.threshold + 1)
    for end in ("low", "high"):
        del bare["values"][claim.rule.effect][end]
    chance = claim.rule.seeds or claim.rule.clips
    assert (decide(claim, bare).why == "this run gives it without an interval") == bool(chance)


@pytest.mark.parametrize("generated", ["synthav", "avkinetics"])
@pytest.mark.parametrize("claim", RULED, ids=lambda claim: claim.id)
def test_generated_clips_say_nothing_about_real_sounds_and_are_named_where_they_show_a_mechanism(claim, generated):
    for effect in (-9.0, 9.0):
        here, there = (decide(claim, record(claim, effect, dataset=name)) for name in (generated, "avdigits"))
        assert there.outcome in (HOLDS, FAILS)
        assert here.outcome == (UNDECIDED if claim.scope == "real data" else there.outcome)
        assert ("generated" in str(here)) == (claim.scope == "mechanism")
        assert "generated" not in str(there)


def made(direction, threshold, margin, **more):
    rule = {"page": "09_x", "effect": "e", "meaning": "m", "direction": direction, "threshold": threshold}
    rule |= {"margin": margin, "seeds": 3, "clips": 10}
    fields = {"id": "P1.1", "where": "w", "statement": "s", "chapters": ["09"], "scope": "mechanism", "published": []}
    return Claim.model_validate({**fields, "rule": rule, **more})


widths, margins = st.floats(0.001, 1), st.floats(0, 0.5)


@given(st.sampled_from(["above", "below"]), st.floats(-1, 1), margins, st.floats(-3, 3), widths, widths)
def test_an_effect_is_seen_from_visible_on(direction, threshold, margin, effect, left, right):
    claim = made(direction, threshold, margin)
    verdict = decide(claim, record(claim, effect, low=effect - left, high=effect + right))
    ahead = (effect - threshold) * (1 if direction == "above" else -1)
    assume(abs(ahead - verdict.visible) > 1e-9)
    if ahead > verdict.visible:
        assert verdict.outcome in (HOLDS, NONE)
    else:
        assert verdict.outcome != HOLDS


@given(st.floats(-1, 1), margins, st.floats(-3, 3), widths, widths)
def test_claims_of_opposite_directions_get_opposite_verdicts(threshold, margin, effect, left, right):
    ends = {"low": effect - left, "high": effect + right}
    above, below = (outcome(made(way, threshold, margin), effect, **ends) for way in ("above", "below"))
    turned = {HOLDS: FAILS, FAILS: HOLDS, NONE: NONE, UNDECIDED: UNDECIDED}
    assert below == turned[above]


@given(st.floats(-1, 1), st.floats(0.01, 0.5), st.floats(-3, 3), widths)
def test_equal_is_shown_by_an_interval_within_the_margin_and_not_by_a_wide_one(threshold, margin, effect, arm):
    found = outcome(made("equal", threshold, margin), effect, arm)
    away = abs(effect - threshold)
    assume(min(abs(away + arm - margin), abs(away - arm - margin)) > 1e-9)
    assert found == (HOLDS if away + arm <= margin else FAILS if away - arm > margin else UNDECIDED)


# --- the file ---------------------------------------------------------------------------------------------------------


def entry(**changes):
    whole = made("above", 0, 0.1).model_dump(exclude_none=True)
    return {**whole, **changes}


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"colour": "red"}, "P1.1: colour: Extra inputs are not permitted"),
        ({"id": "P4.1"}, "P4.1: id: String should match pattern"),
        ({"scope": "rumour"}, "P1.1: scope: Input should be 'theorem', 'by construction', 'mechanism', 'real data'"),
        ({"rule": {"page": "09_x"}}, "P1.1: rule.effect: Field required"),
        ({"rule": {**entry()["rule"], "margin": -1}}, "P1.1: rule.margin: Input should be greater than or equal to 0"),
        ({"rule": {**entry()["rule"], "verdict": "holds"}}, "P1.1: rule.verdict: Extra inputs are not permitted"),
        ({"rule": None}, "P1.1: either a rule or what it awaits is needed"),
        ({"awaits": "more"}, "P1.1: either a rule or what it awaits is needed"),
        ({"chapters": ["01"]}, "P1.1: its rule looks at 09_x, which is not among its chapters"),
        ({"published": [{"paper": "P1", "page": 3}]}, "P1.1: published.0.table: Field required"),
    ],
)
def test_a_wrong_entry_is_refused_in_one_line(changes, told):
    assert isinstance(read(entry()).rule, Rule)
    with pytest.raises(AvlibError) as caught:
        read(entry(**changes))
    assert str(caught.value).startswith("data/claims.yml: " + told)
    assert "\n" not in str(caught.value)


@pytest.fixture
def facts(tmp_path, monkeypatch):
    """A folder in place of the checkout, whose data/ the claims and the evidence are read from."""
    monkeypatch.setattr(module, "FACTS", tmp_path / "data")
    monkeypatch.setattr(provenance, "ROOT", tmp_path / "avlib")
    (tmp_path / "data" / "reference" / "full").mkdir(parents=True)
    (tmp_path / "data" / "claims.yml").write_text(yaml.safe_dump([entry()]))
    return tmp_path / "data"


def test_an_id_that_stands_twice_is_refused(facts):
    (facts / "claims.yml").write_text(yaml.safe_dump([entry(), entry()]))
    with pytest.raises(AvlibError, match=r"P1\.1 stands there twice"):
        claims()


def test_a_claim_without_a_rule_has_no_verdict():
    waiting = next(claim for claim in claims() if claim.awaits)
    with pytest.raises(AvlibError, match=rf"{waiting.id} has no rule .* it awaits {waiting.awaits}"):
        decide(waiting, {})


def test_every_claim_quotes_what_the_tables_print():
    for claim in claims():
        for number in claim.published:
            arguments = number.model_dump(exclude_none=True)
            value = arguments.pop("value")
            assert quote(**arguments) == value


def test_every_chapter_decides_a_claim_by_a_number_that_it_keeps():
    pages = {path.stem: path for path in NOTEBOOKS}
    kept = {page.slot: names_of(page, Places()) for page in measured_pages(plan("smoke"))}
    assert {claim.rule.page for claim in RULED} == {path.stem for path in CHAPTERS}
    for claim in RULED:
        source = "\n".join(cell.source for cell in nbformat.read(pages[claim.rule.page], as_version=4).cells)
        written = re.search(rf"""["']{claim.rule.effect}["']""", source)
        assert written or claim.rule.effect in kept[claim.rule.page], claim.id
        assert set(claim.chapters) <= {name[:2] for name in pages}


@pytest.mark.parametrize("profile", ["full", "paper"])
def test_the_large_profiles_train_as_often_as_the_rules_ask_for(profile):
    pages = {page.notebook: page.parameters for page in plan(profile)}
    assert any(claim.rule.seeds >= 3 for claim in RULED)
    for claim in RULED:
        assert pages[claim.rule.page].get("seeds", 1) >= claim.rule.seeds


# --- on the page ------------------------------------------------------------------------------------------------------


def test_the_table_shows_this_run_beside_the_committed_evidence(facts):
    claim = read(entry())
    here = record(claim, 0.2, 0.3)
    table = verdicts("09_x", here)
    assert table["committed evidence"].tolist() == ["none yet"]
    evidence = record(claim, -0.5, 0.1)
    evidence["provenance"]["date"] = "2030-01-31"
    (facts / "reference" / "full" / "09_x@folder.json").write_text(json.dumps(evidence))
    (row,) = verdicts("09_x", here).to_dict("records")
    assert row["claim"] == "P1.1: s"
    assert row["rule"] == "m: above 0, margin 0.1, from 3 seeds and 10 clips on"
    assert row["this run"] == "0.200 [-0.100, 0.500] on folder; visible from 0.300 on"
    assert row["verdict"] == "cannot be decided here: the interval lies on both sides"
    told = "-0.500 [-0.600, -0.400] on folder; visible from 0.100 on (full, 2030-01-31): does not hold"
    assert row["committed evidence"] == told


def test_a_page_notes_the_claims_and_the_evidence_that_it_read_or_missed(facts):
    provenance.forget()
    verdicts("09_x", record(read(entry()), 0.2))
    digest = provenance.digest(facts / "claims.yml")
    assert provenance.used()["file"] == {"data/claims.yml": digest, "data/reference/full/09_x@folder.json": "none"}


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_each_chapter_ends_its_body_with_its_verdicts(path):
    cells = nbformat.read(path, as_version=4).cells
    at = [i for i, cell in enumerate(cells) if re.match(r"(?:\([\w-]+\)=\n)?## Verdicts", cell.source)]
    assert len(at) == 1
    assert cells[at[0] + 1].source == "run.verdicts()"
    assert cells[at[0] + 2].source.startswith("## Takeaways")
    kept = [
        i
        for i, cell in enumerate(cells)
        for claim in RULED
        if re.search(rf"""["']{claim.rule.effect}["']""", cell.source)
    ]
    assert all(i < at[0] for i in kept)  # what is decided has been measured


JUDGED = re.compile(
    r"\b(holds?|confirm\w*|refut\w*|support\w*|contradict\w*|true|false|right|wrong|decided|verdict|fails?|not hold)\b"
)


def typed(text):
    """Sentences that name a claim and judge it."""
    sentences = re.split(r"(?<=[.:;?!|])\s", text)
    return [one for one in sentences if re.search(r"\bP[123]\.\d+\b", one) and JUDGED.search(one)]


def test_no_text_of_the_book_types_a_verdict():
    texts = [cell.source for path in NOTEBOOKS for cell in nbformat.read(path, as_version=4).cells]
    texts += [path.read_text(encoding="utf-8") for path in (Places().root / "book").glob("*.md")]
    assert [sentence for text in texts for sentence in typed(text)] == []
    assert typed("Claim P1.11 holds. Nothing else.") == ["Claim P1.11 holds."]
    assert typed("As P1.16 says, CRNN finds some classes better.") == []


def test_code_leaves_the_claims_to_their_file():
    judging = re.compile(r"\bP[123]\.\d|(?<!import )verdict(?!s\(\)|\()")  # verdict(…) is of a reader's own function
    for path in NOTEBOOKS:
        for cell in nbformat.read(path, as_version=4).cells:
            assert cell.cell_type != "code" or not judging.search(cell.source), cell.source
