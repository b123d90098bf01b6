"""The front end against librosa's definition, the normaliser and the masks against theirs."""

import itertools
import subprocess
import sys

import librosa
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from avlib.errors import AvlibError
from avlib.features import LogMel, Normalizer, paper64


def librosa_levels(x: np.ndarray, rate: int = 16000, f_max: float = 8000, scale: float = 1.0) -> np.ndarray:
    mel = librosa.feature.melspectrogram(
        y=x, sr=rate, n_fft=round(4096 * scale), win_length=round(1024 * scale), hop_length=round(400 * scale),
        n_mels=64, power=1.0, pad_mode="constant", fmax=f_max, dtype=np.float64,
    )  # fmt: skip
    return librosa.power_to_db(mel)[:, : len(x) // round(400 * scale)].T


def sounds(length: int = 160_000, rate: int = 16000) -> dict[str, np.ndarray]:
    rng, time = np.random.default_rng(0), np.arange(length) / rate
    return {
        "noise": 0.1 * rng.standard_normal(length),
        "fading noise": 0.5 * rng.standard_normal(length) * 10 ** (-3 * time / time[-1]),
        "tone in noise": np.sin(2 * np.pi * 1000 * time) + 1e-3 * rng.standard_normal(length),
        "sweep": np.sin(2 * np.pi * (50 + 3000 * time / time[-1]) * time),
        "click at the end": np.eye(1, length, length - 1)[0] + 1e-6 * rng.standard_normal(length),
        "sound after silence": np.where(time > time[-1] / 2, rng.standard_normal(length), 0),
    }


@pytest.mark.parametrize("name", sounds())
def test_equals_librosa_in_both_precisions(name):
    x = sounds()[name]
    expected = librosa_levels(x)
    exact = paper64()(torch.from_numpy(x))
    assert exact.dtype == torch.float64
    assert exact.shape == (400, 64)
    assert np.abs(exact.numpy() - expected).max() < 1e-4
    rough = paper64()(torch.from_numpy(x).float())
    assert rough.dtype == torch.float32
    # float32 transforms have a noise floor of their own, about 70 dB of magnitude below the loudest bin.
    audible = expected > expected.max() - 60
    assert np.abs(rough.double().numpy() - expected)[audible].max() < 0.1


@pytest.mark.parametrize(("rate", "f_max"), [(16000, 4000), (8000, None), (32000, 8000)])
def test_equals_librosa_at_other_rates_and_bands(rate, f_max):
    x = sounds(2 * rate, rate)["tone in noise"]
    front_end = paper64(rate, f_max=f_max)
    assert front_end.frame_rate == 40
    expected = librosa_levels(x, rate, f_max or rate / 2, scale=rate / 16000)
    assert np.abs(front_end(torch.from_numpy(x)).numpy() - expected).max() < 1e-4


@settings(deadline=None, max_examples=20)
@given(samples=st.integers(400, 20_000))
def test_frames_scale_with_the_length(samples):
    assert paper64()(torch.zeros(samples)).shape == (samples // 400, 64)


def test_each_clip_has_its_own_floor():
    # Over a batch, a quiet clip beside a loud one must come out as it does alone.
    rng = torch.Generator().manual_seed(0)
    quiet, loud = 1e-4 * torch.randn(8000, generator=rng), 10 * torch.randn(8000, generator=rng)
    quiet[:4000] = 0
    together = paper64()(torch.stack([quiet, loud])[None])
    assert together.shape == (1, 2, 20, 64)
    torch.testing.assert_close(together[0, 0], paper64()(quiet))
    assert (together.amax(dim=(2, 3)) - together.amin(dim=(2, 3))).max() <= 80 + 1e-4


def test_scaling_the_sound_shifts_the_level():
    x = torch.randn(8000, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    torch.testing.assert_close(paper64()(100 * x) - paper64()(x), torch.full((20, 64), 20.0, dtype=torch.float64))


def test_silence_is_the_floor_and_has_a_gradient_that_is_finite():
    silence = torch.zeros(4000, requires_grad=True)
    levels = paper64()(silence)
    assert (levels == -100).all()
    levels.sum().backward()
    assert silence.grad.isfinite().all()


def test_bin_centres_are_where_tones_land():
    front_end = paper64()
    assert front_end.centres.shape == (64,)
    for b in (5, 20, 40, 60):
        tone = torch.sin(2 * torch.pi * front_end.centres[b] * torch.arange(16000) / 16000)
        assert front_end(tone)[10:30].mean(dim=0).argmax() == b


@pytest.mark.parametrize("band", [{"f_max": 9000}, {"f_min": -1}, {"f_min": 5000, "f_max": 4000}])
def test_impossible_band_is_refused(band):
    with pytest.raises(AvlibError, match="0 ≤ f_min < f_max ≤ rate / 2 = 8000 Hz"):
        LogMel(16000, **band)


def test_settings_are_in_the_name():
    # The store takes its key from here.
    assert repr(paper64()) == repr(paper64())
    assert repr(paper64(f_max=4000)) != repr(paper64())
    assert "hop=400" in repr(paper64())


def test_making_a_front_end_leaves_the_default_dtype():
    paper64()
    assert torch.get_default_dtype() == torch.float32


# --- normaliser -------------------------------------------------------------------------------------------------------


@settings(deadline=None, max_examples=30)
@given(cuts=st.lists(st.integers(0, 20), max_size=4), offset=st.sampled_from([0.0, 1e4]), seed=st.integers(0, 99))
def test_fit_in_chunks_is_the_fit_of_the_whole(cuts, offset, seed):
    levels = 5 * torch.randn(20, 7, 4, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) + offset
    edges = [0, *sorted(cuts), 20]
    fitted = Normalizer.fit(levels[a:b] for a, b in itertools.pairwise(edges))
    torch.testing.assert_close(fitted.mean.double(), levels.mean(dim=(0, 1)), rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(fitted.std.double(), levels.std(dim=(0, 1), correction=0), rtol=1e-5, atol=1e-6)


def test_floor_of_one_decibel():
    levels = torch.stack([torch.full((3, 5), -20.0), torch.full((3, 5), -20.5)], dim=-1)
    levels[0, 0, 1] = 40
    fitted = Normalizer.fit([levels])
    assert fitted.std[0] == 1
    assert fitted.std[1] > 1
    assert fitted(levels)[..., 0].abs().max() == 0


def test_inverse_undoes_in_any_dtype():
    fitted = Normalizer(torch.tensor([-10.0, 3.0]), torch.tensor([2.0, 12.0]))
    for dtype in (torch.float32, torch.float64):
        levels = torch.randn(2, 3, 2, dtype=dtype) * 30
        torch.testing.assert_close(fitted.inverse(fitted(levels)), levels)
        assert fitted(levels).dtype == dtype


@pytest.mark.parametrize("chunks", [[], [torch.zeros(0, 5, 3)]])
def test_fit_on_nothing_is_refused(chunks):
    with pytest.raises(AvlibError, match="training split is empty"):
        Normalizer.fit(chunks)


# --- import -----------------------------------------------------------------------------------------------------------

BROKEN = """
import importlib, sys
from importlib.abc import MetaPathFinder
class Broken(MetaPathFinder):  # what a wheel that is linked against another torch does
    def find_spec(self, name, path, target=None):
        if name == "torchaudio._extension":
            raise OSError("Could not load this library")
sys.meta_path.insert(0, Broken())
from avlib._torchaudio import torchaudio
import torch
print(len(torchaudio.functional.resample(torch.zeros(800), 8000, 16000)), torchaudio.transforms.MelSpectrogram.__name__)
"""


def test_torchaudio_imports_without_its_compiled_part():
    run = subprocess.run(
        [sys.executable, "-W", "error::UserWarning:avlib", "-c", BROKEN], capture_output=True, text=True
    )
    assert run.stdout.split() == ["1600", "MelSpectrogram"], run.stderr
