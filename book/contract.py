"""What every notebook of the book keeps to, checked on the file as it is committed.

python -m book.contract              # all notebooks; or the paths of some; exit status 1 when anything is listed

A notebook begins with ``# Title`` and, before its parameters, the words **You will learn**, **Time** (to read, counted
in words, and to run) and **Before you start**.  Then come the cell tagged ``parameters`` (annotated literals, a comment
on each), the cell that imports all there is to import and calls ``begin("its_own_name", globals())``, folded on the
page, the body, ``## Takeaways``, ``## Exercises`` and, last, the cell that calls ``run.finish()``.  An exercise is a
heading ``### Exercise 1: …`` whose question says its level first (*Check*, *Build* or *Question*), with its answer
below it behind a toggle: an executed code cell tagged ``hide-cell``, or a ``{dropdown}`` in the text.  In one of them
at least, a *Build*, the reader writes the heart of the chapter, and a cell says whether it is right.
"""

import ast
import re
import statistics
import sys
from pathlib import Path
from typing import Any

import nbformat

from avlib.errors import AvlibError
from avlib.parameters import Parameters, check
from book.places import Places
from book.plan import declared, plan
from book.reading import minutes, words

LONGEST, MEDIAN, WORDS_PER_LINE = 30, 6, 8
ABOUT = 0.25  # how far the stated time to read may be off
TIME = re.compile(r"\*\*Time\*\* – (?:about )?(\d+) minutes to read")
LEVEL = re.compile(r"(?m)^### Exercise \d+: .+\n\s*\*(Check|Build|Question)\.?\*")
ABSOLUTE = re.compile(r"(?<![\w./:-])/(?:home|Users|root|work|tmp|mnt|opt|var|private|usr|data)/[\w.]|\b[A-Z]:\\\w")
LABEL = re.compile(r"(?m)^\$\$ \(([\w-]+)\)$|^\(([\w-]+)\)=$")
OPENING = ("You will learn", "Time", "Before you start")


def problems(path: Path) -> list[str]:
    """One line for each part of the contract that the notebook at `path` breaks."""
    notebook = nbformat.read(path, as_version=4)
    parts = (_opening, _parameters, _length, _reading, _execution, _figures, _closing, _levels, _cleanliness)
    return [f"{path.name}: {problem}" for part in parts for problem in part(path.stem, notebook.cells)] + [
        f"{path.name}: papermill left its metadata; execute it with python -m book.refresh"
        for metadata in [notebook.metadata, *(cell.metadata for cell in notebook.cells)]
        if "papermill" in metadata or "injected-parameters" in metadata.get("tags", [])
    ]


def _code(cells: list[Any]) -> list[Any]:
    return [cell for cell in cells if cell.cell_type == "code"]


def _tagged(cell: Any, tag: str) -> bool:
    return tag in cell.metadata.get("tags", [])


def _lines(cell: Any) -> int:
    return sum(bool(line.strip()) for line in cell.source.splitlines())


def _shown(cell: Any) -> list[str]:
    """Texts that the outputs of a cell hold, pictures left out."""
    texts = []
    for output in cell.get("outputs", []):
        data = output.get("data", {})
        texts += [output.get("text", ""), *(str(data[kind]) for kind in data if not kind.startswith("image/"))]
    return texts


def _opening(name: str, cells: list[Any]) -> list[str]:
    found = []
    if not (cells and cells[0].cell_type == "markdown" and cells[0].source.startswith("# ")):
        found.append("the first cell must be text that begins with '# Title'")
    first_code = next((i for i, cell in enumerate(cells) if cell.cell_type == "code"), len(cells))
    before = "\n".join(cell.source for cell in cells[:first_code])
    found += [f"'{words}' is missing above the parameters" for words in OPENING if words not in before]
    code = _code(cells)
    if not code or not _tagged(code[0], "parameters"):
        found.append("the first code cell must be tagged 'parameters'")
    if len(code) < 2 or f'begin("{name}", globals())' not in code[1].source:
        found.append(f'the second code cell must call begin("{name}", globals())')
    elif not _tagged(code[1], "hide-input"):
        found.append("the second code cell must be tagged hide-input: it is no idea of the chapter")
    for cell in code[2:]:
        if imported := re.search(r"^(?:import|from) .+", cell.source, re.MULTILINE):
            found.append(f"an import outside the second code cell: {imported[0]}")
    return found


def _parameters(name: str, cells: list[Any]) -> list[str]:
    tagged = [cell for cell in cells if _tagged(cell, "parameters")]
    if len(tagged) != 1:
        return [f"{len(tagged)} cells are tagged 'parameters'; there must be one"]
    found = []
    try:
        statements = ast.parse(tagged[0].source).body
    except SyntaxError:
        return ["the cell tagged 'parameters' cannot be parsed"]
    lines = tagged[0].source.splitlines()
    for statement in statements:
        line = lines[statement.lineno - 1]
        if not isinstance(statement, ast.AnnAssign) or not isinstance(statement.target, ast.Name):
            found.append(f"not an annotated literal: {line}")
        elif statement.target.id not in Parameters.model_fields:
            found.append(f"parameter {statement.target.id} is unknown to avlib.parameters.Parameters")
        elif not isinstance(statement.value, ast.Constant):
            found.append(f"not a literal, which papermill could not override: {line}")
        if not re.search(r"\s# \S", line):
            found.append(f"no comment says what is allowed: {line}")
    if not any(isinstance(s, ast.AnnAssign) and getattr(s.target, "id", "") == "profile" for s in statements):
        found.append("the parameter profile is missing")
    return found


def _length(name: str, cells: list[Any]) -> list[str]:
    lengths = [_lines(cell) for cell in _code(cells)] or [0]
    found = [f"a cell of {length} lines; {LONGEST} are allowed" for length in lengths if length > LONGEST]
    if (middle := statistics.median(lengths)) > MEDIAN:
        found.append(f"half of the code cells have {middle:g} lines or more; {MEDIAN} are allowed")
    written = words([cell for cell in cells if cell.cell_type == "markdown"])
    if written < WORDS_PER_LINE * sum(lengths):
        found.append(f"{written} words of prose on {sum(lengths)} lines of code; {WORDS_PER_LINE} a line are needed")
    return found


def _reading(name: str, cells: list[Any]) -> list[str]:
    needed, stated = minutes(cells), TIME.search(cells[0].source) if cells else None
    if stated and abs(int(stated[1]) - needed) <= max(1, ABOUT * needed):
        return []
    return [f"its {words(cells)} words take {needed} minutes: **Time** – {needed} minutes to read; …"]


def _execution(name: str, cells: list[Any]) -> list[str]:
    found = []
    counts = [cell.get("execution_count") for cell in _code(cells)]
    if None in counts:
        found.append(f"{counts.count(None)} cells were never executed; run python -m book.refresh {name[:2]}")
    elif counts != list(range(1, len(counts) + 1)):
        found.append(f"not executed from top to bottom in a fresh kernel; run python -m book.refresh {name[:2]}")
    for cell in _code(cells):
        for output in cell.get("outputs", []):
            if output.output_type == "error":
                found.append(f"an error is committed: {output.ename}: {output.evalue[:80]}")
            if output.get("name") == "stderr":
                found.append(f"a warning is committed: {output.text.strip()[:80]}")
    return found


def _figures(name: str, cells: list[Any]) -> list[str]:
    found = []
    for cell in _code(cells):
        shown = [output.get("data", {}) for output in cell.get("outputs", [])]
        drawn = [data for data in shown if '<div class="drawn' in data.get("text/html", "")]
        spoken = any('role="img"' in data["text/html"] for data in drawn)  # words of the run
        start = next(iter(cell.source.splitlines()), "")
        if len(drawn) > 1:
            found.append(f"two figures in one cell, and one caption for both: {start}")
        mystnb = cell.metadata.get("mystnb", {})
        tables = [data for data in shown if {"text/html", "text/markdown"} <= data.keys()]
        if tables and not (_told(mystnb, "table", "tab") and len(tables) == 1):
            found.append(f"no caption and name 'tab-…' in the metadata (mystnb.table) of the one table of: {start}")
        if not drawn:
            continue
        caption, alt = mystnb.get("figure", {}).get("caption", ""), mystnb.get("image", {}).get("alt", "")
        if not _told(mystnb, "figure", "fig"):
            found.append(f"no caption and name 'fig-…' in the metadata (mystnb.figure) of the figure of: {start}")
        if not spoken and (len(alt.split()) < 5 or alt == caption):
            found.append(f"no words in place of the picture (mystnb.image.alt, not the caption) for: {start}")
    return found


def _told(mystnb: Any, kind: str, prefix: str) -> bool:
    given = mystnb.get(kind, {})
    return len(given.get("caption", "").split()) >= 4 and bool(
        re.fullmatch(rf"{prefix}-[a-z0-9-]+", given.get("name", ""))
    )


def _closing(name: str, cells: list[Any]) -> list[str]:
    found = []
    headings = [
        (match[0].strip(), i)
        for i, cell in enumerate(cells)
        if cell.cell_type == "markdown"
        for match in re.finditer(r"^#{2,3} .*$", cell.source, re.MULTILINE)
    ]
    titles = [title for title, _ in headings]
    if "## Takeaways" not in titles or "## Exercises" not in titles:
        found.append("the headings '## Takeaways' and '## Exercises' are needed")
    elif titles.index("## Takeaways") > titles.index("## Exercises"):
        found.append("'## Takeaways' comes before '## Exercises'")
    exercises = [(title, at) for title, at in headings if title.startswith("### Exercise")]
    if len(exercises) < 2:
        found.append(f"{len(exercises)} exercises ('### Exercise 1 …'); at least two are needed")
    ends = [at for _, at in exercises[1:]] + [len(cells)]
    for (title, at), end in zip(exercises, ends, strict=True):
        if not any(_solution(cell) for cell in cells[at : max(end, at + 1)]):
            found.append(f"no solution behind a toggle (a code cell tagged hide-cell, or a dropdown) in: {title}")
    code = _code(cells)
    if not code or "run.finish(" not in code[-1].source or not _tagged(code[-1], "nbval-ignore-output"):
        found.append("the last code cell must call run.finish() and be tagged nbval-ignore-output")
    return found


def _levels(name: str, cells: list[Any]) -> list[str]:
    prose = "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    levels, count = LEVEL.findall(prose), prose.count("\n### Exercise ") + prose.startswith("### Exercise ")
    found = []
    if len(levels) < count:
        found.append(f"{count - len(levels)} exercises do not begin with their level: *Check*, *Build* or *Question*")
    if "Build" not in levels or not any("verdict(" in cell.source for cell in _code(cells)):
        found.append("no *Build* exercise with a cell that says whether the reader's code is right (verdict)")
    return found


def _solution(cell: Any) -> bool:
    if cell.cell_type == "code":
        return _tagged(cell, "hide-cell")
    return bool(re.search(r"\{dropdown\}|:class: .*dropdown", cell.source))


def _cleanliness(name: str, cells: list[Any]) -> list[str]:
    found = []
    for cell in cells:
        for text in [cell.source, *_shown(cell)]:
            if match := ABSOLUTE.search(text):
                found.append(f"a path of one machine: {text[match.start() : match.start() + 60]!r}")
        if cell.cell_type == "code" and re.search(r"^\s*[%!]", cell.source, re.MULTILINE):
            found.append(f"a magic command, which could hide its whole cell from the tests: {cell.source[:60]!r}")
    return found


def _names(cell: Any) -> list[str]:
    """What the book can refer to in a cell: its figure and table, or its equations and places."""
    if cell.cell_type == "markdown":
        return ["".join(found) for found in LABEL.findall(cell.source)]
    shown = cell.metadata.get("mystnb", {})
    return [shown[kind]["name"] for kind in ("figure", "table") if "name" in shown.get(kind, {})]


def together(places: Places) -> list[str]:
    """What the notebooks break as a book: names used twice, pages left out, defaults that are not the smoke profile."""
    found = []
    seen: dict[str, str] = {}
    paths = sorted(path for path in places.notebooks.glob("*.ipynb") if not path.name.startswith("."))
    for path in paths:
        for cell in nbformat.read(path, as_version=4).cells:
            for label in _names(cell):
                if label in seen:
                    found.append(f"the name {label} is used in {seen[label]} and in {path.name}")
                seen[label] = path.name
    pages = {page.slot: page for page in plan("smoke", places=places)}
    for path in paths:
        if path.stem not in pages:
            found.append(f"{path.name} is not a page of book/profiles/smoke.yml")
            continue
        try:
            defaults = check(declared(path), set(declared(path)), path.name)
        except AvlibError as error:
            found.append(str(error))
            continue
        given = pages[path.stem].parameters
        found += [
            f"{path.name}: {key} = {defaults[key]!r} by default, and {given[key]!r} in book/profiles/smoke.yml"
            for key in defaults
            if defaults[key] != given[key]
        ]
    return found


if __name__ == "__main__":
    here = Places()
    chosen = [Path(name) for name in sys.argv[1:]] or sorted(here.notebooks.glob("[!.]*.ipynb"))
    listed = [problem for path in chosen for problem in problems(path)] + together(here)
    print("\n".join([*listed, f"{len(listed)} problems in {len(chosen)} notebooks"]))
    sys.exit(bool(listed))
