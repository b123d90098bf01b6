"""What the strips show is what was given, frame by frame."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch

from avlib.plots import pictures


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


def test_a_thumbnail_shows_the_frame_of_each_quarter_that_stands_out_above_the_sound():
    frames = torch.zeros(8, 3, 32, 32)
    for at, grey in ((0, 0.9), (3, 0.5), (4, 0.7), (7, 0.3)):
        frames[at] = grey
    levels = torch.zeros(100, 64)
    levels[50:, 63] = 1.0  # the highest bin sounds in the second half
    image = pictures.thumbnail(frames, levels)
    assert image[0, 16::32].round(6).tolist() == [[grey] * 3 for grey in (0.9, 0.5, 0.7, 0.3)]
    assert (image[32, 127] > image[32, 0]).all()
    assert np.allclose(image[32, 0], image[95, 127])  # nothing there


@pytest.mark.parametrize("count", [1, 2, 3, 5])
def test_a_thumbnail_of_few_frames_has_four_all_the_same(count):
    frames = torch.full((count, 3, 8, 8), 0.5)
    image = pictures.thumbnail(frames, torch.zeros(10, 64))
    assert image.shape == (96, 128, 3)
    assert np.allclose(image[:32], 0.5)


def test_a_thumbnail_without_frames_is_the_sound():
    assert pictures.thumbnail(torch.zeros(0, 3, 8, 8), torch.rand(10, 64)).shape == (64, 128, 3)
