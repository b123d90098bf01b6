"""A figure as a page shows it: drawn in the ink of the page, sharp at any size, and in one column on a phone."""

import io
import re
from collections.abc import Mapping
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.gridspec import GridSpec, GridSpecBase, SubplotSpec
from matplotlib.legend import Legend

from avlib.plots.style import INK

PHONE = 3.75  # inches: at that width words are as large as those of the text beside them
NAMED = re.compile(r' id="[A-Za-z0-9.]+_\d+"')  # matplotlib numbers its groups; several figures stand on one page


def html(figure: Figure, name: str, words: str = "") -> str:
    """`figure` as HTML, drawn twice: for a wide page, and with its panels below each other for a narrow one.

    Lines and letters take the colour of the text around them, on paper and in the dark.  `words` say what is to be
    seen to whoever sees no picture; `name` keeps the parts of two figures apart.
    """
    wide = _svg(figure, name)
    stack(figure)
    both = ((wide, "wide"), (_svg(figure, f"{name}-phone"), "narrow"))
    drawn = "".join(svg.replace("<svg ", f'<svg class="{kind}" ', 1) for svg, kind in both)
    drawn = f'<div class="drawn mathjax_ignore">{STYLE}{drawn}</div>'  # names of classes may hold dollars
    return spoken(drawn, words) if words else drawn


# Beside the figure and not in the book's own style sheet, so that JupyterLab shows one of the two as well.
STYLE = (
    "<style>.drawn svg{width:100%;height:auto;max-width:100%}.drawn .narrow{display:none}"
    "@media(max-width:600px){.drawn .wide{display:none}.drawn .narrow{display:inline}}</style>"
)


def spoken(drawn: str, words: str) -> str:
    """`drawn`, as `html` made it without words, with `words` for whoever sees no picture.

    >>> spoken('<div class="drawn"><svg class="wide" >…</svg></div>', 'two curves')
    '<div class="drawn"><svg class="wide" role="img" aria-label="two curves" >…</svg></div>'
    """
    return re.sub(r'(<svg class="\w+")(?! role)', rf'\1 role="img" aria-label="{_attribute(words)}"', drawn)


def stack(figure: Figure) -> None:
    """Narrow `figure` to the width of a phone, its panels below each other, each as high as it was.

    Panels go from left to right and then down; columns whose rows differ in height belong together and stay so.
    """
    place = {axes: spec for axes in figure.axes if (spec := axes.get_subplotspec()) is not None}
    figure.set_size_inches(PHONE, figure.get_figheight())
    if place and (grid := next(iter(place.values())).get_gridspec()).ncols > 1:
        _one_column(figure, place, grid)
    for legend in figure.findobj(Legend):
        _narrow(legend)


def _narrow(legend: Any) -> None:
    """Give `legend` as many columns as the phone has room for."""
    while legend.get_tightbbox().width > PHONE * legend.get_figure().dpi and legend._ncols > 1:
        legend.set_ncols(legend._ncols - 1)  # which matplotlib notices when the box is made again
        legend._init_legend_box(legend.legend_handles, [words.get_text() for words in legend.get_texts()])
        legend._legend_box.set_offset(legend._findoffset)  # the new box, which else stays at no place at all


def _one_column(figure: Figure, place: Mapping[Axes, SubplotSpec], grid: GridSpecBase) -> None:
    ratios = np.ravel(grid.get_height_ratios()).tolist()
    by_column = len(set(ratios)) > 1
    row, column = ({axes: getattr(spec, span).start for axes, spec in place.items()} for span in ("rowspan", "colspan"))
    order = sorted(place, key=lambda axes: (column[axes], row[axes]) if by_column else (row[axes], column[axes]))
    tall = GridSpec(len(order), 1, figure, height_ratios=[ratios[row[axes]] for axes in order])
    for at, axes in enumerate(order):
        first = min((other for other in place if row[other] == row[axes]), key=lambda other: column[other])
        if axes.get_shared_y_axes().joined(axes, first):  # whose scale stood once for all
            axes.tick_params(labelleft=True)
            axes.set_ylabel(axes.get_ylabel() or first.get_ylabel())
        axes.set_subplotspec(tall[at])
    figure.set_figheight(figure.get_figheight() * len(order) / grid.nrows)


def _svg(figure: Figure, name: str) -> str:
    with mpl.rc_context({"svg.hashsalt": name}):
        figure.savefig(file := io.StringIO(), format="svg", metadata={"Date": None, "Creator": None})
    drawn = file.getvalue()
    drawn = drawn[drawn.index("<svg ") :].replace(INK, "currentColor")
    return NAMED.sub("", re.sub(r"(?s)<metadata>.*?</metadata>", "", drawn)).strip()


def _attribute(words: str) -> str:
    return words.replace("&", "&amp;").replace('"', "&quot;").replace("<", "&lt;").replace("\n", " ")
