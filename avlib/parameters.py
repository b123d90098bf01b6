"""Every parameter that a notebook of the book can take: its type, what is allowed, what it means."""

import ast
import contextlib
import math
from collections.abc import Mapping
from fractions import Fraction
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from avlib import profiles
from avlib.data import sizes
from avlib.errors import AvlibError
from avlib.files import CHECKOUT
from avlib.provenance import cells


def number(value: object) -> object:
    """Read ``"8/255"`` as the number it is; leave everything else to pydantic.

    >>> round(number("8/255"), 4)
    0.0314
    """
    if isinstance(value, bool):
        raise ValueError("a number is needed, not a truth value")
    if isinstance(value, str) and "/" in value:
        try:
            return float(Fraction(value.replace(" ", "")))
        except (ValueError, ArithmeticError):
            raise ValueError("a number such as 0.3 or 8/255 is needed") from None
    return value


def _norm(value: float) -> float:
    if value not in (1, 2, math.inf):
        raise ValueError("1, 2 or inf")
    return value


Real = Annotated[float, BeforeValidator(number)]
Whole = Annotated[int, BeforeValidator(number)]


class Parameters(BaseModel):
    """The book's parameters. A notebook declares those it uses in its cell tagged ``parameters``."""

    model_config = ConfigDict(extra="forbid")

    profile: Annotated[
        Literal["smoke", "laptop", "full", "paper"], Field(description="size of data, models and attacks")
    ] = "smoke"
    dataset: Annotated[
        Literal["synthav", "avkinetics", "avdigits", "audioset", "kinetics_sounds", "folder"],
        Field(description="which data set"),
    ] = "synthav"
    seed: Annotated[Whole, Field(ge=0, lt=2**31, description="seed of the data, the weights and the attacks")] = 0
    seeds: Annotated[
        Whole, Field(ge=1, le=10, description="trainings of each model, whose luck the intervals hold")
    ] = 1
    epsilon: Annotated[Real, Field(gt=0, le=100, description="radius of the ball, in standard deviations of a bin")] = 1
    norm: Annotated[Real, AfterValidator(_norm), Field(description="norm of the ball: 1, 2 or inf")] = 2
    steps: Annotated[Whole, Field(ge=1, le=1000, description="gradient steps of an attack on one clip")] = 20
    queries: Annotated[Whole, Field(ge=1, le=100_000, description="forward passes of an attack without gradients")] = (
        100
    )
    passes: Annotated[Whole, Field(ge=1, le=100, description="passes over the fitting clips of a universal attack")] = 5
    worlds: Annotated[
        Whole, Field(ge=0, le=100, description="drawn worlds in which the properties of the classes are set")
    ] = 0
    doses: Annotated[
        Whole, Field(ge=0, le=5, description="doses of dropout tried in the CSN, with and without positions")
    ] = 0
    clip: Annotated[
        Whole, Field(ge=0, description="which clip of the eval split is shown, among those attacked one by one")
    ] = 0


def written(cell: str) -> dict[str, ast.expr]:
    """What the cell of the parameters says: each annotated name, and the expression of its value.

    Raises
    ------
    SyntaxError, ValueError
        When `cell` is no Python, or holds anything but annotated names with values.

    >>> {name: ast.unparse(value) for name, value in written("norm: float = 2  # 1, 2 or inf").items()}
    {'norm': '2'}
    """
    found = {}
    for statement in ast.parse(cell).body:
        if not (isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name) and statement.value):
            raise ValueError(f"not an annotated name with a value: {ast.unparse(statement)}")
        found[statement.target.id] = statement.value
    return found


def declared_in(code: list[str]) -> dict[str, object]:
    """Names that the cell of the parameters annotates, the last such of these cells, and the values written there.

    They are read from the text of the cell: from Python 3.14 on, nothing else keeps the annotations of a cell.

    >>> declared_in(["import torch", "profile: str = 'smoke'; epsilon: float = 8/255", "print()"])
    {'profile': 'smoke', 'epsilon': '8 / 255'}
    """
    for cell in reversed(code):
        try:
            found = {name: _literal(value) for name, value in written(cell).items()}
        except (SyntaxError, ValueError):  # another cell
            continue
        if "profile" in found:
            return found
    return {}


def _literal(value: ast.expr) -> object:
    """What is written, or its text: a person may type 8/255."""
    try:
        return ast.literal_eval(value)
    except ValueError:
        return ast.unparse(value)


def usual(page: str) -> str:
    """Data set of a notebook of the book where nobody asks for another, as its cell of parameters says.

    >>> usual("04_one_noise"), usual("13_when_the_eye_dominates")
    ('synthav', 'avkinetics')
    """
    file = CHECKOUT / "notebooks" / f"{page}.ipynb"
    return str(declared_in(cells(file) if file.exists() else []).get("dataset", "synthav"))


def check(values: Mapping[str, object], declared: set[str], where: str) -> dict[str, object]:
    """Values of the parameters of a notebook, typed; every wrong one is refused.

    `declared` names the parameters that the notebook `where` has.

    Raises
    ------
    AvlibError
        One line naming the parameter, its value and what is allowed.

    >>> check({"epsilon": "8/255", "norm": "inf"}, {"epsilon", "norm"}, "03")
    {'epsilon': 0.03137254901960784, 'norm': inf}
    >>> check({"epsilom": 1}, {"epsilon", "norm"}, "03")
    Traceback (most recent call last):
    avlib.errors.AvlibError: 03 has no parameter 'epsilom'; it has: epsilon, norm
    """
    for name in values:
        if name not in declared:
            raise AvlibError(f"{where} has no parameter {name!r}; it has: {', '.join(sorted(declared))}")
    try:
        found = Parameters.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0])
        reason, meaning = first["msg"].removeprefix("Value error, "), Parameters.model_fields[name].description
        raise AvlibError(f"{where}: parameter {name} = {values.get(name)!r} is refused: {reason} ({meaning})") from None
    if {"clip", "dataset", "profile"} <= values.keys() and found.clip >= (clips := _shown(found)):
        why = f"Input should be less than {clips} on {found.dataset} at the profile {found.profile}"
        meaning = Parameters.model_fields["clip"].description
        raise AvlibError(f"{where}: parameter clip = {values['clip']!r} is refused: {why} ({meaning})")
    return found.model_dump(include=set(values))


def _shown(values: Parameters) -> float:
    """How many clips every chapter can show; infinity where the data set is not there to be asked."""
    if values.clip == 0:  # a split without a first clip is refused by the data set itself
        return math.inf
    with contextlib.suppress(AvlibError):  # which says, when it is loaded, what is missing
        clips = sizes(values.dataset, profile=values.profile, seed=values.seed)["eval"]
        return min(clips, profiles.of(values.profile).victims)
    return math.inf


def variant(values: Mapping[str, object], defaults: Mapping[str, object]) -> str:
    """Name of a run: its data set, and every parameter whose value is not that of `defaults`.

    The profile is no part of it: runs of different profiles lie in different folders.

    >>> variant({"dataset": "synthav", "epsilon": 8 / 255, "steps": 20}, {"epsilon": 1.0, "steps": 20})
    'synthav,epsilon=0.0313725'
    """
    changed = sorted(n for n in values if n not in ("profile", "dataset") and values[n] != defaults.get(n))
    settings = [f"{n}={values[n]:.6g}" if isinstance(values[n], float) else f"{n}={values[n]}" for n in changed]
    return ",".join([str(values.get("dataset", "synthav")), *settings])
