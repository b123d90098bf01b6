import dataclasses
from functools import partial

import pytest
import torch

from avlib.data.split import AVData, Split
from avlib.features import Normalizer, paper64
from avlib.models import CSN
from avlib.specaugment import SpecAugment
from avlib.training import Recipe, loop, objective, train

torch.set_num_threads(1)  # tiny models gain nothing from more, and lose much where cores are shared


def split(clips, classes, seed, name):
    """Noise, and for each label a band of its own that is louder for some frames."""
    generator = torch.Generator().manual_seed(seed)
    labels = (torch.rand(clips, classes, generator=generator) < 0.4).float()
    audio = torch.randn(clips, 16, 32, generator=generator)
    for i, c in labels.nonzero().tolist():
        start = int(torch.randint(0, 8, (1,), generator=generator))
        audio[i, start : start + 8, 8 * c : 8 * c + 8] += 3
    return Split({"audio": audio}, labels, tuple(f"{name}-{i}" for i in range(clips)))


def tones():
    moments = Normalizer(torch.zeros(32), torch.ones(32))
    parts = [split(clips, 4, seed, name) for seed, (name, clips) in enumerate({"a": 44, "b": 40, "c": 24}.items())]
    return AVData("tones", *parts, ("w", "x", "y", "z"), paper64(), moments, {"audio": "0123", "labels": "4567"})


FACTORY = partial(CSN, classes=4, mels=32, width=32, transformer_dropout=0.1, dropout=0.1)


@pytest.fixture(scope="session")
def data():
    return tones()


@pytest.fixture(scope="session")
def factory():
    return FACTORY


@pytest.fixture
def recipe():
    return Recipe(epochs=3, batch_size=8, lr=3e-3, transforms=(SpecAugment(freq=4, time=4),))


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("AVLIB_CACHE", str(tmp_path))
    return tmp_path / "models"


@pytest.fixture
def relabelled(data):
    """The same data set object with other labels: what a notebook that shuffles labels makes."""
    return dataclasses.replace(data, train=dataclasses.replace(data.train, labels=data.train.labels.flip(0)))


@pytest.fixture
def epochs(monkeypatch):
    """Counts the epochs that are really trained."""
    seen = []
    monkeypatch.setattr(loop, "_epoch", lambda *a, real=loop._epoch: seen.append(1) or real(*a))
    return seen


@pytest.fixture
def suffixes():
    """What kinds of files lie in a folder, locks aside."""
    return lambda folder: sorted(path.suffix for path in folder.iterdir() if path.suffix != ".lock")


@pytest.fixture
def interrupted(monkeypatch):
    """`train`, stopped as by Ctrl-C in its 14th step."""

    def run(*arguments, **named):
        steps, real = iter(range(14)), objective.bce

        def last(logits, labels):
            if next(steps) == 13:
                raise KeyboardInterrupt
            return real(logits, labels)

        with monkeypatch.context() as patch:
            patch.setattr(objective, "bce", last)
            with pytest.raises(KeyboardInterrupt):
                train(*arguments, **named)

    return run
