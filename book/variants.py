"""A notebook that is published more than once, on several data sets: each copy needs labels and a title of its own."""

import re

import nbformat

MATH = re.compile(r"(?m)^(\$\$ \()([\w-]+)(\))$")
TARGET = re.compile(r"(?m)^(\()([\w-]+)(\)=)$")
ROLE = re.compile(r"(\{(?:eq|numref|ref)\}`(?:[^`<]*<)?)([\w-]+)(>?`)")


def relabelled(notebook: nbformat.NotebookNode, suffix: str) -> nbformat.NotebookNode:
    """`notebook` with `suffix` after each label that it defines, each reference to one of these, and its title.

    Labels of figures, equations and targets are known to the whole book, so two copies of a notebook would fight over
    them.  References to labels of other pages stay as they are.

    >>> cell = nbformat.v4.new_markdown_cell("# Title\\n\\n(here)=\\nSee {ref}`here`, {eq}`eq-there`.")
    >>> print(relabelled(nbformat.v4.new_notebook(cells=[cell]), "avdigits").cells[0].source)
    # Title (avdigits)
    <BLANKLINE>
    (here-avdigits)=
    See {ref}`here-avdigits`, {eq}`eq-there`.
    """
    mine = set()
    for cell in notebook.cells:
        for kind in ("figure", "table"):
            captioned = cell.metadata.get("mystnb", {}).get(kind, {})
            if "name" in captioned:
                mine.add(captioned["name"])
                captioned["name"] += f"-{suffix}"
        if cell.cell_type == "markdown":
            mine |= {match[2] for pattern in (MATH, TARGET) for match in pattern.finditer(cell.source)}

    def renamed(match: re.Match[str]) -> str:
        return f"{match[1]}{match[2]}-{suffix}{match[3]}" if match[2] in mine else match[0]

    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            for pattern in (MATH, TARGET, ROLE):
                cell.source = pattern.sub(renamed, cell.source)
    first = notebook.cells[0]
    first.source = re.sub(r"^(# .*)", rf"\1 ({suffix})", first.source, count=1)
    return notebook
