"""What the figures of the chapter on architectures draw is what they return."""

import math

import numpy as np
import pandas as pd

from avlib.metrics import interval
from avlib.plots import architectures


def score(value):
    return interval(value, value + np.linspace(-0.02, 0.02, 9))


def test_what_is_lost_stands_beside_what_is_kept_and_beside_the_print():
    table = pd.DataFrame({
        "drop": {"ResNet": score(0.1), "averages": score(0.2)}, "kept": {"ResNet": score(0.7), "averages": score(0.6)},
        "printed drop": {"ResNet": 0.14, "averages": math.nan}, "printed kept": {"ResNet": 0.6, "averages": math.nan},
    })  # fmt: skip
    figure, drawn = architectures.two_drops(table)
    lost, kept = figure.axes
    for axis, column in ((lost, "drop"), (kept, "kept")):
        lines = [line.get_ydata() for line in axis.lines if len(line.get_ydata()) == 2]
        assert list(lines[0]) == [one.value for one in table[column]]
        assert drawn[column].tolist() == list(lines[0])
        printed = next(line for line in axis.lines if line.get_label() == "P1, table 4").get_ydata()
        assert printed[0] == table[f"printed {column}"].iloc[0]
        assert math.isnan(printed[1])
    assert drawn["model"].tolist() == ["ResNet", "averages"]


def test_radii_are_places_from_no_delta_on():
    heights = {"ResNet": (0.8, 0.7, 0.4), "CSN": (0.9, 0.5, 0.1)}
    found = {name: dict(zip((0.0, 0.5, 1.0), map(score, row), strict=True)) for name, row in heights.items()}
    figure, drawn = architectures.by_radius(found)
    assert [text.get_text() for text in figure.axes[0].get_xticklabels()] == ["no δ", "0.5", "1"]
    assert drawn["value"].tolist() == [one.value for scores in found.values() for one in scores.values()]


def test_rows_are_who_was_fitted_and_columns_who_is_scored():
    kept = pd.DataFrame({"ResNet": {"ResNet": 0.9, "CSN": 0.95}, "CSN": {"ResNet": 0.8, "CSN": 0.3}})
    figure, drawn = architectures.matrix(kept)
    axis = figure.axes[0]
    words = {text.get_position(): (text.get_text(), text.get_fontweight()) for text in axis.texts}
    assert words == {
        (0, 0): ("0.90", "bold"),
        (1, 0): ("0.80", "normal"),
        (0, 1): ("0.95", "normal"),
        (1, 1): ("0.30", "bold"),
    }
    assert (axis.get_xlabel(), axis.get_ylabel()) == ("scored on", "δ fitted to")
    assert drawn["fitted to"].tolist() == ["ResNet", "CSN"]
    assert drawn["CSN"].tolist() == [0.8, 0.3]
