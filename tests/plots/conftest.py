"""Every figure is drawn as the book draws it, without a screen, and is closed behind its test."""

import matplotlib as mpl
import matplotlib.pyplot as plt
import pytest

from avlib.plots import style

mpl.use("agg")


@pytest.fixture(autouse=True)
def _book_style():
    with plt.rc_context():
        style.use()
        yield
    plt.close("all")
