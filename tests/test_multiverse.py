"""Specifications come in a fixed order, are asked one by one, and what they agree on is counted by sign."""

import pandas as pd
import pytest

from avlib.errors import AvlibError
from avlib.multiverse import (
    CONTROL,
    EFFECT,
    Question,
    chosen,
    conventions,
    crossed,
    flips,
    medians,
    one_at_a_time,
    shares,
    universe,
)
from tests.book.cells import ABOVE, ACROSS, BELOW, between

AXES = {"ball": ("frame", "clip", "released"), "fit": ("train", "eval"), "mean": ("classes", "labels")}


def table(*effects, **columns):
    return pd.DataFrame({**columns, EFFECT: effects, CONTROL: [ACROSS] * len(effects)})


def test_crossing_meets_every_combination_once_and_one_at_a_time_changes_one():
    every, some = list(crossed(AXES)), list(one_at_a_time(AXES))
    assert len(every) == len({tuple(one.values()) for one in every}) == 3 * 2 * 2
    assert len(some) == 1 + 2 + 1 + 1
    own = {name: options[0] for name, options in AXES.items()}
    assert every[0] == some[0] == own
    assert [sum(one[name] != own[name] for name in AXES) for one in some[1:]] == [1] * 4
    assert all(one in every for one in some)


def test_a_universe_asks_when_its_turn_comes_and_keeps_the_order():
    asked = []

    def effect(one):
        asked.append(one["ball"])
        return ABOVE

    def endless():
        for one in crossed(AXES):
            yield one
            if one["ball"] == "clip":
                raise StopIteration  # nobody may look beyond what it is given

    question = Question("q", "Q", 1, AXES, effect, lambda one: ACROSS)
    with pytest.raises(RuntimeError):
        universe(question, endless())
    assert asked == ["frame"] * 4 + ["clip"]
    found = universe(question, one_at_a_time(AXES))
    assert conventions(found) == list(AXES)
    assert found["ball"].tolist() == ["frame", "clip", "released", "frame", "frame"]
    assert found[EFFECT].tolist() == [ABOVE] * 5
    assert found[CONTROL].tolist() == [ACROSS] * 5
    with pytest.raises(AvlibError, match="without specifications"):
        universe(question, iter([]))


def test_signs_are_counted_with_and_without_luck():
    found = table(ABOVE, ABOVE, BELOW, between(-0.1, 0.3), between(-0.3, 0.1), ball=list("abcde"))
    assert shares(found) == {"above": 0.6, "surely above": 0.4, "surely below": 0.2}


def test_what_could_not_be_measured_is_on_no_side():
    nothing = between(float("nan"), float("nan"))
    assert shares(table(nothing, nothing, ball=["a", "b"])) == {"above": 0, "surely above": 0, "surely below": 0}
    assert flips(table(nothing, ABOVE, ball=["a", "b"])) == {}


def test_a_convention_flips_where_its_options_have_medians_on_two_sides():
    options = {"ball": ["own", "own", "other", "other", "third"], "fit": ["t", "e", "t", "e", "t"]}
    found = table(ABOVE, ABOVE, BELOW, BELOW, ABOVE, **options)
    assert medians(found) == {
        "ball": {"own": pytest.approx(0.15), "other": pytest.approx(-0.15), "third": pytest.approx(0.15)},
        "fit": {"t": pytest.approx(0.15), "e": pytest.approx(0.0)},
    }
    assert flips(found) == {"ball": ["other"]}
    assert flips(table(BELOW, BELOW, ABOVE, ABOVE, BELOW, **options)) == {"ball": ["other"]}  # of a claim that fails
    assert flips(table(*[ABOVE] * 5, **options)) == {}


def test_the_cheapest_questions_come_first_and_ties_stay_in_order():
    asked = [Question(name, name, cost, AXES, None, None) for name, cost in (("a", 5), ("b", 1), ("c", 5), ("d", 2))]
    assert [question.name for question in chosen(asked, 3)] == ["b", "d", "a"]
    assert len(chosen(asked, 9)) == 4
