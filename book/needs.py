"""What a downloaded notebook needs, said at its top; the page on which it is read leaves that cell out."""

import nbformat
from nbformat.v4 import new_markdown_cell

from book.places import Page

NEEDS = """*This notebook is a page of the book “Adversarial robustness of audio-visual learning” and needs the library
of that project: clone the project, put this file into its folder `notebooks/`, and type `make lab`, which installs
everything and opens JupyterLab. The outputs below were computed at the profile `{profile}` on the data set `{dataset}`;
sounds are files beside the page, and are not in this one until it is run.*"""


def told(notebook: nbformat.NotebookNode, page: Page) -> nbformat.NotebookNode:
    """`notebook`, as `page` publishes it, below a cell that says what it needs."""
    text = NEEDS.format(profile=page.profile, dataset=page.parameters.get("dataset", "synthav"))
    notebook.cells.insert(0, new_markdown_cell(text, metadata={"tags": ["remove-cell"]}))
    return notebook
