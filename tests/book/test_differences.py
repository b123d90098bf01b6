"""A variant begins with what is different about it, in every direction."""

import nbformat
import pytest
from nbformat.v4 import new_markdown_cell, new_notebook

from book.differences import opened, opening

LOW, MID, HIGH = (0.1, 0.05, 0.15), (0.2, 0.1, 0.3), (0.9, 0.85, 0.95)


def record(dataset="synthav", norm=2.0, **values):
    """A results file; a value is a number, or one with the ends of its interval."""
    entries = {
        key: dict(zip(("value", "low", "high"), value if isinstance(value, tuple) else (value,), strict=False))
        for key, value in values.items()
    }
    return {"provenance": {"parameters": {"dataset": dataset, "norm": norm}}, "values": entries}


def told(here, there):
    return opening("04_one_noise", "04_one_noise-far", {"04_one_noise": there, "04_one_noise-far": here})


def test_it_names_the_parameters_that_differ():
    one = told(record("avdigits"), record())
    assert one.startswith(
        "This page is {doc}`04_one_noise` once more: the same text and code, with `dataset = avdigits`"
    )
    assert "in place of `synthav`." in one
    assert "`norm = inf` in place of `2.0`" in told(record(norm="inf"), record())
    assert "with the same parameters." in told(record(), record())


@pytest.mark.parametrize(
    ("here", "there", "word"), [(HIGH, LOW, "higher"), (LOW, HIGH, "lower"), (LOW, MID, "not told apart")]
)
def test_headline_numbers_stand_side_by_side(here, there, word):
    table = told(record(clean_mAP=here), record(clean_mAP=there))
    [row] = [line for line in table.splitlines() if line.startswith("| mAP, untouched")]
    shown = [f"{value:.3f} [{low:.3f},\xa0{high:.3f}]" for value, low, high in (here, there)]
    assert row == f"| mAP, untouched | {shown[0]} | {shown[1]} | {word} |"
    assert ":name: tab-beside-04_one_noise-far" in table


def test_a_number_that_one_page_lacks_is_a_dash_and_not_compared():
    [row] = [line for line in told(record(clean_mAP=LOW), record()).splitlines() if line.startswith("| mAP, untouched")]
    assert row.endswith("| – | not told apart |")


@pytest.mark.parametrize(
    ("here", "there", "words"),
    [
        ({"a_b": HIGH, "c": LOW}, {"a_b": LOW, "c": LOW}, ("Of the 2 results", "**1** lies", "one\nHigher here: a b.")),
        ({"a_b": LOW, "c": LOW}, {"a_b": HIGH, "c": LOW}, ("Of the 2 results", "**1** lies", "one\nLower here: a b.")),
        ({"a": LOW, "b": HIGH}, {"a": HIGH, "b": LOW}, ("**all** lie", "ones\nHigher here: b. Lower here: a.")),
        ({"a": LOW, "b": MID}, {"a": LOW, "b": LOW}, ("Of the 2 results", "**none** lies beyond")),
        ({"a": 1.0}, {"a": 2.0}, ("nothing can be told apart",)),
        ({"a": LOW}, {"b": HIGH}, ("nothing can be told apart",)),
    ],
)
def test_results_that_lie_apart_are_counted_and_named(here, there, words):
    text = told(record(**here), record(**there))
    for part in words:
        assert part in text


def test_a_chapter_that_was_not_computed_is_not_compared():
    text = opening("04_one_noise", "04_one_noise-far", {"04_one_noise-far": record(clean_mAP=LOW)})
    assert "nothing is compared here" in text


def test_it_stands_between_the_title_and_the_text():
    notebook = new_notebook(cells=[new_markdown_cell("# Noise\n\nCan one noise do it?")])
    assert isinstance(opened(notebook, "This page."), nbformat.NotebookNode)
    assert notebook.cells[0].source == "# Noise\n\nThis page.\n\nCan one noise do it?"
