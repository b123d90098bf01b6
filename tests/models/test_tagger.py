"""Adding a modality is adding a branch: a toy second one is trained, attacked and predicted with."""

import dataclasses
import math

import pytest
import torch
from torch import nn

from avlib.attacks import Threat, fit_universal, pgd
from avlib.data.split import AVData, Split
from avlib.errors import AvlibError
from avlib.features import Normalizer, paper64
from avlib.losses import bce
from avlib.models import Branch, Head, Tagger
from avlib.models.csn import SelfAttentive
from avlib.models.tagger import Identity, tagger_of
from avlib.training import Recipe, predict, train
from avlib.training.frozen import observed

CLIPS, FRAMES, MELS, WINDOWS, D = 12, 16, 32, 3, 6
OPTIONS = {"tied": True, "positional": False, "heads": 8, "dropout": 0.0, "transformer_dropout": 0.0}


class Glance(Branch):
    """The mean over the windows, (N, W, D) → (N, 1, width)."""

    def __init__(self, size, width):
        super().__init__(width=width, sizes=(size,), shortest=2)
        self.linear = nn.Linear(size, width)

    def forward(self, x):
        return self.linear(x.mean(dim=1, keepdim=True))


class Both(Tagger):
    """Every frame of the sound plus the picture."""

    def __init__(self):
        branches = {"audio": SelfAttentive(MELS, 32, **OPTIONS), "video": Glance(D, 32)}
        super().__init__(branches, Head(32, 4))

    def fuse(self, encodings):
        return encodings["audio"] + encodings["video"]


@pytest.fixture
def model():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        made = Both()
    return made.eval()


@pytest.fixture
def data():
    generator = torch.Generator().manual_seed(1)

    def split(name):
        features = {
            "audio": torch.randn(CLIPS, FRAMES, MELS, generator=generator),
            "video": torch.randn(CLIPS, WINDOWS, D, generator=generator),
            "smell": torch.randn(CLIPS, 2, generator=generator),
        }
        labels = (torch.rand(CLIPS, 4, generator=generator) < 0.5).float()
        return Split(features, labels, tuple(f"{name}-{i}" for i in range(CLIPS)))

    moments = Normalizer(torch.zeros(MELS), torch.ones(MELS))
    return AVData("toy", split("a"), split("b"), split("c"), tuple("wxyz"), paper64(), moments, {"labels": ""})


@pytest.fixture
def runs(model):
    """How often each branch has been run."""
    counted = dict.fromkeys(model.modalities, 0)

    def hook(name):
        def count(*_):
            counted[name] += 1

        return count

    for name, branch in model.branches.items():
        branch.register_forward_hook(hook(name))
    return counted


def test_it_is_trained_in_all_its_branches(model, data):
    before = {name: values.clone() for name, values in model.state_dict().items()}
    train(model, data, Recipe(epochs=1, batch_size=CLIPS), seed=0)
    moved = {name.split(".")[1] for name, values in model.named_parameters() if not torch.equal(values, before[name])}
    assert {"audio", "video"} <= moved


@pytest.mark.parametrize("attacked", ["audio", "video"])
def test_the_branch_that_is_not_attacked_is_encoded_once(model, data, runs, attacked):
    batch, labels = data.eval.batch(range(CLIPS))
    found = pgd(model, batch, labels, {attacked: Threat(2, 1.0)}, steps=3)
    (still,) = set(runs) - {attacked}
    assert runs == {attacked: 4, still: 1}
    assert list(found.delta) == [attacked]
    torch.testing.assert_close(bce(model(found.batch), labels), found.loss)
    assert bool((found.loss > bce(model(batch), labels)).all())


def test_one_delta_for_all_encodes_the_still_branch_once_and_not_in_every_pass(model, data, runs):
    fit_universal(model, data.train, {"video": Threat(math.inf, 0.5)}, passes=2, batch_size=4, part=1.0)
    steps, scores = 2 * 3, 3 * 3  # batches with a gradient, batches of the mean loss before and after each pass
    assert runs == {"video": steps + scores, "audio": 3}


def test_it_is_predicted_with_and_needs_all_its_modalities(model, data):
    batch, _ = data.eval.batch(range(CLIPS))
    torch.testing.assert_close(predict(model, data.eval, batch_size=5), model(batch).detach(), atol=1e-5, rtol=0)
    with pytest.raises(AvlibError, match=r"^Both needs the modality 'video', got audio$"):
        predict(model, data.eval.only(["audio"]))
    with pytest.raises(AvlibError, match=r"^the clips have smell, and not audio, video"):
        predict(model, data.eval.only(["smell"]))


def test_forward_is_classify_after_fuse_after_encode_of_any_part(model, data):
    batch, _ = data.eval.batch([3, 1])
    parts = {**model.encode({"audio": batch["audio"]}), **model.encode({"video": batch["video"], "smell": None})}
    assert list(model.encode(batch)) == ["audio", "video"]
    assert torch.equal(model.classify(parts), model(batch))
    assert torch.equal(model.bottleneck(batch), parts["audio"] + parts["video"])
    assert torch.equal(model.head(model.bottleneck(batch)), model(batch))
    assert torch.equal(model.pooled(batch), model.head.pooled(model.bottleneck(batch)))
    assert model.frames(parts).logits.shape == (2, 4, 4)


@pytest.mark.parametrize(
    ("encodings", "message"),
    [
        ({}, "Both needs the modalities 'audio' and 'video', got nothing"),
        ({"audio": 0}, "Both needs the modality 'video', got audio"),
        ({"video": 0, "smell": 0}, "Both needs the modality 'audio', got smell, video"),
    ],
)
def test_what_is_lacking_is_named_wherever_all_is_needed(model, encodings, message):
    for call in (model.classify, model.frames):
        with pytest.raises(AvlibError, match=f"^{message}$"):
            call(encodings)
    with pytest.raises(AvlibError, match=r"^Both needs the modalities 'audio' and 'video', got smell$"):
        model.encode({"smell": torch.zeros(2, 1)})


@pytest.mark.parametrize(
    ("name", "shape", "allowed"),
    [
        ("audio", (2, 3, MELS), r"\(clips, at least 4, 32\)"),
        ("audio", (2, FRAMES, MELS, 1), r"\(clips, at least 4, 32\)"),
        ("video", (2, 1, D), r"\(clips, at least 2, 6\)"),
        ("video", (2, WINDOWS, D + 1), r"\(clips, at least 2, 6\)"),
        ("video", (2,), r"\(clips, at least 2, 6\)"),
    ],
)
def test_every_branch_checks_its_own_shape(model, data, name, shape, allowed):
    batch = {**data.eval.batch([0, 1])[0], name: torch.zeros(shape)}
    with pytest.raises(AvlibError, match=rf"^{name} of shape .* does not fit Both: it takes {allowed}$"):
        model(batch)


def test_lengths_from_one_to_another():
    branch = Identity(width=8, sizes=(4, 2), shortest=2, longest=5)
    assert [time for time in range(8) if branch.fits((1, time, 4, 2))] == [2, 3, 4, 5]
    assert branch.allowed == "(clips, 2 to 5, 4, 2)"


def test_branches_that_nobody_fuses_are_named(data):
    loose = Tagger({"audio": Identity(width=4, sizes=(4,)), "video": Identity(width=4, sizes=(4,))}, Head(4, 2))
    with pytest.raises(AvlibError, match="branches audio, video, and no `fuse`"):
        loose({"audio": torch.zeros(1, 2, 4), "video": torch.zeros(1, 2, 4)})


class Counted:
    """Features that are not held in memory; counts the rows that were read."""

    def __init__(self, values):
        self.values, self.rows = values.numpy(), 0

    def __getitem__(self, rows):
        self.rows += len(rows)
        return self.values[rows]


class Plain(nn.Module):
    """Any module that maps a batch to logits."""

    def __init__(self, *names):
        super().__init__()
        self.names = names

    def forward(self, batch):
        assert sorted(batch) == sorted(self.names)
        return sum(x.flatten(1).mean(dim=1, keepdim=True) for x in batch.values()).expand(-1, 4)


@pytest.mark.parametrize(
    ("make", "reads"),
    [
        (lambda: Tagger({"audio": Identity(width=MELS, sizes=(MELS,))}, Head(MELS, 4)), {"audio"}),
        (Both, {"audio", "video"}),
        (lambda: Plain("audio", "video", "smell"), {"audio", "video", "smell"}),
    ],
)
def test_only_the_modalities_of_the_model_are_read(make, reads, data):
    made = make()
    stores = {name: Counted(values) for name, values in data.train.features.items()}
    split = dataclasses.replace(data.train, features=stores)

    def read():
        rows = {name: store.rows for name, store in stores.items()}
        for store in stores.values():
            store.rows = 0
        return rows

    predict(made, split)
    assert read() == {name: CLIPS * (name in reads) for name in stores}
    observed(made, split, lambda batch: next(iter(batch.values())))
    assert read() == {name: CLIPS * (name in reads) for name in stores}
    fit_universal(made, split, {"audio": Threat(2, 1.0)}, passes=1, batch_size=4, part=1.0)
    rounds = {name: 1 if name == "video" and isinstance(made, Tagger) else 3 for name in stores}  # it stands still
    assert read() == {name: (1 + rounds[name] * CLIPS) * (name in reads) for name in stores}
    if list(made.parameters()):
        train(made, dataclasses.replace(data, train=split, valid=split), Recipe(epochs=2, batch_size=4), seed=0)
        assert read() == {name: 4 * CLIPS * (name in reads) for name in stores}


def test_any_other_module_sees_the_whole_batch_and_is_attacked(data):
    batch, labels = data.eval.only(["audio", "video"]).batch(range(CLIPS))
    model = Plain("audio", "video")
    assert tagger_of(model).encode(batch) == batch
    found = pgd(model, batch, labels * 0, {"video": Threat(math.inf, 0.5)}, steps=3)
    torch.testing.assert_close(found.delta["video"], torch.full_like(batch["video"], 0.5))


def test_a_threat_to_what_the_model_does_not_take_is_named(data):
    model = Tagger({"audio": Identity(width=MELS, sizes=(MELS,))}, Head(MELS, 4))
    batch, labels = data.eval.batch([0, 1])
    with pytest.raises(AvlibError, match=r"threats against \['video'\]: the model's logits do not depend"):
        pgd(model, batch, labels, {"video": Threat(2, 1.0)}, steps=1)
