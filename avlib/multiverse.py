"""A claim under every convention that could have been chosen: specifications, and what they say together.

Simonsohn, Simmons and Nelson (2020), Specification curve analysis, Nature Human Behaviour 4: where several ways of
measuring are equally defensible, report all of them, and not the one that was run first.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
import pandas as pd

from avlib.errors import AvlibError
from avlib.metrics import Interval

Conventions = Mapping[str, Sequence[str]]  # the options of each convention; the first is the book's own
Specification = dict[str, str]
Effect = Callable[[Specification], Interval]
EFFECT, CONTROL = "effect", "control"


@dataclass(frozen=True)
class Question:
    """A claim as something to be measured: above 0 it is as the claim says.

    `name` in a word, `words` for a title, `attacked` models that one specification attacks; `effect` under the attack
    and `control` under a random δ; and the conventions under which both can be measured.
    """

    name: str
    words: str
    attacked: int
    conventions: Conventions
    effect: Effect
    control: Effect


def crossed(conventions: Conventions) -> Iterator[Specification]:
    """Every combination of options, the last convention changing fastest.

    >>> [" ".join(one.values()) for one in crossed({"ball": ["frame", "clip"], "mean": ["classes", "labels"]})]
    ['frame classes', 'frame labels', 'clip classes', 'clip labels']
    """
    for options in product(*conventions.values()):
        yield dict(zip(conventions, options, strict=True))


def one_at_a_time(conventions: Conventions) -> Iterator[Specification]:
    """The book's own conventions, and then each other option by itself, all else as the book has it.

    As many specifications as there are other options, and one: their number adds where that of `crossed` multiplies.

    >>> [" ".join(one.values()) for one in one_at_a_time({"ball": ["frame", "clip"], "mean": ["classes", "labels"]})]
    ['frame classes', 'clip classes', 'frame labels']
    """
    own = {name: options[0] for name, options in conventions.items()}
    yield own
    for name, (_, *others) in conventions.items():
        for option in others:
            yield {**own, name: option}


def universe(question: Question, specifications: Iterator[Specification]) -> pd.DataFrame:
    """A row for each specification, in their order: its options, and its `effect` and `control`, two intervals.

    Nothing is computed ahead: each is asked for when its specification comes, so that an effect that remembers what it
    has attacked attacks once.

    Raises
    ------
    AvlibError
        When there are no specifications.
    """
    rows = [{**one, EFFECT: question.effect(one), CONTROL: question.control(one)} for one in specifications]
    if not rows:
        raise AvlibError("a universe without specifications: give at least one option for each convention")
    return pd.DataFrame(rows)


def chosen(questions: Sequence[Question], count: int) -> list[Question]:
    """The `count` questions that attack the fewest models; as they stand, where they attack as many.

    >>> ask = [Question(name, "", models, {}, None, None) for name, models in (("a", 3), ("b", 1), ("c", 1))]
    >>> [question.name for question in chosen(ask, 2)]
    ['b', 'c']
    """
    return sorted(questions, key=lambda question: question.attacked)[:count]


def shares(found: pd.DataFrame) -> dict[str, float]:
    """Shares of the specifications of a `universe` whose value is above 0, and whose interval is above or below 0.

    Keys: "above", "surely above", "surely below".  An effect that could not be measured is on no side.
    """
    effects = found[EFFECT]
    return {
        "above": float(np.mean([one.value > 0 for one in effects])),
        "surely above": float(np.mean([one.sign > 0 for one in effects])),
        "surely below": float(np.mean([one.sign < 0 for one in effects])),
    }


def conventions(found: pd.DataFrame) -> list[str]:
    """The conventions of a `universe`: its columns but for what was measured."""
    return [str(name) for name in found if name not in (EFFECT, CONTROL)]


def medians(found: pd.DataFrame) -> dict[str, dict[str, float]]:
    """The median effect of the specifications that share an option, by convention and option; NaN where none has one.

    >>> class Value:
    ...     def __init__(self, value): self.value = value
    >>> medians(pd.DataFrame({"ball": ["frame", "clip", "clip"], "effect": [Value(v) for v in (1.0, -3.0, -1.0)]}))
    {'ball': {'frame': 1.0, 'clip': -2.0}}
    """
    values = found[EFFECT].map(lambda one: one.value)
    return {
        name: {str(option): float(values[found[name] == option].median()) for option in found[name].unique()}
        for name in conventions(found)
    }


def flips(found: pd.DataFrame) -> dict[str, list[str]]:
    """Options whose `medians` lie on the other side of 0 than the median of the book's own option, by convention.

    Only conventions that have such an option are named.
    """
    turned = {
        name: [option for option, value in each.items() if value * next(iter(each.values())) < 0]
        for name, each in medians(found).items()
    }
    return {name: options for name, options in turned.items() if options}
