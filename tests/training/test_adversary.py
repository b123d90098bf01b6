"""An attack inside training, and an attack on a model that Fabric has wrapped, in float32 and in bf16-mixed."""

import copy
import dataclasses
import math

import pytest
import torch
from lightning_fabric import Fabric

from avlib.attacks import Threat, attacking, fit_universal, pgd
from avlib.losses import bce
from avlib.mixup import MixUp
from avlib.models import CRNN
from avlib.specaugment import SpecAugment
from avlib.training import Recipe, loop, predict, train

BALL = {"audio": Threat(math.inf, 0.5)}
NOTES = []


@dataclasses.dataclass(frozen=True)
class Adversary:
    """Every clip as one step of PGD at the present weights leaves it (FGSM; Goodfellow et al. 2015)."""

    eps: float

    def prepare(self, train):
        return self

    def __call__(self, model, batch, labels, generator):
        threats = {"audio": Threat(math.inf, self.eps)}
        found = pgd(model, batch, labels.soft, threats, steps=1, step_size=1.0)
        NOTES.append((batch, found, labels, [p.grad is None for p in model.parameters()]))
        return found.batch, labels


@pytest.fixture(params=["32-true", "bf16-mixed"])
def fabric(request):
    return Fabric(accelerator="cpu", devices=1, precision=request.param)


@pytest.fixture(autouse=True)
def _notes():
    NOTES.clear()


@pytest.fixture(scope="module", params=["CSN", "CRNN"])
def untrained(request, factory):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return factory(width=64) if request.param == "CSN" else CRNN(4, 32, 64)


@pytest.fixture
def tagger(untrained):
    return copy.deepcopy(untrained)


def test_a_model_trains_against_an_adversary(data, tagger, fabric, monkeypatch):
    model, seen = tagger, []
    model.register_forward_pre_hook(lambda module, args: seen.append(args[0]["audio"]) if module.training else None)
    monkeypatch.setattr(loop, "_validate", lambda *a: {"valid_loss": 0.0, "valid_mAP": 0.0})
    recipe = Recipe(epochs=3, batch_size=8, lr=3e-3, transforms=(Adversary(0.5),))
    history = train(model, data, recipe, seed=0, fabric=fabric)
    assert len(NOTES) == 15
    for clean, found, _, _ in NOTES:
        assert found.delta["audio"].dtype == found.batch["audio"].dtype == found.loss.dtype == torch.float32
        assert 0 < found.delta["audio"].abs().max() <= 0.5 + 1e-6
        assert not found.batch["audio"].requires_grad
        assert (found.batch["audio"] != clean["audio"]).any()
    before, after = torch.cat([found.history for _, found, _, _ in NOTES]).T
    assert (after > before).float().mean() > 0.8  # the step raises a clip's loss, rounding aside
    assert (after - before).mean() > 0.01
    assert len(seen) == 15
    for (_, found, _, _), x in zip(NOTES, seen, strict=True):  # the model is trained on what the attack found
        assert torch.equal(found.batch["audio"].to(x), x)
    assert NOTES[0][3] == [True] * len(NOTES[0][3]), "the attack leaves no gradient in the parameters"
    assert history.train_loss.iloc[-1] < history.train_loss.iloc[0]
    assert all(parameter.requires_grad for parameter in model.parameters())


def test_training_goes_on_as_it_was_around_an_attack(data, tagger, fabric):
    """A transform that attacks and gives the clean batch back changes no bit of the weights."""

    @dataclasses.dataclass(frozen=True)
    class Idle(Adversary):
        def __call__(self, model, batch, labels, generator):
            super().__call__(model, batch, labels, generator)
            assert all(module.training for module in model.modules())
            return batch, labels

    start, ends = {name: tensor.clone() for name, tensor in tagger.state_dict().items()}, []
    for transforms in ((), (Idle(0.5),)):
        tagger.load_state_dict(start)
        train(tagger, data, Recipe(epochs=1, batch_size=8, transforms=transforms), seed=0, fabric=fabric)
        ends.append({name: tensor.clone() for name, tensor in tagger.state_dict().items()})
    assert len(NOTES) == 5
    assert all(torch.equal(ends[0][name], ends[1][name]) for name in start)


def test_an_adversary_makes_the_loss_larger_and_the_model_more_robust(data, factory):
    losses, robust = [], []
    for transforms in ((), (Adversary(0.5),)):
        torch.manual_seed(0)
        model = factory(width=64)
        history = train(model, data, Recipe(epochs=8, batch_size=8, lr=3e-3, transforms=transforms), seed=0)
        losses.append(history.train_loss.iloc[-1])
        robust.append(pgd(model, *data.eval.batch(range(24)), BALL, steps=5).loss.mean())
    assert losses[1] > losses[0]
    assert robust[1] < robust[0]


def test_stopping_in_mid_epoch_changes_nothing(data, factory, fabric, tmp_path, interrupted):
    recipe = Recipe(epochs=3, batch_size=8, lr=3e-3, transforms=(SpecAugment(4, 4), MixUp(), Adversary(0.3)))
    start, checkpoint = factory().state_dict(), tmp_path / "model.safetensors"
    whole, stopped, fresh = factory(), factory(), factory()
    whole.load_state_dict(start)
    stopped.load_state_dict(start)
    train(whole, data, recipe, seed=3, fabric=fabric)
    interrupted(stopped, data, recipe, seed=3, fabric=fabric, checkpoint=checkpoint)
    train(fresh, data, recipe, seed=3, fabric=fabric, checkpoint=checkpoint)
    assert all(torch.equal(tensor, fresh.state_dict()[name]) for name, tensor in whole.state_dict().items())


# --- a wrapped model --------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def learned(data, untrained):
    model = copy.deepcopy(untrained)
    train(model, data, Recipe(epochs=4, batch_size=8, lr=3e-3), seed=0)
    return model


@pytest.fixture
def trained_pair(learned, fabric):
    """A model that has learnt something, bare and as ``fabric.setup`` wraps it."""
    bare = copy.deepcopy(learned)
    return bare, fabric.setup(bare), fabric


def test_a_wrapped_model_is_attacked_through_its_module_under_its_precision(data, trained_pair):
    bare, wrapped, fabric = trained_pair
    batch, labels = data.eval.batch(range(24))
    found = pgd(wrapped, batch, labels, BALL, steps=4)
    with fabric.autocast():
        same = pgd(bare, batch, labels, BALL, steps=4)
    assert torch.equal(found.delta["audio"], same.delta["audio"])
    assert torch.equal(found.loss, same.loss)
    assert found.delta["audio"].dtype == torch.float32
    clean = bce(predict(bare, data.eval), data.eval.labels)
    assert (found.loss > clean + 0.05).float().mean() > 0.8
    full = pgd(bare, batch, labels, BALL, steps=4)
    assert torch.equal(full.loss, found.loss) == (fabric._precision.precision == "32-true")


def test_a_universal_fit_takes_a_wrapped_model_too(data, trained_pair):
    bare, wrapped, fabric = trained_pair
    fitted = fit_universal(wrapped, data.train, BALL, passes=2, batch_size=8)
    with fabric.autocast():
        same = fit_universal(bare, data.train, BALL, passes=2, batch_size=8)
    assert torch.equal(fitted.delta["audio"], same.delta["audio"])
    assert fitted.delta["audio"].dtype == torch.float32
    assert fitted.history.loss.iloc[-1] > fitted.history.loss.iloc[0]


def test_a_wrapped_model_is_put_back_as_it_was(data, trained_pair):
    bare, wrapped, fabric = trained_pair
    wrapped.train()
    with attacking(wrapped) as held:
        assert held is bare
        assert not any(parameter.requires_grad for parameter in bare.parameters())
        assert torch.is_autocast_enabled("cpu") == (fabric._precision.precision == "bf16-mixed")
    assert not torch.is_autocast_enabled("cpu")
    assert all(module.training for module in bare.modules())
    assert all(parameter.requires_grad for parameter in bare.parameters())


def test_predict_sees_the_same_through_the_wrapper(data, trained_pair):
    bare, wrapped, fabric = trained_pair
    with fabric.autocast():
        expected = predict(bare, data.eval)
    assert torch.equal(predict(wrapped, data.eval), expected)
    attacked = predict(wrapped, data.eval, lambda b, y: pgd(wrapped, b, y, BALL, steps=2).batch)
    assert bce(attacked, data.eval.labels).mean() > bce(expected, data.eval.labels).mean() + 0.05


class Plain(torch.nn.Module):
    """Mean spectrum → logits, in bfloat16 under autocast."""

    def __init__(self):
        super().__init__()
        self.head = torch.nn.Linear(32, 4)

    def forward(self, batch):
        return self.head(batch["audio"].mean(dim=1))


def test_the_loss_of_rounded_logits_is_not_rounded_again(data):
    """bfloat16 has 8 bits: near a loss of 1 a step that wins less than .004 would win nothing."""
    model, (batch, labels) = Plain(), data.eval.batch(range(24))
    wrapped = Fabric(accelerator="cpu", devices=1, precision="bf16-mixed").setup(model)
    with torch.no_grad(), torch.autocast("cpu"):
        logits = model(batch)
    assert logits.dtype == torch.bfloat16
    exact = bce(logits.double(), labels.double())
    clean = pgd(wrapped, batch, labels, BALL, steps=1).history[:, 0]
    assert torch.allclose(clean.double(), exact, rtol=1e-6)
    fitted = fit_universal(wrapped, data.eval, BALL, passes=1, batch_size=24, part=1.0)
    assert fitted.history.loss[0] == pytest.approx(exact.mean().item(), rel=1e-6)
