"""A radius under several conventions: all are equally strong, and each keeps what it promises."""

import math

import pytest
import torch

from avlib.attacks import Threat
from avlib.attacks.conventions import MEANINGS, fit_as
from avlib.data.split import Split
from avlib.errors import AvlibError
from avlib.losses import bce

FRAMES, BINS, EPS = 6, 8, 0.7
SHAPES = {"audio": (FRAMES, BINS), "video": (3, 5)}


class Tagger(torch.nn.Module):
    """Hears one frame much better than the others, and sees a little."""

    def __init__(self):
        super().__init__()
        rolls = torch.Generator().manual_seed(0)
        self.weights = {name: torch.randn(*shape, 4, generator=rolls) / 10 for name, shape in SHAPES.items()}
        self.weights["audio"][2] *= 5

    def forward(self, batch):
        return sum(torch.einsum("ntf,tfc->nc", batch[name], self.weights[name]) for name in SHAPES)


@pytest.fixture
def split():
    rolls = torch.Generator().manual_seed(1)
    features = {name: torch.randn(12, *shape, generator=rolls) for name, shape in SHAPES.items()}
    return Split(features, torch.ones(12, 4), tuple(map(str, range(12))))


def fit(meaning, split, threats):
    return fit_as(meaning, Tagger(), split, threats, passes=4, batch_size=4, generator=torch.Generator().manual_seed(2))


@pytest.mark.parametrize("meaning", MEANINGS)
def test_every_convention_has_the_mean_square_of_a_ball_a_frame(meaning, split):
    threats = {"audio": Threat(2, EPS, over="frame"), "video": Threat(2, 2 * EPS, over="frame")}
    made = fit(meaning, split, threats)
    for name, radius in (("audio", EPS * math.sqrt(FRAMES)), ("video", 2 * EPS * math.sqrt(3))):
        size = made.delta[name].norm().item() / radius
        assert 0.95 < size < 1 + 1e-5  # a projected δ may end a little inside


def test_only_a_ball_a_frame_limits_a_frame(split):
    longest = {
        meaning: fit(meaning, split, {"audio": Threat(2, EPS, over="frame")}).delta["audio"].norm(dim=2).max().item()
        for meaning in MEANINGS
    }
    assert longest["each frame"] <= EPS * (1 + 1e-5)
    assert longest["whole clip"] > 1.2 * EPS  # most goes where the tagger listens


@pytest.mark.parametrize("meaning", MEANINGS)
def test_a_band_holds_all_of_its_delta(meaning, split):
    mask = torch.zeros(1, FRAMES, BINS)
    mask[..., 2:5] = 1
    delta = fit(meaning, split, {"audio": Threat(2, EPS, over="frame", mask=mask)}).delta["audio"]
    assert (delta * (1 - mask)).abs().max() == 0
    assert delta.norm().item() == pytest.approx(EPS * math.sqrt(FRAMES), rel=0.05)


@pytest.mark.parametrize("meaning", MEANINGS)
def test_it_does_harm(meaning, split):
    model, threats = Tagger(), {"audio": Threat(2, EPS, over="frame")}
    batch, labels = split.batch(range(12))
    before, after = (bce(model(one), labels).mean() for one in (batch, fit(meaning, split, threats).apply(batch)))
    assert after > before


@pytest.mark.parametrize("threat", [Threat(2, EPS), Threat(math.inf, EPS, over="frame")])
def test_what_cannot_be_made_equal_is_refused(threat, split):
    with pytest.raises(AvlibError, match="must be an ℓ2 ball over frames"):
        fit("each frame", split, {"audio": threat})
    with pytest.raises(AvlibError, match="meaning = 'every day': allowed are each frame, whole clip, released"):
        fit("every day", split, {"audio": Threat(2, EPS, over="frame")})
