"""The cover of the book: what one cell of chapter 3 shows, at the top of the first page."""

import re

import nbformat

MEDIA = re.compile(r"(?<![\w/])media/")  # as a page in notebooks/ names its sounds
MISSING = "*A clip that can be seen and heard stands here once chapter 3 is computed: `make book ONLY=03`.*"


def cover(executed: nbformat.NotebookNode | None) -> str:
    """What the cell tagged ``cover`` of the `executed` chapter shows, for a page in the folder book/.

    >>> MEDIA.sub("../notebooks/media/", '<audio src="media/03@synthav/a.wav">')
    '<audio src="../notebooks/media/03@synthav/a.wav">'
    """
    for cell in executed.cells if executed else []:
        if "cover" in cell.metadata.get("tags", []):
            shown = [output.data["text/html"] for output in cell.outputs if "text/html" in output.get("data", {})]
            return "\n".join(["``````{raw} html", *(MEDIA.sub("../notebooks/media/", one) for one in shown), "``````"])
    return MISSING
