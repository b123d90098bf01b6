"""Exercises and their answers, as sphinx-exercise numbers and folds them.

An author writes a heading ``### Exercise 2: title``, the question below it, and the answer as code cells tagged
``hide-cell``, which a notebook shows as any other.  In the book they become a numbered box and a folded answer that
links back to it; in the book for students the answer is left out.  Code cells between question and answer, in which a
reader writes and is checked, stay open in both; where there is none, the student's book has an empty one.
"""

import itertools
import re

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell

HEADING = re.compile(r"(?m)^### Exercise (\d+): (.+)\n")
ENDS = re.compile(r"(?m)^(?:#{1,3} |\([\w-]+\)=$)")  # the next heading, or the label before it
CODE = re.compile(r"(?ms)^```.*?^```")
EMPTY = "# Your answer"


def boxed(notebook: nbformat.NotebookNode, page: str, student: bool = False) -> nbformat.NotebookNode:
    """`notebook` with each exercise in a box and its answer folded, or left out for a `student`.

    Labels begin with `page`, so that no two pages share one.

    >>> question = nbformat.v4.new_markdown_cell("### Exercise 2: half the bins\\n\\nGuess.")
    >>> answer = nbformat.v4.new_code_cell("1 / 2", metadata={"tags": ["hide-cell"]})
    >>> for cell in boxed(nbformat.v4.new_notebook(cells=[question, answer]), "03").cells:
    ...     print(cell.source)
    ::::{exercise} Half the bins
    :label: 03-exercise-2
    <BLANKLINE>
    Guess.
    ::::
    :::{solution-start} 03-exercise-2
    :class: dropdown
    :::
    1 / 2
    :::{solution-end}
    :::
    """
    cells: list[nbformat.NotebookNode] = []
    label, writes = "", False  # of the exercise that is open, and whether it has cells to write in
    for answers, group in itertools.groupby(notebook.cells, key=_answers):
        if answers and label:
            empty = [] if writes else [new_code_cell(EMPTY)]
            cells += empty if student else _folded(list(group), label)
            continue
        for cell in group:
            if cell.cell_type == "markdown":
                cell.source, label = _boxes(cell.source, page)
                writes = False
            else:
                writes = bool(label)
            cells.append(cell)
    notebook.cells = cells
    return notebook


def _answers(cell: nbformat.NotebookNode) -> bool:
    return cell.cell_type == "code" and "hide-cell" in cell.metadata.get("tags", [])


def _boxes(text: str, page: str) -> tuple[str, str]:
    """`text` with its exercises in boxes, and the label of the one that it ends with, if it ends with one."""
    plain = CODE.sub(lambda block: " " * len(block[0]), text)  # a comment in code is no heading
    done, label, at = "", "", 0
    while found := HEADING.search(plain, at):
        stop = ENDS.search(plain, found.end())
        end = stop.start() if stop else len(text)
        label, title = f"{page}-exercise-{found[1]}", found[2][0].upper() + found[2][1:]
        question = text[found.end() : end].strip()
        done += f"{text[at : found.start()]}::::{{exercise}} {title}\n:label: {label}\n\n{question}\n::::\n"
        at = end
    return (done + text[at:]).rstrip("\n"), "" if text[at:].strip() else label


def _folded(answer: list[nbformat.NotebookNode], label: str) -> list[nbformat.NotebookNode]:
    for cell in answer:  # the fold shows what was found; its code has a fold of its own
        cell.metadata["tags"] = [tag.replace("hide-cell", "hide-input") for tag in cell.metadata["tags"]]
    start = new_markdown_cell(f":::{{solution-start}} {label}\n:class: dropdown\n:::")
    return [start, *answer, new_markdown_cell(":::{solution-end}\n:::")]
