"""How every figure looks: readable on white and on black, in grey, and by the colour-blind."""

import matplotlib as mpl
import seaborn as sns
from cycler import cycler

INK = "#767677"  # 4.5 : 1 on white; `screen` puts the colour of the page's own text in its place
COLOURS = [mpl.colors.to_hex(c) for c in sns.color_palette("colorblind")]
LINES = ["-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1))]
MARKERS = ["o", "s", "^", "D", "v"]
SEQUENTIAL = "magma"
DIVERGING = "vlag"


def use() -> None:
    """Set matplotlib's defaults: transparent ground, the ink of the page, Okabe–Ito-like colours."""
    mpl.rcParams.update(
        {
            "figure.facecolor": "none",
            "axes.facecolor": "none",
            "savefig.facecolor": "none",
            "figure.figsize": (7.2, 3.2),
            "figure.constrained_layout.use": True,
            "text.color": INK,
            "axes.labelcolor": INK,
            "axes.edgecolor": INK,
            "axes.titlesize": "medium",
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.prop_cycle": cycler(color=COLOURS[:5], linestyle=LINES) + cycler(marker=MARKERS),
            "lines.markersize": 4,
            "xtick.color": INK,
            "ytick.color": INK,
            "grid.color": INK,
            "grid.alpha": 0.3,
            "legend.frameon": False,
            "font.size": 10,
            "image.interpolation": "none",  # a picture keeps its own pixels, sharp at any size
            "svg.fonttype": "none",  # letters stay letters
        }
    )
