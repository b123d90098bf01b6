"""What the pages of prose conclude comes out every way, also where numbers are missing."""

import pytest

from avlib.claims import claims
from book.numbers import cited
from book.sentences import (
    BANDS,
    FIRST,
    FUSED,
    IN_BALL,
    SECOND,
    SENTENCES,
    agree,
    answer,
    bands,
    harm,
    kept,
    ledger,
    length,
    linear,
    meet,
    peeking,
    shift,
)
from tests.test_ledger import all_of


def known(first=None, second=None, **both):
    """Results of the two pages; a number is a value, or its value with the ends of its interval."""

    def entries(values):
        return {
            key: dict(zip(("value", "low", "high"), value if isinstance(value, tuple) else (value,), strict=False))
            for key, value in values.items()
        }

    parameters = {FIRST: "synthav", SECOND: "avdigits"}
    return {
        page: {
            "values": entries({**both, **values}),
            "provenance": {"parameters": {"dataset": parameters[page], "profile": "smoke"}},
        }
        for page, values in ((FIRST, first), (SECOND, second))
        if values is not None
    }


DROPS = {"clean_mAP": 0.8, "noise_mAP": 0.75, "universal_mAP": 0.5, "samplewise_mAP": 0.1}
MORE, SAME, LESS = (0.25, 0.2, 0.3), (0.01, -0.1, 0.1), (-0.25, -0.3, -0.2)


@pytest.mark.parametrize(
    ("found", "told"),
    [
        ({}, "Whether δ grows cannot be told: this copy has not computed it."),
        ({FIRST: True}, "On *synthav* δ grows; the other page has no number"),
        ({SECOND: False}, "On *avdigits* it is not shown that δ grows; the other page has no number"),
        ({FIRST: True, SECOND: True}, "On both data sets δ grows."),
        ({FIRST: False, SECOND: False}, "On neither data set is it shown that δ grows."),
        ({FIRST: True, SECOND: False}, "On *synthav* δ grows; on *avdigits* that is not shown."),
        ({FIRST: False, SECOND: True}, "On *avdigits* δ grows; on *synthav* that is not shown."),
    ],
)
def test_two_data_sets_agree_disagree_or_cannot(found, told):
    assert agree({}, found, "δ grows").startswith(told)


def test_harm_is_divided_between_noise_and_fit():
    text = harm(known(DROPS | {"drop_beyond_noise": MORE}, DROPS | {"noise_mAP": 0.55, "drop_beyond_noise": SAME}))
    first, second, last = (line for line in text.splitlines() if line)
    assert "*synthav*: of 0.800 the random δ takes 0.050 and the fitted one 0.300. So the smaller part" in first
    assert "The fit adds 0.250 [0.200,\xa00.300], which is more than luck." in first
    assert "So most of the drop is what *any* noise of this size does" in second
    assert "which may be luck" in second
    assert last.startswith("On *synthav* fitting δ does harm that noise of the same size does not; on *avdigits*")


def test_a_drop_that_is_none_is_not_divided():
    assert "hardly a drop" in harm(known(DROPS | {"universal_mAP": 0.799, "drop_beyond_noise": SAME}))
    assert "hardly a drop" in harm(known(DROPS | {"universal_mAP": 0.9, "drop_beyond_noise": LESS}))
    assert "less than nothing" in harm(known(DROPS | {"drop_beyond_noise": LESS}))


@pytest.mark.parametrize(
    ("first", "second", "told"),
    [
        (0.0, 0.0, "passes on *synthav* and *avdigits*."),
        (0.0, 0.01, "it moves by +0.010 on *avdigits*: **something is wrong"),
        (-0.02, 0.01, "it moves by -0.020 on *synthav* and by +0.010 on *avdigits*"),
    ],
)
def test_a_theorem_that_fails_is_named(first, second, told):
    assert told in linear(known({"linear_mAP_change": first}, {"linear_mAP_change": second}))


@pytest.mark.parametrize(
    ("sentence", "key", "yes", "no", "words"),
    [
        (peeking, "peeking_gain", MORE, SAME, "it takes more mAP than fitting on train does, beyond luck"),
        (peeking, "peeking_gain", MORE, LESS, "it takes more mAP than fitting on train does, beyond luck"),
        (length, "ratio_released", 19.5, IN_BALL, "the released update ends outside of its ball"),
        (kept, "kept_released", 0.5, 1.0, "a δ of that length takes as large a share of mAP as was printed"),
    ],
)
def test_each_finding_is_told_from_every_side(sentence, key, yes, no, words):
    told = {
        f"On both data sets {words}": known({key: yes}, {key: yes}),
        f"On neither data set is it shown that {words}": known({key: no}, {key: no}),
        f"On *synthav* {words}; on *avdigits* that is not shown": known({key: yes}, {key: no}),
        f"On *avdigits* {words}; on *synthav* that is not shown": known({key: no}, {key: yes}),
        f"On *synthav* {words}; the other page has no number": known({key: yes}, {}),
        f"Whether {words} cannot be told": known(),
    }
    for text, results in told.items():
        assert text in sentence(results)


@pytest.mark.parametrize(
    ("first", "last", "told"),
    [
        ((0.6, 0.7), (0.9, 0.8), "On both data sets the shift explains more than half"),
        ((0.65, -0.03), (0.2, 0.1), "On neither data set is it shown that the shift explains more than half"),
        (
            (0.6, 0.7),
            (0.65, -0.03),
            "On *synthav* the shift explains more than half of the newly broken clips, whichever",
        ),
    ],
)
def test_the_shift_is_told_in_both_orders(first, last, told):
    pages = [dict(zip(("shift_first_broken", "shift_last_broken"), both, strict=True)) for both in (first, last)]
    text = shift(known(*pages))
    assert told in text
    assert f"*synthav*: a share of **{first[0]:.2f}**" in text
    assert f"**{first[1]:.2f}**".replace("-", "−") in text
    assert "cannot be told" in shift(known({}, {}))


@pytest.mark.parametrize(
    ("released", "random", "told"),
    [
        (LESS, MORE, "the released δ leaves less than a random one that is as long; the other page"),
        (SAME, SAME, "it is not shown that the released δ leaves less than a random one"),
        (MORE, LESS, "it is not shown that the released δ leaves less than a random one"),
    ],
)
def test_the_released_length_has_its_control(released, random, told):
    text = kept(known({"kept_released": released, "kept_random_released": random}))
    assert told in text
    assert f"A *random* δ of that length keeps {random[0]:.2f} on *synthav*." in text
    assert "random" not in kept(known({"kept_released": released}))


def test_kept_shares_stand_beside_the_printed_ones():
    assert kept(known({"kept_released": 0.51}, {"kept_released": 1.0})).startswith(
        "It keeps 0.51 on *synthav* and 1.00 on *avdigits*; printed are 0.67 and 0.48."
    )


@pytest.mark.parametrize(
    ("first", "second", "told"),
    [
        (
            MORE,
            MORE,
            ("the choice does harm that its size does not", "*avdigits*, too, the fitted noise does more harm"),
        ),
        (MORE, SAME, ("the choice does harm", "*avdigits*, however, the fitted noise cannot be told from")),
        (SAME, MORE, ("what the choice adds may be luck", "*avdigits*, however, the fitted noise does more harm")),
        (LESS, LESS, ("the chosen noise does less harm", "*avdigits*, too, the fitted noise does less harm")),
    ],
)
def test_the_first_page_answers_every_way(first, second, told):
    text = answer(known(DROPS | {"drop_beyond_noise": first}, {"drop_beyond_noise": second}))
    assert all(words in text for words in told)
    assert "**0.800**; one random noise leaves **0.750**, one noise fitted for all clips **0.500**" in text


def test_the_first_page_says_what_it_cannot_answer():
    assert "`make book ONLY=04`" in answer({})
    assert "this copy cannot say" in answer(known(DROPS | {"drop_beyond_noise": MORE}))


def decided(shift):
    """Results of all pages in which every claim lies on its side, or on the other."""
    pages = {claim.rule.page for claim in claims() if claim.rule}
    return {page: all_of(shift)(page) for page in pages}


def test_the_first_page_counts_claims_by_this_copy_and_by_the_evidence(monkeypatch):
    ruled = sum(claim.rule is not None for claim in claims())
    monkeypatch.setattr("avlib.ledger.committed", lambda page, dataset: None)
    text = ledger(decided(5))
    assert f"**{len(claims())} claims**" in text
    assert f"By what this copy has computed, **{ruled}** hold, **0** do not hold" in text
    assert text.endswith(f"**0** cannot be decided; {ruled} were not run; {len(claims()) - ruled} await their test.")
    assert "both decide" not in text
    assert "decided none of them" in ledger({})
    monkeypatch.setattr("avlib.ledger.committed", lambda page, dataset: all_of(5)(page))
    assert f"On the {ruled} that both decide, they agree." in ledger(decided(5))
    assert "Where both decide, they differ on P1.1, P1.2" in ledger(decided(-5))
    assert f"**{ruled}** do not hold" in ledger(decided(-5))


@pytest.mark.parametrize("results", [{}, known({}, {})])
def test_a_book_without_numbers_has_sentences_all_the_same(results):
    for sentence in SENTENCES.values():
        text = sentence(results)
        assert text
        assert "nan" not in text


def test_a_number_is_cited_with_its_interval_and_a_dash_stands_for_none():
    text = "{result}`04_one_noise::drop:.2f`, {result}`04_one_noise::ratio:.1f`, {result}`04_one_noise::none:.1f`"
    assert cited(text, known({"drop": MORE, "ratio": 19.46})) == "0.25 [0.20,\xa00.30], 19.5, –"


@pytest.mark.parametrize(
    ("first", "second", "told"),
    [
        (None, None, "Whether the attacked score rises with the depth of the tap cannot be told"),
        (MORE, None, "On *synthav* the attacked score rises with the depth of the tap; the other page has no number"),
        (MORE, MORE, "On both data sets the attacked score rises with the depth of the tap."),
        (SAME, LESS, "On neither data set is it shown that the attacked score rises with the depth of the tap."),
        (LESS, MORE, "On *avdigits* the attacked score rises with the depth of the tap; on *synthav* that is not"),
    ],
)
def test_where_two_senses_meet(first, second, told):
    def page(slope):
        values = dict(zip(("value", "low", "high"), slope, strict=True))
        return {"values": {"slope_universal": values, "beyond_eye_late": values}}

    found = {name: page(slope) for name, slope in zip(FUSED, (first, second), strict=True) if slope}
    text = meet(found)
    assert text.startswith(told)
    assert text.count("more than its eye alone") == 1


@pytest.mark.parametrize(
    ("lower", "halves", "told"),
    [
        (MORE, SAME, "On both data sets noise in the low band does more harm"),
        (LESS, SAME, "On neither data set is it shown that noise in the low band"),
        (MORE, LESS, "On both data sets one half of a clip is more fragile"),
        (MORE, SAME, "On neither data set is it shown that one half of a clip"),
    ],
)
def test_low_bands_and_halves_of_a_clip(lower, halves, told):
    def one(number):
        return dict(zip(("value", "low", "high"), number, strict=True))

    page = {"values": {"high_minus_low": one(lower), "first_minus_second": one(halves)}}
    assert told in bands(dict.fromkeys(BANDS, page))
    assert "cannot be told" in bands({})
