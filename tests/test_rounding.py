"""Planted rounding noise: small, repeatable, everywhere where processors differ; and what must not answer to it."""

import os
import subprocess
import sys

import nbformat
import papermill
import pytest
import torch
from nbformat.v4 import new_code_cell, new_notebook

from avlib.data.split import Split
from avlib.models.linear import fit_linear
from book.reference import SETTINGS
from book.rounding import environment, jitter

PROBE = """
import json, torch
from torch import nn
from avlib.data import load
from avlib.features import paper64

torch.manual_seed(0)
layer = nn.Linear(50, 50)
x = torch.rand(8, 50).requires_grad_()
y = layer(x)
y.square().sum().backward()
split = load("synthav", seed=0, clips=(4, 1, 1), classes=3).train
batch, labels = split.batch([0, 1])
found = {"weight": layer.weight, "output": y, "gradient": x.grad, "feature": batch["audio"],
         "sound": split.media(0).waveform, "level": paper64()(torch.rand(16000)), "label": labels,
         "norm": nn.LayerNorm(8)(torch.arange(8.0))}
"""


def _probe(tmp_path, **extra: str) -> dict[str, torch.Tensor]:
    """What `PROBE` finds in a kernel."""
    folder = tmp_path / extra.get("AVLIB_ROUNDING", "plain")
    folder.mkdir(exist_ok=True)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {"AVLIB_CACHE": str(folder), **extra}.items():
            patch.setenv(name, value)
        save = f"torch.save({{k: v.detach() for k, v in found.items()}}, {str(folder / 'found.pt')!r})"
        cells = [new_code_cell(PROBE), new_code_cell(save)]
        nbformat.write(new_notebook(cells=cells), folder / "probe.ipynb")
        papermill.execute_notebook(folder / "probe.ipynb", None, kernel_name="python3", progress_bar=False)
    return torch.load(folder / "found.pt")


def test_a_kernel_that_is_told_to_plants_the_noise_and_can_repeat_it(tmp_path):
    plain, noisy, again, other = (
        _probe(tmp_path, **extra) for extra in ({}, environment(1), environment(1), environment(2))
    )
    for name in ("weight", "output", "gradient", "feature", "sound", "level"):
        assert not torch.equal(plain[name], noisy[name]), name
        assert torch.equal(again[name], noisy[name]), name
        assert not torch.equal(other[name], noisy[name]), name
        assert torch.allclose(plain[name], noisy[name], rtol=1e-3, atol=1e-4), name
    for name in ("label", "norm"):
        assert torch.equal(plain[name], noisy[name]), name


def test_a_process_that_a_planted_one_starts_is_planted_once():
    code = "import torch; print(len(torch.nn.modules.module._global_forward_hooks))"
    own = {**os.environ, **environment(1)}
    again = f"import book.rounding; book.rounding.plant(1); {code}"
    counted = [subprocess.check_output([sys.executable, "-c", text], env=own, text=True) for text in (code, again)]
    assert counted == ["1\n", "1\n"]


def test_the_gradient_of_sound_goes_through_the_noise():
    code = "import torch; from avlib.features import paper64; x = torch.rand(16000).requires_grad_()"
    code += "; paper64()(x).sum().backward(); print(bool(x.grad.isfinite().all()))"
    own = {**os.environ, **environment(1)}
    assert subprocess.check_output([sys.executable, "-c", code], env=own, text=True) == "True\n"


def test_noise_moves_half_of_the_numbers_by_one_last_place():
    values = torch.randn(100_000, generator=torch.Generator().manual_seed(0))
    moved = jitter(values, 1)
    steps = moved.view(torch.int32) - values.view(torch.int32)
    assert set(steps.unique().tolist()) == {-1, 0, 1}
    assert (steps != 0).float().mean() == pytest.approx(0.5, abs=0.01)
    assert steps.float().mean().abs() < 0.01
    assert (jitter(values, 2) != moved).float().mean() > 0.5


def test_noise_is_a_function_of_the_number():
    values = torch.randn(1000, generator=torch.Generator().manual_seed(0))
    order = torch.randperm(1000, generator=torch.Generator().manual_seed(1))
    assert torch.equal(jitter(values[order], 3), jitter(values, 3)[order])
    assert torch.equal(jitter(values.reshape(10, 100).T, 3), jitter(values, 3).reshape(10, 100).T)
    assert torch.equal(jitter(-values, 3), -jitter(values, 3))


@pytest.mark.parametrize("exact", [0.0, -0.0, 1.0, -1.0, 0.5, 255.0, torch.inf, -torch.inf, torch.nan])
def test_what_every_processor_computes_exactly_stays(exact):
    values = torch.tensor([exact])
    assert jitter(values, 1).view(torch.int32) == values.view(torch.int32)
    assert torch.equal(jitter(values.double(), 1), values.double()) or torch.isnan(values).all()
    assert torch.equal(jitter(torch.tensor([3]), 1), torch.tensor([3]))


def test_the_settings_are_many_and_most_of_them_planted():
    planted = [setting for setting, extra in SETTINGS.items() if extra.get("AVLIB_ROUNDING")]
    assert len(planted) >= 10
    assert len({extra["AVLIB_ROUNDING"] for extra in SETTINGS.values() if "AVLIB_ROUNDING" in extra}) == len(planted)


SOUNDS = """
import sys, torch
from avlib.data import load
split = load("synthav", seed=0, clips=(40, 1, 1), classes=8).train
torch.save(split.batch(range(40))[0]["audio"], sys.argv[1])
"""


def test_another_instruction_set_renders_the_same_features(tmp_path):
    """A sample of a wavetable that is chosen by a phase in float32 is another one with AVX-512 and without."""

    def features(name: str, **extra: str) -> torch.Tensor:
        own = {**os.environ, "AVLIB_CACHE": str(tmp_path / name), **extra}
        subprocess.run([sys.executable, "-c", SOUNDS, tmp_path / f"{name}.pt"], env=own, check=True)
        return torch.load(tmp_path / f"{name}.pt")

    here, there = features("here"), features("there", **SETTINGS["SSE"])
    assert (here - there).abs().max() < 0.02  # of a standard deviation, in the quietest bins


def test_the_linear_tagger_is_fitted_to_its_optimum():
    """A fit that stops where the loss stands still ends elsewhere on every processor."""
    draw = torch.Generator().manual_seed(0)
    audio, labels = torch.randn(60, 10, 8, generator=draw), (torch.rand(60, 5, generator=draw) < 0.3).float()
    split = Split({"audio": audio}, labels, tuple(map(str, range(60))))
    model = fit_linear(split)
    weights, bias = model.head.weight.detach().double(), model.head.bias.detach().double()
    x = audio.flatten(1).double()
    wrong = torch.sigmoid(x @ weights.T + bias) - labels
    gradient = wrong.T @ x / len(x) + weights
    assert gradient.abs().max() < 1e-6
    assert wrong.mean(dim=0).abs().max() < 1e-6
