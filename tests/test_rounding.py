"""Planted rounding noise: small, repeatable, everywhere where processors differ; and what must not answer to it."""

import multiprocessing
import os
import subprocess
import sys
from pathlib import Path

import nbformat
import papermill
import pytest
import torch
from nbformat.v4 import new_code_cell, new_notebook

from avlib.data import load
from avlib.data.split import Split
from avlib.models.linear import fit_linear
from book.reference import SETTINGS
from book.rounding import environment, jitter, plant

PROBE = """
import json, torch
from torch import nn
from avlib.data import load
from avlib.data.split import Split
from avlib.features import paper64

torch.set_num_threads(1)
torch.manual_seed(0)
layer = nn.Linear(50, 50)
x = torch.rand(8, 50).requires_grad_()
y = layer(x)
y.square().sum().backward()
split = load("synthav", seed=0, clips=(4, 1, 1), classes=3).train
batch, labels = split.batch([0, 1])
pixels = torch.arange(256, dtype=torch.uint8)[None]
wave = torch.rand(16000).requires_grad_()
paper64()(wave).sum().backward()
found = {"weight": layer.weight, "output": y, "gradient": x.grad, "feature": batch["audio"],
         "pixel": Split({"video": pixels}, labels, ("a",)).batch([0])[0]["video"],
         "level": paper64()(torch.rand(16000)), "label": labels,
         "norm": nn.LayerNorm(8)(torch.arange(8.0)), "gradient of sound": wave.grad}
found = {name: value.detach() for name, value in found.items()}
"""
AGAIN = """
import book.rounding
book.rounding.plant(1)
found["times planted"] = torch.tensor(len(torch.nn.modules.module._global_forward_hooks))
"""


def _in_a_kernel(folder: Path, seed: int) -> dict[str, torch.Tensor]:
    """What `PROBE` finds in a kernel that is told to plant the noise of `seed`, and then does so `AGAIN`."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {"AVLIB_CACHE": str(folder / "kernel"), **environment(seed)}.items():
            patch.setenv(name, value)
        cells = [new_code_cell(PROBE), new_code_cell(AGAIN + f"torch.save(found, {str(folder / 'kernel.pt')!r})")]
        nbformat.write(new_notebook(cells=cells), folder / "probe.ipynb")
        papermill.execute_notebook(folder / "probe.ipynb", None, kernel_name="python3", progress_bar=False)
    return torch.load(folder / "kernel.pt")


def _in_a_fork(folder: Path, seed: int | None = None) -> dict[str, torch.Tensor]:
    """What `PROBE` finds in a copy of this process, in which the noise of `seed` is planted."""

    def probe() -> None:
        torch.set_num_threads(1)
        os.environ["AVLIB_CACHE"] = str(folder / str(seed))
        if seed is not None:
            plant(seed)
        space: dict = {}
        exec(PROBE, space)
        torch.save(space["found"], folder / f"{seed}.pt")

    process = multiprocessing.get_context("fork").Process(target=probe)
    process.start()
    process.join()
    assert process.exitcode == 0
    return torch.load(folder / f"{seed}.pt")


@pytest.mark.skipif("AVLIB_ROUNDING" in os.environ, reason="this process is planted itself")
def test_a_kernel_that_is_told_to_plants_the_noise_once_and_can_repeat_it(tmp_path):
    noisy, plain, again, other = (
        _in_a_kernel(tmp_path, 1), _in_a_fork(tmp_path), _in_a_fork(tmp_path, 1), _in_a_fork(tmp_path, 2)
    )  # fmt: skip
    for name in ("weight", "output", "gradient", "feature", "level"):
        assert not torch.equal(plain[name], noisy[name]), name
        assert torch.equal(again[name], noisy[name]), name
        assert not torch.equal(other[name], noisy[name]), name
        assert torch.allclose(plain[name], noisy[name], rtol=1e-3, atol=1e-4), name
    for name in ("label", "norm", "pixel"):
        assert torch.equal(plain[name], noisy[name]), name
    assert noisy["gradient of sound"].isfinite().all()
    assert noisy["times planted"] == 1


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
    assert len(SETTINGS) >= 4
    assert len(planted) > len(SETTINGS) / 2
    assert len({extra["AVLIB_ROUNDING"] for extra in SETTINGS.values() if "AVLIB_ROUNDING" in extra}) == len(planted)


OLD = {
    "ATEN_CPU_CAPABILITY": "default",
    "ONEDNN_MAX_CPU_ISA": "SSE41",
    "MKL_ENABLE_INSTRUCTIONS": "SSE4_2",
    "NPY_DISABLE_CPU_FEATURES": "X86_V3 X86_V4 AVX512_ICL AVX512_SPR",
}
SOUNDS = """
import sys, torch
from avlib.data import load
split = load("synthav", seed=0, clips=(40, 1, 1), classes=8).train
torch.save(split.batch(range(40))[0]["audio"], sys.argv[1])
"""


def test_another_instruction_set_renders_the_same_features(tmp_path, monkeypatch):
    """A sample of a wavetable that is chosen by a phase in float32 is another one with AVX-512 and without."""
    own = {**os.environ, "AVLIB_CACHE": str(tmp_path / "there"), **OLD}
    subprocess.run([sys.executable, "-c", SOUNDS, tmp_path / "there.pt"], env=own, check=True)
    monkeypatch.setenv("AVLIB_CACHE", str(tmp_path / "here"))
    here = load("synthav", seed=0, clips=(40, 1, 1), classes=8).train.batch(range(40))[0]["audio"]
    there = torch.load(tmp_path / "there.pt")
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
