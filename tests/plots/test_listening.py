"""What is drawn is what was computed."""

import numpy as np
import pandas as pd
import pytest
import torch
from matplotlib.text import Text
from sklearn.metrics import average_precision_score, roc_auc_score

from avlib.data.split import Media
from avlib.features import paper64
from avlib.plots import listening

DRAW = torch.Generator().manual_seed(0)
MEDIA = Media(torch.randn(16000, generator=DRAW), 16000, torch.rand(10, 3, 16, 16, generator=DRAW), 10.0)


def test_counts_are_sorted_by_training_frequency():
    _, drawn = listening.class_counts(torch.tensor([5, 50]), torch.tensor([30, 31]), ["rare", "common"])
    assert drawn["class"].tolist() == ["common", "rare"]
    assert drawn["eval"].tolist() == [31, 30]


def test_a_class_without_a_clip_has_its_place_and_a_line_ties_the_two_counts():
    figure, _ = listening.class_counts(torch.tensor([500, 0]), torch.tensor([0, 30]), ["common", "rare"])
    [axis] = figure.axes
    left, right = axis.get_xlim()
    assert left < 0 < 500 < right
    assert [tick for tick in axis.get_xticks() if tick] == [1, 2, 5, 10, 20, 50, 100, 200, 500]
    ties = [[x for x, _ in path.vertices] for path in axis.collections[0].get_paths()]
    assert ties == [[0, 500], [0, 30]]


def test_the_strip_shows_the_frames_in_order():
    values = paper64()(MEDIA.waveform)
    figure, drawn = listening.at_a_glance({"clip 0": (MEDIA, values)}, shown=5)
    strip = figure.axes[0].images[0].get_array()
    assert strip.shape == (16, 5 * 16, 3)
    assert np.allclose(strip[:, :16], MEDIA.frames[0].permute(1, 2, 0))
    assert np.allclose(strip[:, -16:], MEDIA.frames[9].permute(1, 2, 0))
    assert torch.equal(drawn["clip 0"], values)


def test_sound_alone_has_no_strip():
    silent, values = Media(MEDIA.waveform, MEDIA.rate, torch.zeros(0, 3, 16, 16), 10.0), paper64()(MEDIA.waveform)
    figure, _ = listening.at_a_glance({"clip 0": (silent, values), "clip 1": (silent, values)})
    assert [len(axis.images) for axis in figure.axes] == [1, 1]
    mixed, _ = listening.at_a_glance({"clip 0": (silent, values), "clip 1": (MEDIA, values)})
    assert [len(axis.images) for axis in mixed.axes] == [0, 1, 1, 1]


def test_time_is_named_once():
    values = paper64()(MEDIA.waveform)
    figure, _ = listening.at_a_glance({f"clip {i}": (MEDIA, values) for i in range(3)})
    assert [text.get_text() for text in figure.findobj(Text)].count("seconds") == 1


def test_the_front_end_panels_show_its_own_levels():
    layer = paper64()
    z = torch.randn(40, 64)
    figure, drawn = listening.front_end(MEDIA, layer, z)
    assert torch.equal(drawn["level"], layer(MEDIA.waveform))
    shown = [axis.images[0].get_array() for axis in figure.axes if axis.images]
    assert any(image.shape == (64, 40) and np.allclose(image, z.T) for image in shown)


def test_a_tone_is_drawn_at_its_frequency_and_as_wide_as_it_swings():
    tone = 0.5 * torch.sin(2 * torch.pi * 2000 * torch.arange(16000) / 16000)
    figure, _ = listening.front_end(Media(tone, 16000, torch.zeros(0), 10.0), paper64(), torch.zeros(40, 64))
    wave, spectrum = figure.axes[0], figure.axes[1]
    image, ticks = (
        spectrum.images[0].get_array(),
        dict(zip(spectrum.get_yticks(), spectrum.get_yticklabels(), strict=True)),
    )
    [two] = [place for place, label in ticks.items() if label.get_text() == "2"]
    assert image[:, 20].argmax() == pytest.approx(two, abs=1)
    low, high = wave.collections[0].get_datalim(wave.transData).intervaly
    assert (low, high) == pytest.approx((-0.5, 0.5), abs=1e-3)


def test_the_areas_are_ap_and_auc():
    truth = torch.arange(80) % 4 == 0
    scores = torch.randn(80, generator=DRAW) + truth
    _, drawn = listening.metrics_explained(scores, truth)
    ap = -np.sum(np.diff(drawn["recall"]) * drawn["precision"][:-1])
    assert np.isclose(ap, average_precision_score(truth, scores))
    assert np.isclose(np.trapezoid(drawn["hits"], drawn["false_alarms"]), roc_auc_score(truth, scores))


def test_the_spread_of_ap_is_summarised_as_drawn():
    _, drawn = listening.ap_spread({5: np.linspace(0, 1, 101)}, true=0.4)
    assert np.allclose(drawn.loc[0, ["mean", "low", "high"]].to_numpy(float), [0.5, 0.025, 0.975])


def test_dials_are_drawn_as_changes():
    measured = pd.DataFrame({"a": [1.0, 3.0], "b": [2.0, 1.0]}, index=["as it is", "a"])
    figure, changes = listening.dial_matrix(measured)
    assert changes.to_numpy().tolist() == [[2.0, -1.0]]
    assert {text.get_text() for text in figure.axes[0].texts} == {"+2.00", "-1.00"}
    assert figure.axes[0].get_yticklabels()[0].get_text() == "1  a"


def test_probes_and_learning_curve_stand_beside_chance():
    table = pd.DataFrame({"mAP": [0.2, 0.6], "chance": 0.2}, index=["loudness", "CSN"])
    figure, _ = listening.against_chance(table)
    assert figure.axes[0].lines[-1].get_xdata()[0] == 0.2


def test_a_line_joins_what_was_trained_for_equally_many_steps():
    curve = pd.DataFrame({"clips": [10, 20, 20], "steps": [5, 5, 9], "value": [0.3, 0.5, 0.6], "low": 0.2, "high": 0.6,
                          "chance": 0.1})  # fmt: skip
    figure, drawn = listening.learning_curve(curve)
    even, alone = (container.lines[0] for container in figure.axes[0].containers)
    assert (even.get_xdata().tolist(), even.get_ydata().tolist()) == ([10, 20], [0.3, 0.5])
    assert (even.get_linestyle(), alone.get_linestyle()) == ("-", "None")
    assert alone.get_xdata()[0] > 20  # beside the other, not on it
    assert alone.get_ydata().tolist() == [0.6]
    assert drawn is curve
