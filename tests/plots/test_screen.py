"""A figure on a page: its ink, its words, and its one column on a phone."""

import re

import matplotlib.pyplot as plt
import numpy as np
import pytest

from avlib.plots import screen, style


def _panels(rows: int, columns: int, **options):
    figure, axes = plt.subplots(rows, columns, squeeze=False, **options)
    for number, axis in enumerate(axes.flat):
        axis.plot([0, 1], label=f"line {number}")
        axis.set_title(f"panel {number}")
    return figure, axes


def _downwards(figure, axes) -> list[str]:
    figure.draw_without_rendering()
    return [axis.get_title() for axis in sorted(axes.flat, key=lambda axis: -axis.get_position().y0)]


def test_lines_and_letters_have_the_ink_of_the_page_and_data_their_colour():
    drawn = screen.html(_panels(1, 1)[0], "one")
    assert style.INK not in drawn
    assert "currentColor" in drawn
    assert style.COLOURS[0] in drawn


def test_letters_are_letters():
    assert re.search(r"<text [^>]*>panel 0</text>", screen.html(_panels(1, 1)[0], "one"))


@pytest.mark.parametrize(("rows", "columns"), [(1, 1), (1, 3), (2, 2), (2, 1)])
def test_on_a_phone_panels_stand_below_each_other_in_the_order_of_reading(rows, columns):
    figure, axes = _panels(rows, columns)
    height = figure.get_figheight()
    screen.stack(figure)
    assert figure.get_figwidth() == screen.PHONE
    assert figure.get_figheight() == pytest.approx(height * columns)
    assert _downwards(figure, axes) == [f"panel {number}" for number in range(rows * columns)]
    left = [axis.get_position().x0 for axis in axes.flat]
    assert np.ptp(left) < 0.05


def test_columns_of_unequal_rows_stay_together():
    figure, axes = _panels(2, 3, height_ratios=(1, 3))
    screen.stack(figure)
    assert _downwards(figure, axes) == [f"panel {number}" for number in (0, 3, 1, 4, 2, 5)]
    strip, below = (axes[row, 0].get_position().height for row in (0, 1))
    assert below > 2 * strip


def test_a_scale_that_stood_once_stands_at_every_panel():
    figure, axes = _panels(1, 2, sharey=True)
    axes[0, 0].set_ylabel("loss")
    screen.stack(figure)
    figure.draw_without_rendering()
    assert axes[0, 1].get_ylabel() == "loss"
    assert any(label.get_visible() and label.get_text() for label in axes[0, 1].get_yticklabels())


def test_a_legend_is_no_wider_than_the_phone():
    figure, axes = _panels(1, 1)
    for number in range(5):
        axes[0, 0].plot([0, 1], label=f"a rather long name {number}")
    axes[0, 0].legend(ncols=6)
    screen.stack(figure)
    figure.draw_without_rendering()
    assert axes[0, 0].get_legend().get_window_extent().width <= screen.PHONE * figure.dpi


def test_a_picture_keeps_its_own_pixels():
    figure, axis = plt.subplots()
    axis.imshow(np.random.default_rng(0).random((64, 100)))
    drawn = screen.html(figure, "picture")
    assert "pixelated" in drawn
    assert len(drawn) < 100_000


def test_no_two_parts_of_a_page_have_one_name():
    drawn = "".join(screen.html(_panels(1, 2)[0], name) for name in ("one", "two"))
    names = re.findall(r'\bid="([^"]+)"', drawn)
    assert len(names) == len(set(names)) > 0
    assert set(re.findall(r'href="#([^"]+)"', drawn)) <= set(names)


def test_a_figure_is_the_same_text_at_every_run():
    assert screen.html(_panels(1, 2)[0], "one") == screen.html(_panels(1, 2)[0], "one")


def test_words_stand_for_the_picture_in_both_drawings():
    drawn = screen.html(_panels(1, 1)[0], "one", 'a "line" <b>')
    assert drawn.count('role="img" aria-label="a &quot;line&quot; &lt;b>"') == 2
    assert screen.spoken(drawn, "other words") == drawn  # those of the run are the ones that count
