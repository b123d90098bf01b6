"""A reader's function is right when it gives what the library's gives; if not, it is told what is wrong."""

import numpy as np
import pytest
import torch

from avlib.checking import verdict

CASES = [(torch.tensor([1.0, -2.0]), 2.0), (torch.tensor([[0.5]]), -1.0)]


def right(x, factor):
    return x * factor


@pytest.mark.parametrize(
    "mine", [right, lambda x, f: (x * f).numpy(), lambda x, f: (x * f).tolist(), lambda x, f: x * f + 5e-5]
)
def test_whatever_holds_the_right_numbers_is_right(mine):
    assert verdict(mine, right, CASES) == "**Right**: 2 of 2 cases."


@pytest.mark.parametrize("nothing", [None, ...])
def test_an_empty_function_is_not_written_yet(nothing):
    assert verdict(lambda x, f: nothing, right, CASES) == "Not written yet."
    assert "case 2 it gives nothing" in verdict(lambda x, f: x * f if f > 0 else nothing, right, CASES)


@pytest.mark.parametrize(
    ("mine", "said"),
    [
        (lambda x, f: 1 / 0, "on case 1 it stops with ZeroDivisionError: division by zero."),
        (lambda x, f: x[0], "on case 1 it gives one number, and shape (2,) is wanted."),
        (lambda x, f: (x * f)[None], "on case 1 it gives shape (1, 2), and shape (2,) is wanted."),
        (lambda x, f: "*two*", "on case 1 it gives a str that holds no numbers."),
        (lambda x, f: [x, [x]], "on case 1 it gives a list that holds no numbers."),
        (lambda x, f: (x * f).log(), "on case 1 it gives NaN where a number is wanted, or a number where NaN is."),
        (lambda x, f: x * abs(f), "on case 2 it is off by up to 1, and 0.0001 is allowed."),
        (lambda x, f: x * f + 2e-4, "on case 1 it is off by up to 0.0002, and 0.0001 is allowed."),
        (lambda x, f: x * float("inf"), "on case 1 it is off by up to inf, and 0.0001 is allowed."),
    ],
)
def test_what_is_wrong_is_told_of_the_first_case_where_something_is(mine, said):
    assert verdict(mine, right, CASES) == f"Not yet: {said}"


def test_the_tolerance_decides():
    assert verdict(lambda x: x + 0.05, abs, [(1.0,)], tolerance=0.1) == "**Right**: 1 of 1 cases."
    assert "off by 0.05, and 0.01 is allowed" in verdict(lambda x: x + 0.05, abs, [(1.0,)], tolerance=0.01)


def test_infinities_and_what_is_no_number_may_be_right():
    ends = np.array([np.inf, -np.inf, np.nan, 1.0])
    assert verdict(lambda x: x.copy(), lambda x: x, [(ends,)]) == "**Right**: 1 of 1 cases."
    assert "NaN" in verdict(np.nan_to_num, lambda x: x, [(ends,)])


def test_a_function_that_writes_into_its_arguments_changes_no_other_case():
    batch = {"audio": torch.ones(2)}

    def mine(x):
        x["audio"] *= 2
        return x["audio"]

    assert verdict(mine, lambda x: x["audio"] * 2, [(batch,), (batch,)]) == "**Right**: 2 of 2 cases."
    assert batch["audio"].tolist() == [1, 1]


def test_gradients_can_be_asked_for():
    start = torch.ones(2, requires_grad=True)

    def slope(x):
        return torch.autograd.grad((x**2).sum(), x)[0]

    assert verdict(slope, lambda x: 2 * x, [(start,)]) == "**Right**: 1 of 1 cases."


def test_what_an_error_says_is_text():
    def mine(x):
        raise ValueError("a *b*\nc")

    assert verdict(mine, abs, [(1,)]) == "Not yet: on case 1 it stops with ValueError: a &#42;b&#42; c."
