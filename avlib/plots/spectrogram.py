"""One spectrogram, drawn the same way in every chapter."""

from typing import Any

from matplotlib.axes import Axes
from matplotlib.image import AxesImage
from torch import Tensor

from avlib.plots.style import SEQUENTIAL


def spectrogram(axis: Axes, values: Tensor, seconds: float, **colours: Any) -> AxesImage:
    """One clip (T, F) as an image: time to the right, mel bins upwards."""
    extent = (0.0, seconds, 0.0, float(values.shape[1]))
    return axis.imshow(
        values.T.cpu().numpy(), origin="lower", aspect="auto", extent=extent, **{"cmap": SEQUENTIAL, **colours}
    )
