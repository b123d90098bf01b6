"""A perturbation of features, made audible."""

import math

import pytest
import torch

from avlib.features import LogMel, Normalizer, paper64
from avlib.listening import perturbed_waveform, played, survival

FRONT = paper64()
NORMALIZER = Normalizer(torch.full((64,), -20.0), torch.full((64,), 8.0))
WAVE = torch.randn(16000, generator=torch.Generator().manual_seed(1)) * 0.1


def test_a_constant_delta_is_a_change_of_loudness_and_survives_whole():
    delta = torch.full((40, 64), 0.25)  # 2 dB of magnitude in the front end's 10·log10: a factor 10^0.2
    heard = perturbed_waveform(WAVE, delta, FRONT, NORMALIZER)
    for part in (slice(None), slice(0, 400), slice(-400, None)):
        assert abs(heard[part].norm() / WAVE[part].norm() - 10**0.2) < 0.02
    found = survival(WAVE, heard, delta, FRONT, NORMALIZER)
    assert abs(found.share - 1) < 0.02
    assert found.correlation > 0.99


def test_power_two_means_the_usual_decibel():
    front = LogMel(power=2.0)
    delta = torch.full((40, 64), 0.75)  # 6 dB of power: a factor 10^0.3 in amplitude
    heard = perturbed_waveform(WAVE, delta, front, NORMALIZER)
    assert abs(heard.norm() / WAVE.norm() - 10**0.3) < 0.02


def test_the_change_stays_where_delta_is():
    delta = torch.zeros(40, 64)
    delta[10:20, 30:40] = -2.5  # 20 dB down
    change = FRONT(perturbed_waveform(WAVE, delta, FRONT, NORMALIZER)) - FRONT(WAVE)
    assert change[12:18, 32:38].mean() < -17
    far = torch.ones(40, 64, dtype=torch.bool)
    far[8:22, 28:42] = False
    assert change[far].abs().max() < 0.5


def test_survival_of_all_and_of_the_opposite():
    delta = torch.full((40, 64), 0.25)
    found = survival(WAVE, 10**0.2 * WAVE, delta, FRONT, NORMALIZER)
    assert (found.share, found.correlation) == pytest.approx((1, 1), abs=1e-4)
    found = survival(WAVE, 10**-0.2 * WAVE, delta, FRONT, NORMALIZER)
    assert (found.share, found.correlation) == pytest.approx((-1, -1), abs=1e-4)
    assert found.snr == pytest.approx(-20 * math.log10(1 - 10**-0.2), abs=1e-3)


def test_survival_of_half_of_it():
    found = survival(WAVE, 10**0.1 * WAVE, torch.full((40, 64), 0.25), FRONT, NORMALIZER)
    assert (found.share, found.correlation) == pytest.approx((0.5, 1), abs=1e-4)


def test_a_smooth_delta_survives_better_than_a_rough_one():
    draw = torch.Generator().manual_seed(2)
    rough = 0.5 * torch.randn(40, 64, generator=draw)
    smooth = torch.nn.functional.interpolate(rough[None, None, ::8, ::16], size=(40, 64), mode="bilinear")[0, 0]
    shares = [
        survival(WAVE, perturbed_waveform(WAVE, d, FRONT, NORMALIZER), d, FRONT, NORMALIZER).share
        for d in (smooth, rough)
    ]
    assert shares[0] > 0.85
    assert shares[0] > shares[1] > 0.1


def test_the_sound_stays_at_its_length_and_of_its_type():
    heard = perturbed_waveform(WAVE[:12345], torch.zeros(30, 64), FRONT, NORMALIZER)
    assert heard.shape == (12345,)
    assert heard.dtype == torch.float32


def test_what_is_played_is_what_is_measured():
    delta = torch.full((40, 64), 0.25)
    found = played(WAVE, delta, FRONT, NORMALIZER)
    assert torch.equal(found.waveform, perturbed_waveform(WAVE, delta, FRONT, NORMALIZER))
    assert torch.allclose(found.features - NORMALIZER(FRONT(WAVE)), delta, atol=0.02)
    assert found.survival == survival(WAVE, found.waveform, delta, FRONT, NORMALIZER)
