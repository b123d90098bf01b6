import math

import pytest
import torch

from avlib.attacks import Card, Threat, feature_snr, level_change_db
from avlib.features import LogMel, Normalizer, paper64


def test_snr_is_a_ratio_of_norms():
    x = torch.randn(3, 4, 5, generator=torch.Generator().manual_seed(0))
    delta = x * torch.tensor([1.0, 0.1, 0.01])[:, None, None]
    torch.testing.assert_close(feature_snr(x, delta), torch.tensor([0.0, 20.0, 40.0]), atol=1e-4, rtol=0)
    assert feature_snr(x, delta[:1]).shape == (3,)
    assert float(feature_snr(x, torch.zeros(1, 4, 5))[0]) == math.inf


def test_level_change_of_the_papers_radius():
    """ε = .1 over a frame of 64 bins with the papers' mean σ of 11.76 dB: .29 dB of level in each bin."""
    spread = torch.full((1, 10, 64), 0.1 / 8)
    normalizer = Normalizer(torch.zeros(64), torch.full((64,), 11.7584))
    assert float(level_change_db(spread, paper64(), normalizer)) == pytest.approx(0.294, abs=1e-3)


@pytest.mark.parametrize("power", [1.0, 2.0])
def test_level_change_is_that_of_the_sound_whatever_the_power(power):
    """A sound three times as large changes by 20 · log10(3) dB in every bin, and its features by what they call it."""
    front_end, wave = LogMel(power=power, top_db=200), torch.randn(8000, generator=torch.Generator().manual_seed(0))
    features = torch.stack([front_end(wave), front_end(3 * wave)])
    normalizer = Normalizer(torch.zeros(64), torch.linspace(1, 5, 64))
    moved = (normalizer(features[1]) - normalizer(features[0]))[None]
    assert float(level_change_db(moved, front_end, normalizer)) == pytest.approx(20 * math.log10(3), rel=1e-4)


def test_card_names_everything():
    threats = {
        "audio": Threat(2, torch.tensor([0.1, 0.3]), over="frame", mask=torch.tensor([1.0, 0.0])),
        "video": Threat(math.inf, 8 / 255, bounds=(0.0, 1.0)),
    }
    table = Card(threats, "sample-wise", "20 steps", 3, "–", "eval", gradients=60, seconds=1.23, budget="split").table()
    assert list(table) == ["audio", "video"]
    assert table.loc["ε", "audio"] == "0.1 to 0.3"
    assert table.loc["ε", "video"] == "0.03137"
    assert table.loc["limits", "audio"] == "50% of the bins"
    assert table.loc["limits", "video"] == "x + δ in bounds"
    assert table.loc["cost", "video"] == "60 gradients a clip, 1.2 s"
    assert not table.isna().any().any()
