import dataclasses

import pytest
import torch
from lightning_fabric import Fabric

from avlib.data.split import Split
from avlib.errors import AvlibError
from avlib.metrics import tagging
from avlib.models import CRNN, Head
from avlib.specaugment import SpecAugment
from avlib.training import Recipe, loop, objective, predict, train


def state(model):
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}


def same(a, b):
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def wider(factory):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return factory(width=64)


def test_learns_an_easy_problem(data, factory):
    model = wider(factory)
    history = train(model, data, Recipe(epochs=20, batch_size=8, lr=3e-3), seed=0)
    assert history.train_loss.iloc[-1] < 0.5 * history.train_loss.iloc[0]
    result = tagging(predict(model, data.eval), data.eval.labels)
    assert result.mAP > 0.9  # chance is .4
    assert history.columns.tolist() == ["epoch", "train_loss", "valid_loss", "valid_mAP", "seconds"]
    assert history.epoch.tolist() == list(range(1, 21))
    assert history.valid_mAP.iloc[-1] == tagging(predict(model, data.valid), data.valid.labels).mAP


def test_it_is_the_training_clips_that_teach(data, factory):
    """Validation clips whose labels say the opposite are only looked at."""
    lying = dataclasses.replace(data.valid, labels=1 - data.valid.labels)
    model = wider(factory)
    history = train(model, dataclasses.replace(data, valid=lying), Recipe(epochs=20, batch_size=8, lr=3e-3), seed=0)
    assert tagging(predict(model, data.eval), data.eval.labels).mAP > 0.9
    assert history.valid_mAP.iloc[-1] < lying.labels.mean()  # chance
    assert history.valid_loss.iloc[-1] > 2 * history.train_loss.iloc[-1]


class Flags(torch.nn.Module):
    """Mean spectrum → dropout → batch norm → logits; notes what its flags did."""

    def __init__(self):
        super().__init__()
        self.dropout, self.norm, self.head = torch.nn.Dropout(0.5), torch.nn.BatchNorm1d(32), torch.nn.Linear(32, 4)
        self.dropped = {True: [], False: []}

    def forward(self, batch):
        kept = self.dropout(batch["audio"].mean(dim=1) + 5)  # no cell is near 0 of itself
        self.dropped[torch.is_grad_enabled()].append((kept == 0).float().mean().item())
        return self.head(self.norm(kept))


def test_a_model_that_stood_still_is_set_to_train_and_stands_still_again(data):
    """Dropout drops and batch norm measures, also in a model that has been trained or evaluated before."""
    model = Flags().eval()
    for run in (1, 2):
        model.dropped[True].clear()
        train(model, data, Recipe(epochs=4, batch_size=11), seed=0)
        assert abs(sum(model.dropped[True]) / 16 - 0.5) < 0.05
        assert set(model.dropped[False]) == {0.0}, "nothing is dropped in validation"
        assert model.norm.num_batches_tracked == 16 * run
        assert not any(module.training for module in model.modules())
    mean = data.train.features["audio"].mean(dim=(0, 1)) + 5
    assert (model.norm.running_mean - mean).abs().mean() < 0.6


def test_same_seed_same_weights_and_another_seed_others(data, factory, recipe):
    start = state(factory())
    ends = []
    for seed in (0, 0, 1):
        model = factory()
        model.load_state_dict(start)
        train(model, data, recipe, seed=seed)
        ends.append(state(model))
    assert same(ends[0], ends[1])
    assert not same(ends[0], ends[2])


def test_global_random_state_is_left_alone_and_decides_nothing(data, factory, recipe):
    start, ends = state(factory()), []
    for seed in (1, 2):
        torch.manual_seed(seed)
        before = torch.random.get_rng_state()
        model = factory()
        model.load_state_dict(start)
        torch.random.set_rng_state(before)
        train(model, data, recipe, seed=0)
        assert torch.equal(torch.random.get_rng_state(), before)
        ends.append(state(model))
    assert same(*ends)


def test_stopping_in_mid_epoch_changes_nothing(data, factory, recipe, tmp_path, interrupted, epochs):
    start = state(factory())
    whole, stopped = factory(), factory()
    whole.load_state_dict(start)
    stopped.load_state_dict(start)
    checkpoint = tmp_path / "model.safetensors"
    history = train(whole, data, recipe, seed=3)

    interrupted(stopped, data, recipe, seed=3, checkpoint=checkpoint)
    assert checkpoint.exists()

    epochs.clear()
    fresh = factory()
    resumed = train(fresh, data, recipe, seed=3, checkpoint=checkpoint)
    assert len(epochs) == 1  # two of the three epochs were whole
    assert same(state(whole), state(fresh))
    left = ["epoch", "train_loss", "valid_loss", "valid_mAP"]
    assert history[left].equals(resumed[left])


@pytest.mark.parametrize(
    "damage", [lambda b: b[: len(b) // 2], lambda b: b"x" * 20, lambda b: b[:-4] + b"\x01\x02\x03\x04"]
)
def test_damaged_checkpoint_is_told_and_replaced(data, factory, recipe, tmp_path, caplog, damage):
    checkpoint = tmp_path / "model.safetensors"
    start, ends = state(factory()), []
    for spoil in (False, True):
        if spoil:
            checkpoint.write_bytes(damage(checkpoint.read_bytes()))
        model = factory()
        model.load_state_dict(start)
        train(model, data, recipe, seed=0, checkpoint=checkpoint)
        ends.append(state(model))
    assert same(*ends)
    (record,) = caplog.records
    assert "model.safetensors is damaged" in record.getMessage()
    assert "\n" not in record.getMessage()


def test_checkpoint_of_another_model_is_not_taken(data, factory, recipe, tmp_path, caplog):
    checkpoint = tmp_path / "model.safetensors"
    train(CRNN(4, 32, 32), data, recipe, seed=0, checkpoint=checkpoint)
    train(factory(), data, recipe, seed=0, checkpoint=checkpoint)
    assert "checkpoint has other weights than this model" in caplog.text


def test_steps_end_training_in_mid_epoch(data, factory, monkeypatch):
    calls = []
    monkeypatch.setattr(objective, "bce", lambda *a, real=objective.bce: calls.append(1) or real(*a))
    monkeypatch.setattr(loop, "_validate", lambda *a: {"valid_loss": 0.0, "valid_mAP": 0.0})
    history = train(factory(), data, Recipe(steps=7, batch_size=8), seed=0)
    assert (len(calls), len(history)) == (7, 2)


def test_every_batch_is_full_and_no_clip_comes_twice(data, factory, monkeypatch):
    rows, real = [], Split.batch
    monkeypatch.setattr(Split, "batch", lambda self, i: rows.append(i) or real(self, i))
    monkeypatch.setattr(loop, "_validate", lambda *a: {"valid_loss": 0.0, "valid_mAP": 0.0})
    train(factory(), data, Recipe(epochs=2, batch_size=8), seed=0)
    first, second = torch.stack(rows[:5]), torch.stack(rows[5:])
    assert first.shape == second.shape == (5, 8)  # 44 clips: 4 are left out, others in each epoch
    assert first.unique().numel() == second.unique().numel() == 40
    assert not torch.equal(first, second)


def test_masks_hide_cells_in_training_only(data, factory, monkeypatch):
    seen = []
    model = factory()
    model.register_forward_pre_hook(lambda module, args: seen.append((module.training, args[0]["audio"])))
    train(model, data, Recipe(epochs=1, batch_size=8, transforms=(SpecAugment(16, 8),)), seed=0)
    assert all((audio == 0).any() == training for training, audio in seen)
    assert {training for training, _ in seen} == {True, False}


def test_a_head_alone_can_be_trained(data):
    """Poolings are compared on frozen encodings: whatever maps a batch to logits is a model."""

    class OnEncodings(Head):
        def forward(self, batch):
            return super().forward(batch["audio"])

    model = OnEncodings(32, 4, pooling="linear")
    history = train(model, data, Recipe(epochs=10, batch_size=8, lr=2e-2), seed=0)
    assert history.valid_mAP.iloc[-1] > 0.7


def test_loss_that_is_not_finite_ends_the_run(data, factory, recipe):
    with pytest.raises(AvlibError, match=r"^training loss is nan in epoch 1: try a smaller lr than 1e\+20$"):
        train(factory(), data, dataclasses.replace(recipe, lr=1e20, warmup=0), seed=0)


def test_empty_training_split_is_named(data, factory, recipe):
    with pytest.raises(AvlibError, match="'tones' has no training clips"):
        train(factory(), dataclasses.replace(data, train=data.train.subset([])), recipe, seed=0)


def test_without_valid_clips_there_is_no_valid_score(data, factory, recipe):
    history = train(factory(), dataclasses.replace(data, valid=data.valid.subset([])), recipe, seed=0)
    assert history.valid_mAP.isna().all()


def test_bfloat16_learns_too(data, factory):
    fabric = Fabric(accelerator="cpu", devices=1, precision="bf16-mixed")
    model = wider(factory)
    history = train(model, data, Recipe(epochs=8, batch_size=8, lr=3e-3), seed=0, fabric=fabric)
    assert history.valid_mAP.iloc[-1] > 0.7
    assert {parameter.dtype for parameter in model.parameters()} == {torch.float32}
