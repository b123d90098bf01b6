"""How every figure looks: readable on white and on black, in grey, and by the colour-blind."""

import matplotlib as mpl
import seaborn as sns
from cycler import cycler

GREY = "#808080"  # contrast 3.9 on white and 4.6 on the dark theme's background
COLOURS = [mpl.colors.to_hex(c) for c in sns.color_palette("colorblind")]
LINES = ["-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1))]
MARKERS = ["o", "s", "^", "D", "v"]
SEQUENTIAL = "magma"
DIVERGING = "vlag"


def use() -> None:
    """Set matplotlib's defaults: transparent ground, mid-grey ink, Okabe–Ito-like colours."""
    mpl.rcParams.update(
        {
            "figure.facecolor": "none",
            "axes.facecolor": "none",
            "savefig.facecolor": "none",
            "figure.figsize": (7.2, 3.2),
            "figure.dpi": 144,
            "figure.constrained_layout.use": True,
            "savefig.dpi": 150,
            "text.color": GREY,
            "axes.labelcolor": GREY,
            "axes.edgecolor": GREY,
            "axes.titlesize": "medium",
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.prop_cycle": cycler(color=COLOURS[:5], linestyle=LINES) + cycler(marker=MARKERS),
            "lines.markersize": 4,
            "xtick.color": GREY,
            "ytick.color": GREY,
            "grid.color": GREY,
            "grid.alpha": 0.3,
            "legend.frameon": False,
            "font.size": 10,
        }
    )
