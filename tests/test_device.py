"""One place decides the device, and one mover brings a batch there."""

import pytest
import torch
from torch import nn

from avlib.attacks.clips import Clips
from avlib.data.split import Split
from avlib.device import bring, device, home, title
from avlib.training import predict
from avlib.training.loop import default_fabric, seeded


@pytest.mark.parametrize(("cuda", "mps", "chosen"), [(1, 1, "cuda"), (1, 0, "cuda"), (0, 1, "mps"), (0, 0, "cpu")])
def test_the_best_device_that_is_there(monkeypatch, cuda, mps, chosen):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: bool(cuda))
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: bool(mps))
    assert device() == torch.device(chosen)


def test_training_runs_on_that_device():
    assert default_fabric().device.type == device().type


def test_title_of_the_cpu_and_of_apples_gpu():
    assert title(torch.device("cpu")).startswith("CPU (")
    assert title(torch.device("mps")) == "Apple GPU"


class Buffered(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("mean", torch.zeros(2, device="meta"))


def test_home_is_where_parameters_or_else_buffers_lie():
    assert home(nn.Linear(2, 2, device="meta")).type == "meta"
    assert home(Buffered()).type == "meta"
    assert home(nn.Flatten()).type == "cpu"


def test_a_batch_and_its_labels_are_brought_and_not_copied_where_they_are():
    batch, labels = {"audio": torch.zeros(2, 3), "video": torch.zeros(2, 4)}, torch.zeros(2, 1)
    away, targets = bring("meta", batch, labels)
    assert {x.device.type for x in (*away.values(), targets)} == {"meta"}
    here, same = bring("cpu", batch, labels)
    assert here["audio"] is batch["audio"]
    assert same is labels


def test_clips_are_read_onto_the_model():
    split = Split({"audio": torch.zeros(4, 2, 3)}, torch.zeros(4, 1), tuple("abcd"))
    batch, labels = Clips(nn.Linear(2, 2, device="meta"), split, 2).read(torch.tensor([1, 2]))
    assert (batch["audio"].device.type, labels.device.type) == ("meta", "meta")


class Level(nn.Module):
    """A tagger without a parameter: the mean of the features."""

    def forward(self, batch):
        return batch["audio"].mean(dim=(1, 2))[:, None]


def test_a_model_without_parameters_predicts():
    audio = torch.arange(24.0).reshape(4, 2, 3)
    split = Split({"audio": audio}, torch.zeros(4, 1), tuple("abcd"))
    torch.testing.assert_close(predict(Level(), split, batch_size=3), audio.mean(dim=(1, 2))[:, None])


def test_randomness_of_the_cpu_is_lent_and_given_back():
    before = torch.random.get_rng_state()
    with seeded(0, 1, torch.device("cpu")) as generator:
        torch.rand(3)
        assert generator.device.type == "cpu"
    assert torch.equal(torch.random.get_rng_state(), before)
