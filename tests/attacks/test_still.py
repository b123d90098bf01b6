"""The branch that is not attacked is encoded once a clip, and nothing else changes."""

import math

import pytest
import torch

from avlib.attacks import Threat, fit_universal
from avlib.attacks.still import Still, encoded_once
from avlib.models import CSN
from avlib.models.fusion import TAPS
from tests.attacks.toys import Curve, Curved, gen, split

THREAT = {"audio": Threat(2, 0.5, over="frame")}


@pytest.fixture
def clips(monkeypatch):
    """How many clips each branch of a `Curved` has encoded, by the size of its features."""
    seen, real = {}, Curve.forward

    def noted(branch, x):
        seen[branch.sizes] = seen.get(branch.sizes, 0) + len(x)
        return real(branch, x)

    monkeypatch.setattr(Curve, "forward", noted)
    return seen


@pytest.mark.parametrize("passes", [1, 4])
def test_a_universal_fit_encodes_each_clip_of_the_other_sense_once(clips, passes):
    fitting = split(24, video=True)
    clips.clear()
    fit_universal(Curved(), fitting, THREAT, passes=passes, batch_size=8)
    assert clips[(4,)] == 24  # the picture
    assert clips[(5,)] > 24 * passes  # the sound, forward in every step and again to choose the pass


@pytest.mark.parametrize("rows", [range(24), [5, 2, 17, 9, 11, 3, 20, 1]])
def test_delta_is_that_of_the_whole_model(rows, monkeypatch):
    fitting = split(24, video=True).subset(rows)
    options = {"passes": 3, "batch_size": 5, "generator": gen(0)}
    once = fit_universal(Curved(), fitting, THREAT, **options)
    monkeypatch.setattr("avlib.attacks.universal.encoded_once", lambda model, split, *_: (model, split))
    every = fit_universal(Curved(), fitting, THREAT, **{**options, "generator": gen(0)})
    torch.testing.assert_close(once.delta["audio"], every.delta["audio"], atol=1e-5, rtol=1e-4)


def test_where_nothing_stands_still_the_model_is_left_alone():
    model, both = Curved(), split(8, video=True)
    assert encoded_once(model, both, ["audio", "video"], 4) == (model, both)
    alone = split(8)
    assert encoded_once(model, alone, ["audio"], 4) == (model, alone)
    flat = torch.nn.Flatten()
    assert encoded_once(flat, both, ["audio"], 4) == (flat, both)


@pytest.mark.parametrize("tap", TAPS)
@pytest.mark.parametrize("still", [["audio"], ["video"], ["audio", "video"]])
def test_every_tap_classifies_what_was_encoded_before(tap, still):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = TAPS[tap](5, 24, width=64).eval()
    x = {"audio": torch.randn(3, 40, 64, generator=gen(1)), "video": torch.randn(3, 5, 24, generator=gen(2))}
    part = {**x, **model.encode({name: x[name] for name in still})}
    torch.testing.assert_close(Still(model, still)(part), model(x))


def test_the_radius_is_kept():
    found = fit_universal(Curved(), split(24, video=True), THREAT, passes=2, batch_size=8)
    assert found.ratio["audio"] == pytest.approx(1, abs=1e-4)
    assert math.isfinite(found.history["loss"].iloc[-1])


def test_an_ear_alone_is_fitted_as_ever():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        ear = CSN(4, mels=32, width=32).eval()
    model, _ = encoded_once(ear, split(4), ["audio"], 2)
    assert model is ear
