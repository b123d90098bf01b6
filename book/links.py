"""Links from one notebook to another, as an executed cell shows them: to the page that is published in its place."""

import re
from collections.abc import Collection

import nbformat

HTML = "text/html"
LINK = re.compile(r'href="([\w-]+)\.ipynb(?:#([\w-]+))?"')


def turned(notebook: nbformat.NotebookNode, executed: Collection[str]) -> nbformat.NotebookNode:
    """`notebook` whose links in HTML lead to pages; `executed` names those that have the places which links point at.

    JupyterLab opens the notebook that lies beside, and calls a heading by its words; a page calls it by those in small
    letters.  A page that is only a notice has no headings.

    >>> shown = nbformat.v4.new_output("display_data", {HTML: '<a href="04.ipynb#A-Part">…</a> <a href="05.ipynb#B">'})
    >>> cell = nbformat.v4.new_code_cell("", outputs=[shown])
    >>> turned(nbformat.v4.new_notebook(cells=[cell]), {"04"}).cells[0].outputs[0].data[HTML]
    '<a href="04.html#a-part">…</a> <a href="05.html">'
    """

    def page(link: re.Match[str]) -> str:
        place = f"#{link[2].lower()}" if link[2] and link[1] in executed else ""
        return f'href="{link[1]}.html{place}"'

    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            if HTML in data:
                data[HTML] = LINK.sub(page, data[HTML])
    return notebook
