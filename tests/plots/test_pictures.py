"""What the strips show is what was given, frame by frame."""

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import torch

from avlib.plots import pictures

mpl.use("agg")


def test_strips_show_frames_delta_about_grey_and_their_sum():
    generator = torch.Generator().manual_seed(0)
    clean = 0.1 + 0.8 * torch.rand(3, 2, 3, 8, 8, generator=generator)
    delta = (torch.rand(3, 2, 3, 8, 8, generator=generator) - 0.5) / 50
    figure, drawn = pictures.filmstrips(clean, delta, gain=20, shown=6)
    strips = [axis.images[0].get_array() for axis in figure.axes]
    plt.close(figure)
    for strip, values in zip(strips, (clean, 0.5 + 20 * delta, clean + delta), strict=True):
        assert strip.shape == (8, 6 * 8, 3)
        frames = values.flatten(0, 1).permute(0, 2, 3, 1)
        assert np.allclose(strip, np.concatenate(list(frames.numpy()), axis=1), atol=1e-6)
    torch.testing.assert_close(drawn["sum"], (clean + delta).flatten(0, 1))
    assert [axis.get_title(loc="left") for axis in figure.axes] == ["clean", "δ × 20", "clean + δ"]
