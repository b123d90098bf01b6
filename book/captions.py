"""Captions: a figure with the words that stand for it, a table with a number and a title.

Both lie in the metadata of the cell that shows them, out of the reader's way: ``mystnb.figure`` and ``mystnb.image`` as
myst-nb has them, and for a table ``mystnb.table`` with a `caption` and a `name` of the form ``tab-…``.
"""

import nbformat

from avlib.plots import screen

MARKDOWN, HTML = "text/markdown", "text/html"


def captioned(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """`notebook` with its tables as MyST writes them, and the words for its pictures where readers of pages find them.

    >>> table = nbformat.v4.new_output("display_data", {MARKDOWN: "| a |\\n|---|\\n| 1 |", HTML: "<table>…"})
    >>> cell = nbformat.v4.new_code_cell(outputs=[table])
    >>> cell.metadata["mystnb"] = {"table": {"caption": "Of ones.", "name": "tab-ones"}}
    >>> print(captioned(nbformat.v4.new_notebook(cells=[cell])).cells[0].outputs[0].data[MARKDOWN])
    :::{table} Of ones.
    :name: tab-ones
    <BLANKLINE>
    | a |
    |---|
    | 1 |
    :::
    """
    for cell in notebook.cells:
        shown = cell.metadata.get("mystnb", {})
        table, words = shown.pop("table", None), shown.get("image", {}).get("alt", "")
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            if words and HTML in data:
                data[HTML] = screen.spoken(data[HTML], words)
            if MARKDOWN in data and HTML in data:  # a table, of which a page takes the form that it can number
                data.pop(HTML)
                if table:
                    head = f":::{{table}} {table['caption']}\n:name: {table['name']}\n"
                    data[MARKDOWN] = f"{head}\n{data[MARKDOWN]}\n:::"
    return notebook
