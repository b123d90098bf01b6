"""Each second of a page is counted once, under what its reader waited for."""

import pytest
import torch
from torch import nn

from avlib import clock
from avlib.attacks import Threat, fit_universal, pgd
from avlib.clock import KINDS, spent
from avlib.data.split import Split
from avlib.metrics import bootstrap
from avlib.training import predict


@pytest.fixture(autouse=True)
def now(monkeypatch):
    """A clock that stands still but for ``now[0] += seconds``."""
    time = [0.0]
    monkeypatch.setattr(clock.time, "perf_counter", lambda: time[0])
    clock.restart()
    return time


def _told() -> dict[str, float]:
    return {kind: took for kind, took in clock.seconds().items() if took}


def test_what_runs_inside_belongs_to_what_it_runs_in(now):
    with spent("training"):
        now[0] += 1
        with spent("attacks"):
            now[0] += 2
        now[0] += 4
    now[0] += 8
    with spent("attacks"):
        now[0] += 16
    assert _told() == {"training": 7, "attacks": 16}


def test_each_call_of_a_function_is_counted(now):
    @spent("drawing")
    def draw(seconds: float) -> float:
        now[0] += seconds
        return -seconds

    assert (draw(1), draw(2)) == (-1, -2)
    assert _told() == {"drawing": 3}


def test_work_that_fails_was_waited_for_and_the_clock_goes_on(now):
    @spent("rendering")
    def fail() -> None:
        now[0] += 1
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        fail()
    with spent("training"):
        now[0] += 2
    assert _told() == {"rendering": 1, "training": 2}


def test_a_new_run_begins_with_nothing(now):
    with spent("scoring"):
        now[0] += 1
    clock.restart()
    assert clock.seconds() == dict.fromkeys(KINDS, 0.0)


class _Slow(nn.Module):
    """A linear tagger that takes a second a call."""

    def __init__(self, now: list[float]) -> None:
        super().__init__()
        self.linear, self.now = nn.Linear(3, 1), now

    def forward(self, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        self.now[0] += 1
        return self.linear(batch["audio"])


def test_the_faces_of_the_library_say_what_they_do(now):
    model, threats = _Slow(now), {"audio": Threat(2, 0.1)}
    split = Split({"audio": torch.zeros(4, 3)}, torch.ones(4, 1), tuple("abcd"))
    logits = predict(model, split)
    assert _told() == {"scoring": 1}
    pgd(model, *split.batch(range(4)), threats, steps=3)
    assert _told() == {"scoring": 1, "attacks": 4}  # three steps, and the point where they end
    fitted = fit_universal(model, split, threats, passes=1, batch_size=4)
    assert _told() == {"scoring": 1, "attacks": 7}
    predict(model, split, fitted)
    predict(model, split, lambda batch, labels: pgd(model, batch, labels, threats, steps=1).batch)
    assert _told() == {"scoring": 1, "attacks": 11}

    def slow(scores, labels, weights):
        now[0] += 1
        return weights.mean(axis=0, keepdims=True)

    bootstrap(logits, torch.tensor([[1.0], [0.0], [1.0], [0.0]]), slow, replicates=2)
    assert _told() == {"scoring": 1, "attacks": 11, "statistics": 2}
