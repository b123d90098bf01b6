"""A perturbation of features, made audible."""

import torch

from avlib.features import Normalizer, paper64
from avlib.listening import perturbed_waveform, survival

FRONT = paper64()
NORMALIZER = Normalizer(torch.full((64,), -20.0), torch.full((64,), 8.0))
WAVE = torch.randn(16000, generator=torch.Generator().manual_seed(1)) * 0.1


def test_a_constant_delta_is_a_change_of_loudness_and_survives_whole():
    delta = torch.full((40, 64), 0.25)  # 2 dB of magnitude in the front end's 10·log10: a factor 10^0.2
    heard = perturbed_waveform(WAVE, delta, FRONT, NORMALIZER)
    ratio = heard.norm() / WAVE.norm()
    assert abs(ratio - 10**0.2) < 0.02
    found = survival(WAVE, heard, delta, FRONT, NORMALIZER)
    assert abs(found.share - 1) < 0.02
    assert found.correlation > 0.99


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
