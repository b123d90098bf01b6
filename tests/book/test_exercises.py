"""What an author writes as a heading and a hidden cell becomes a numbered exercise and its answer."""

import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from book.exercises import EMPTY, boxed

TEXT = """## Exercises

Guess first.

(find-it)=
### Exercise 1: find it yourself

```python
### Exercise 9: a comment in code is no exercise
```

Is $x^2$ enough?
"""


def page():
    hidden = {"tags": ["hide-cell"]}
    return new_notebook(
        cells=[
            new_code_cell("before", metadata=hidden),
            new_markdown_cell(TEXT),
            new_code_cell("one", metadata=hidden),
            new_code_cell("two", metadata=hidden),
            new_markdown_cell("### Exercise 2: no code\n\nThink.\n\n## Provenance"),
            new_code_cell("last", metadata=hidden),
        ]
    )


def sources(**how):
    return [cell.source for cell in boxed(page(), "04_one_noise-linf", **how).cells]


def test_an_answer_of_several_cells_is_one_fold():
    found = sources()
    start, end = found.index("one") - 1, found.index("two") + 1
    assert found[start] == ":::{solution-start} 04_one_noise-linf-exercise-1\n:class: dropdown\n:::"
    assert found[end] == ":::{solution-end}\n:::"
    assert end == start + 3
    assert sum("solution-start" in text for text in found) == 1


def test_the_code_of_an_answer_folds_and_its_output_does_not():
    cells = {cell.source: cell for cell in boxed(page(), "04").cells}
    assert cells["one"].metadata.tags == ["hide-input"]
    assert cells["before"].metadata.tags == ["hide-cell"]  # no exercise before it
    assert cells["last"].metadata.tags == ["hide-cell"]  # a heading stands between


def test_a_question_ends_at_the_next_heading():
    found = sources()
    (second,) = (text for text in found if "No code" in text)
    assert second.endswith("Think.\n::::\n## Provenance")


def test_a_label_before_an_exercise_stays_there():
    (first,) = (text for text in sources() if "Find it yourself" in text)
    assert "(find-it)=\n::::{exercise} Find it yourself\n:label: 04_one_noise-linf-exercise-1\n" in first


def test_a_student_gets_one_cell_to_write_in_and_no_answer():
    found = sources(student=True)
    assert "one" not in found
    assert "two" not in found
    assert found.count(EMPTY) == 1
    assert not any("solution" in text for text in found)
    assert found[0] == "before"


WRITTEN = [
    new_markdown_cell("### Exercise 1: half\n\n*Build*: halve."),
    new_code_cell("def half(x): ..."),
    new_code_cell("verdict(half)"),
    new_code_cell("x / 2", metadata={"tags": ["hide-cell"]}),
    new_markdown_cell("### Exercise 2: a third\n\nGuess."),
    new_code_cell("x / 3", metadata={"tags": ["hide-cell"]}),
]


def built(student):
    cells = [cell.copy() for cell in WRITTEN]
    return [cell.source for cell in boxed(new_notebook(cells=cells), "01", student).cells]


def test_a_student_writes_where_the_author_left_room_and_elsewhere_in_an_empty_cell():
    found = built(student=True)
    assert found[1:3] == ["def half(x): ...", "verdict(half)"]
    assert found[3].startswith("::::{exercise} A third")
    assert found[4:] == [EMPTY]


def test_cells_to_write_in_stand_between_question_and_answer():
    found = built(student=False)
    assert found[1:3] == ["def half(x): ...", "verdict(half)"]
    assert found[3].startswith(":::{solution-start} 01-exercise-1")
    assert found[4] == "x / 2"
    assert EMPTY not in found


@pytest.mark.parametrize("student", [False, True])
def test_a_page_without_exercises_stays_as_it_is(student):
    cells = [new_markdown_cell("# Title"), new_code_cell("1", metadata={"tags": ["hide-cell"]})]
    assert boxed(new_notebook(cells=cells), "01", student).cells == cells
