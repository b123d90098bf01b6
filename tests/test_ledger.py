"""Every claim has a standing, whatever was run; the counts follow; the page that shows them can be sifted and read."""

import re
from html.parser import HTMLParser

import pytest

from avlib import claims as module
from avlib import ledger as module_of_ledger
from avlib.claims import UNDECIDED, claims
from avlib.ledger import AWAITS, MISSING, STANDINGS, Entry, contradicted, counted, ledger, told
from avlib.literature import older, studies
from avlib.plots import ledger as leaves
from book.places import Places
from tests.test_claims import made, record

RULED = [claim for claim in claims() if claim.rule]


def all_of(shift, dataset="folder"):
    """Records in which each effect lies `shift` beyond its threshold and margin, on the claim's side where positive."""

    def of(page):
        values = {}
        for claim in (claim for claim in RULED if claim.rule.page == page):
            rule = claim.rule
            way = -1 if rule.direction == "below" else 1
            away = 0 if rule.direction == "equal" and shift > 0 else way * (shift + (rule.margin if shift > 0 else 0))
            values |= record(claim, rule.threshold + away, 0.001 if rule.seeds or rule.clips else 0)["values"]
        return {"provenance": {"parameters": {"dataset": dataset, "profile": "laptop"}}, "values": values}

    return of


def outcomes(entries):
    return counted(entry.standing(entry.here) for entry in entries)


@pytest.mark.parametrize(("shift", "standing"), [(5, "holds"), (-5, "does not hold")])
def test_every_claim_with_a_rule_is_decided_by_the_page_that_its_rule_names(shift, standing):
    entries = ledger(all_of(shift))
    assert [entry.claim for entry in entries if entry.here] == [entry.claim for entry in entries if entry.claim.rule]
    count = outcomes(entries)
    assert count[standing] == len(RULED)
    assert count[AWAITS] == len(entries) - len(RULED) == len(claims()) - len(RULED)


def test_claims_stand_in_the_order_of_their_numbers():
    names = [entry.claim.id for entry in ledger(lambda page: None)]
    assert names.index("P1.2") < names.index("P1.10") < names.index("P2.1")
    assert len(set(names)) == len(names) == len(claims())


def test_a_page_that_was_not_run_leaves_its_claims_undecided_and_takes_no_other_down():
    absent = RULED[0].rule.page
    entries = ledger(lambda page: None if page == absent else all_of(5)(page))
    for entry in (entry for entry in entries if entry.claim.rule):
        there = entry.claim.rule.page != absent
        assert (entry.here is not None) == there
        assert entry.standing(entry.here) == ("holds" if there else MISSING)
    assert "cannot be decided" in told(outcomes(ledger(lambda page: None)))


def test_evidence_of_a_page_that_was_not_run_is_that_on_its_usual_data_set_or_on_the_one_that_is_asked_for(monkeypatch):
    asked = {}
    monkeypatch.setattr(module_of_ledger, "committed", lambda page, dataset: asked.update({page: dataset}))
    ledger(lambda page: None)
    eye = "13_when_the_eye_dominates"
    assert asked.pop(eye) == "avkinetics"
    assert set(asked.values()) == {"synthav"}
    ledger(lambda page: None, "avdigits")
    assert set(asked.values()) == {"avdigits"}


def test_generated_clips_leave_what_speaks_of_recordings_open():
    entries = ledger(all_of(5, "synthav"))
    for entry in (entry for entry in entries if entry.here):
        assert (entry.here.outcome == UNDECIDED) == (entry.claim.scope == "real data")


def test_counts_are_told_in_numbers_that_agree_with_their_verbs():
    one = dict.fromkeys(STANDINGS, 1)
    assert told(one) == (
        "**1** holds, **1** does not hold, **1** shows no difference beyond the margin and **1** cannot be decided; "
        "1 was not run; 1 awaits its test"
    )
    many = told({**dict.fromkeys(STANDINGS, 0), "holds": 2, MISSING: 3})
    assert many.startswith("**2** hold, **0** do not hold, ")
    assert many.endswith("; 3 were not run")


def test_a_run_agrees_with_the_evidence_or_contradicts_it():
    (up,), (down,) = ([entry] for entry in (ledger(all_of(5))[0], ledger(all_of(-5))[0]))
    both = Entry(up.claim, here=up.here, evidence=down.here)
    assert contradicted([both, Entry(up.claim, here=up.here, evidence=up.here)]) == ([up.claim.id], 2)
    assert contradicted([Entry(up.claim, here=up.here), Entry(up.claim, evidence=up.here), Entry(up.claim)]) == ([], 0)
    open_one = Entry(up.claim, here=up.here, evidence=ledger(all_of(5, "synthav"))[0].here)
    assert open_one.evidence.outcome == UNDECIDED
    assert contradicted([open_one]) == ([], 0)


# --- on the page ------------------------------------------------------------------------------------------------------


class Seen(HTMLParser):
    """Claims, buttons and links of a ledger."""

    def __init__(self, page):
        super().__init__()
        self.claims, self.buttons, self.links, self.open = {}, [], [], []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        if tag not in ("input", "br"):
            self.open.append(tag)
        if tag == "details":
            self.claims[given["id"]] = given["class"].split()[1:]
        if tag == "input":
            self.buttons.append((given["name"], given["value"], "checked" in given))
        if tag == "a":
            self.links.append(given["href"])

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def shown(page, standing="all", scope="all"):
    """Ids of the claims that the style sheet leaves when two buttons are chosen, and whether it says that none is."""
    seen, hidden = Seen(page), set()
    for chosen, kept in re.findall(
        r'\.ledger:has\(\[value="([\w-]+)"\]:checked\) \.claim:not\(\.([\w-]+)\)\{display:none\}', page
    ):
        if chosen in (standing, scope):
            hidden |= {name for name, classes in seen.claims.items() if kept not in classes}
    empty = re.findall(
        r'\.ledger:has\(\[value="([\w-]+)"\]:checked\):has\(\[value="([\w-]+)"\]:checked\) \.nothing', page
    )
    return set(seen.claims) - hidden, (standing, scope) in empty


ENTRIES = ledger(lambda page: all_of(5, "synthav")(page) if page < "05" else None)
PAGE = leaves.html(ENTRIES, "a-page")


def test_all_claims_are_shown_at_first_and_by_whatever_knows_no_rules():
    seen = Seen(PAGE)
    assert list(seen.claims) == [entry.claim.id for entry in ENTRIES]
    assert not seen.open
    assert [(name, value) for name, value, checked in seen.buttons if checked] == [
        ("a-page-standing", "all"),
        ("a-page-scope", "all"),
    ]
    assert shown(PAGE) == ({entry.claim.id for entry in ENTRIES}, False)
    for needs_a_kernel_or_the_network in ("<script", "http", "onclick", "src="):
        assert needs_a_kernel_or_the_network not in PAGE


def test_two_choices_leave_what_is_both_and_say_where_nothing_is():
    buttons = {kind: [value for name, value, _ in Seen(PAGE).buttons if name.endswith(kind)] for kind in
               ("standing", "scope")}  # fmt: skip
    assert len(buttons["standing"]) > 3
    for standing in buttons["standing"]:
        for scope in buttons["scope"]:
            left, said = shown(PAGE, standing, scope)
            wanted = {
                entry.claim.id
                for entry in ENTRIES
                if standing in ("all", f"standing-{STANDINGS.index(entry.standing(entry.here))}")
                and scope in ("all", f"scope-{leaves.SCOPES.index(entry.claim.scope)}")
            }
            assert left == wanted
            assert said == (not wanted)


def test_a_claim_says_what_it_was_decided_by_and_where():
    [row] = re.findall(r'<details id="P1.9".*?</details>', PAGE)
    claim = next(claim for claim in RULED if claim.id == "P1.9")
    for words in ("<b>holds</b>", claim.statement, claim.where, "mAP 0.392", str(claim.rule), "laptop, today): holds"):
        assert words in row
    assert 'href="03_breaking_a_model.ipynb#Verdicts">chapter 3, breaking a model</a>' in row
    [waiting] = re.findall(r'<details id="P3.2".*?</details>', PAGE)
    assert f"<b>{AWAITS}</b>" in waiting
    assert "<a " not in waiting


def test_words_of_the_file_are_text():
    claim = made("above", 0, 0.1, statement="a <b> & 5 $x$")
    page = leaves.html([Entry(claim)], "x")
    assert "a &lt;b&gt; &amp; 5 <span>$</span>x<span>$</span>" in page


# --- the literature ---------------------------------------------------------------------------------------------------


def test_a_study_is_older_by_its_month_and_only_where_the_same_was_attacked(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "FACTS", tmp_path)
    monkeypatch.setattr("avlib.literature.FACTS", tmp_path)
    monkeypatch.setattr("avlib.provenance.ROOT", tmp_path / "avlib")
    rows = ["key,eprint,attacked,data", "new,2203.1,both,x", "old,2104.2,both,x", "ear,2011.3,sound,x"]
    rows += ["same,2203.9,both,x"]
    (tmp_path / "studies.csv").write_text("\n".join(rows))
    assert studies()["month"].tolist() == ["2020-11", "2021-04", "2022-03", "2022-03"]
    assert older("new", "both") == ["old"]
    assert older("old", "both") == []
    with pytest.raises(module.AvlibError, match=r"none is not in data/studies\.csv; there are: ear, old, new, same"):
        older("none", "both")


def test_the_studies_are_in_the_bibliography_under_the_same_number():
    bibliography = (Places().root / "book" / "references.bib").read_text(encoding="utf-8")
    for line in (Places().root / "data" / "studies.csv").read_text(encoding="utf-8").splitlines()[1:]:
        key, eprint, *_ = line.split(",")
        entry = bibliography[bibliography.index(f"{{{key},") :].partition("\n}")[0]
        assert f"eprint    = {{{eprint}}}" in entry or f"eprint = {{{eprint}}}" in entry
