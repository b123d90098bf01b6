"""What a page left: lost, damaged or old, it is made again."""

import json

import pytest

from book.fresh import facts


@pytest.mark.parametrize(
    ("part", "text", "reason"),
    [
        ("facts", '{"key": "abc", "seconds": 1.0, "device": "CPU", "media": []}', "a record that cannot be read"),
        ("facts", "", "a record that cannot be read"),
        ("facts", "[1]", "a record that cannot be read"),
        ("facts", "null", "a record that cannot be read"),
        ("facts", '{"seal": 1}', "a record that cannot be read"),
        ("facts", None, "not executed yet"),
        ("executed", '{"cells": [', "the executed page changed"),
        ("executed", None, "the executed page changed"),
        ("results", '{"values": {"a": 2}}', "its results changed"),  # by a person's own run
        ("results", '{"val', "its results changed"),
        ("results", None, "its results changed"),
    ],
)
def test_what_is_lost_damaged_or_old_is_made_again(copy, part, text, reason):
    page = copy.pages[0]
    path = getattr(copy.places, part)(page)
    path.write_text(text) if text is not None else path.unlink()
    assert copy.own() == {page.slot: reason}


def _emptied(told):
    told["used"] = {}


def _lost(told):
    next(iter(told["used"]["data"].values())).pop("call")


def _faster(told):
    told["seconds"] = 0.5


def _more(told):
    told["more"] = 1


@pytest.mark.parametrize("damage", [_emptied, _lost, _faster, _more])
def test_facts_that_are_not_what_was_written_are_none(copy, damage):
    path = copy.places.facts(copy.pages[0])
    told = json.loads(path.read_text())
    damage(told)
    path.write_text(json.dumps(told))
    assert copy.own() == {copy.pages[0].slot: "a record that cannot be read"}


def test_whatever_byte_of_the_facts_is_damaged_it_is_no_traceback(copy):
    page = copy.pages[0]
    path, kept = copy.places.facts(page), facts(page, copy.places)
    whole = path.read_bytes()
    for place in range(0, len(whole), 5):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        assert facts(page, copy.places) in (None, kept)


def test_the_same_results_written_again_are_the_same(copy):
    page = copy.pages[0]
    copy.places.results(page).write_text('{"provenance": {"seconds": 3}, "values":{"a":1}}')
    assert copy.stale() == {}
