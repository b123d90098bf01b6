import dataclasses
import errno
import json
import multiprocessing
import signal
import time
from functools import partial
from pathlib import Path

import pytest
import torch
from lightning_fabric import Fabric

from avlib import clock, provenance
from avlib.errors import AvlibError
from avlib.mixup import MixUp
from avlib.models import CRNN, CSN
from avlib.specaugment import SpecAugment
from avlib.training import Recipe, loop, predict, trained
from avlib.training import cache as kept
from avlib.training.checkpoint import read


def names(folder):
    return sorted(path.suffix for path in folder.iterdir() if path.suffix != ".lock")


@pytest.fixture
def epochs(monkeypatch):
    """Counts the epochs that are really trained."""
    seen = []
    monkeypatch.setattr(loop, "_epoch", lambda *a, real=loop._epoch: seen.append(1) or real(*a))
    return seen


def test_second_call_loads_what_the_first_one_trained(data, factory, recipe, cache, epochs):
    model, history = trained(factory, data, recipe, seed=5)
    assert len(epochs) == 3
    again, same = trained(factory, data, recipe, seed=5)
    assert len(epochs) == 3
    assert torch.equal(predict(model, data.eval), predict(again, data.eval))
    assert history.equals(same)
    assert not model.training
    assert not again.training
    assert names(cache) == [".json", ".safetensors"]


def test_a_page_waits_for_the_training_and_not_for_the_cache(data, factory, recipe, cache):
    clock.restart()
    trained(factory, data, recipe, seed=5)
    took = clock.seconds()
    assert took["training"] > 0
    trained(factory, data, recipe, seed=5)
    assert clock.seconds() == took
    assert took["scoring"] == 0  # the validation after each epoch is part of the training


def test_sidecar_says_what_the_weights_are(data, factory, recipe, cache):
    trained(factory, data, recipe, seed=5)
    (sidecar,) = cache.glob("CSN-*.json")
    facts = json.loads(sidecar.read_text())
    assert facts["factory"] == "avlib.models.csn.CSN"
    assert (facts["arguments"]["width"], facts["arguments"]["tied"]) == (32, True)
    assert (facts["recipe"]["epochs"], facts["seed"], facts["torch"]) == (3, 5, torch.__version__)
    assert {"avlib.models.conv", "avlib.losses", "avlib.specaugment", "avlib.training.recipe"} <= facts[
        "sources"
    ].keys()
    assert facts["recipe"]["transforms"][0].startswith(
        "avlib.specaugment.SpecAugment(freq=4, time=4, modality='audio')"
    )
    assert "avlib.models.resnet" not in facts["sources"]


def test_seed_decides_the_weights_and_the_global_state_does_not(data, factory, recipe, cache, tmp_path, monkeypatch):
    logits = []
    for folder, seed in (("a", 0), ("b", 0), ("c", 1)):
        monkeypatch.setenv("AVLIB_CACHE", str(tmp_path / folder))
        torch.rand(7)
        before = torch.random.get_rng_state()
        model, _ = trained(factory, data, recipe, seed)
        assert torch.equal(torch.random.get_rng_state(), before)
        logits.append(predict(model, data.eval))
    assert torch.equal(logits[0], logits[1])
    assert not torch.equal(logits[0], logits[2])


def test_key_holds_everything_that_decides_the_weights(data, relabelled, factory, recipe, monkeypatch):
    fabric = Fabric(accelerator="cpu", devices=1)
    base = (factory, data, recipe, 0, fabric)
    changed = {
        "class": (partial(CRNN, **{**factory.keywords, "transformer_dropout": None}), *base[1:]),
        "argument": (partial(factory, heads=4), *base[1:]),
        "checksum": (factory, dataclasses.replace(data, checksums={**data.checksums, "audio": "4567"}), *base[2:]),
        "training clips": (factory, dataclasses.replace(data, train=data.train.subset(range(30))), *base[2:]),
        "labels": (factory, relabelled, *base[2:]),
        "recipe": (factory, data, dataclasses.replace(recipe, lr=1e-3), 0, fabric),
        "seed": (*base[:3], 1, fabric),
        "precision": (*base[:4], Fabric(accelerator="cpu", devices=1, precision="bf16-mixed")),
    }
    changed["class"] = (partial(CRNN, classes=4, mels=32, width=32), *base[1:])
    keys = {what: kept.digest(kept.describe(*case)) for what, case in changed.items()}
    keys["nothing"] = kept.digest(kept.describe(*base))
    monkeypatch.setattr(torch, "__version__", "3.0")
    keys["torch"] = kept.digest(kept.describe(*base))
    monkeypatch.undo()
    monkeypatch.setattr(kept, "sources", lambda *modules, **known: {})
    keys["source"] = kept.digest(kept.describe(*base))
    assert len(set(keys.values())) == len(keys)


@pytest.fixture
def edited(tmp_path, monkeypatch):
    """Edits a module of avlib: what is read as its source ends with another line."""
    real = provenance._text

    def edit(module):
        assert real(module)  # there is such a module
        changed = {module: real(module) + "\nEDITED = True\n"}
        monkeypatch.setattr(provenance, "_text", lambda name: changed.get(name) or real(name))

    return edit


def key(*case):
    return provenance.digest(kept.describe(*case, 0, Fabric(accelerator="cpu", devices=1)))


@pytest.mark.parametrize("module", ["models.conv", "models.csn", "models.pooling", "models.tagger", "losses"])
def test_key_changes_with_the_source_of_each_module_involved(data, factory, recipe, edited, module):
    fabric = Fabric(accelerator="cpu", devices=1)
    before = kept.describe(factory, data, recipe, 0, fabric)["sources"]
    edited(f"avlib.{module}")
    after = kept.describe(factory, data, recipe, 0, fabric)["sources"]
    assert {name for name in before if before[name] != after[name]} == {f"avlib.{module}"}


@pytest.mark.parametrize(
    ("module", "transforms", "stale"),
    [
        ("mixup", (), False),
        ("mixup", (SpecAugment(2, 2),), False),
        ("mixup", (MixUp(),), True),
        ("mixup", (SpecAugment(2, 2), MixUp()), True),
        ("specaugment", (MixUp(),), False),
        ("specaugment", (SpecAugment(2, 2), MixUp()), True),
        ("transform", (), True),  # the loop itself uses it
        ("attacks.pgd", (MixUp(),), False),
        ("profiles", (), False),  # its numbers are in the recipe
    ],
)
def test_only_the_transforms_that_a_recipe_names_can_make_its_models_stale(
    data, factory, edited, module, transforms, stale
):
    recipe = Recipe(epochs=3, transforms=transforms)
    before = key(factory, data, recipe)
    edited(f"avlib.{module}")
    assert (key(factory, data, recipe) != before) == stale


@dataclasses.dataclass(frozen=True)
class Masked:
    """A transform with a large tensor, as an adversary under a mask has."""

    mask: torch.Tensor

    def prepare(self, train):
        return self


def test_transforms_enter_the_key_by_class_values_and_order(data, factory):
    some, many = torch.zeros(64, 64), torch.zeros(64, 64)
    many[32, 32] = 1  # not among the numbers that a tensor prints
    lists = [
        (),
        (MixUp(),),
        (MixUp(share=0.3),),
        (SpecAugment(2, 2),),
        (SpecAugment(2, 2), MixUp()),
        (MixUp(), SpecAugment(2, 2)),
        (Masked(some),),
        (Masked(many),),
    ]
    keys = [key(factory, data, Recipe(epochs=3, transforms=transforms)) for transforms in lists]
    assert len(set(keys)) == len(keys)
    assert key(factory, data, Recipe(epochs=3, transforms=(Masked(some.clone()),))) == keys[6]


def test_a_transform_that_is_no_plain_value_is_refused(data, factory):
    with pytest.raises(AvlibError, match=r"Masked cannot be told from others: .* is no plain value"):
        key(factory, data, Recipe(transforms=(Masked(print),)))


def test_default_arguments_may_be_left_out(data, factory, recipe):
    fabric = Fabric(accelerator="cpu", devices=1)
    spelt = partial(factory, tied=True, pooling="attention")
    assert kept.describe(factory, data, recipe, 0, fabric) == kept.describe(spelt, data, recipe, 0, fabric)


@pytest.mark.parametrize(
    ("factory", "message"),
    [
        (lambda: None, "has no file that tells its version"),
        (partial(CSN, width=32), "cannot be called as given: missing a required argument: 'classes'"),
        (partial(CSN, classes=4, width=torch.tensor(32)), "has an argument that is no plain value"),
    ],
)
def test_factory_that_cannot_be_named_is_refused(data, recipe, cache, factory, message):
    with pytest.raises(AvlibError, match=message):
        trained(factory, data, recipe)


def half(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def flipped(path):
    content = bytearray(path.read_bytes())
    content[-3] ^= 1
    path.write_bytes(content)


def other_digest(path):
    path.write_text(path.read_text().replace('"digest": "', '"digest": "0'))


@pytest.mark.parametrize(
    ("suffix", "damage"),
    [(".safetensors", half), (".safetensors", flipped), (".json", half), (".json", other_digest)],
)
def test_damage_is_told_in_one_line_and_trained_away(data, factory, recipe, cache, caplog, epochs, suffix, damage):
    model, _ = trained(factory, data, recipe)
    (path,) = cache.glob(f"*{suffix}")
    damage(path)
    again, _ = trained(factory, data, recipe)
    assert len(epochs) == 6
    (record,) = caplog.records
    assert "is damaged" in record.getMessage()
    assert "\n" not in record.getMessage()
    assert torch.equal(predict(model, data.eval), predict(again, data.eval))
    caplog.clear()
    trained(factory, data, recipe)
    assert len(epochs) == 6
    assert not caplog.records


def test_weights_without_sidecar_are_not_taken_for_whole(data, factory, recipe, cache, epochs):
    trained(factory, data, recipe)
    next(cache.glob("*.json")).unlink()
    trained(factory, data, recipe)
    assert len(epochs) == 6


def test_leftovers_of_a_killed_run_are_cleared(data, factory, recipe, cache, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(kept, "write", lambda *a: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            trained(factory, data, recipe)
    (resume,) = cache.glob("*.resume.safetensors")
    leftover = cache / f".{resume.stem}-01234567.part.safetensors"
    leftover.write_bytes(b"half")
    trained(factory, data, recipe)
    assert names(cache) == [".json", ".safetensors"]


def test_read_only_cache_is_one_line(data, factory, recipe, cache, monkeypatch):
    def refuse(*args, **kwargs):
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(Path, "mkdir", refuse)
    with pytest.raises(AvlibError, match=r"the file system is read-only; .* AVLIB_CACHE") as caught:
        trained(factory, data, recipe)
    assert "\n" not in str(caught.value)


def test_read_only_cache_still_gives_what_it_has(data, factory, recipe, cache, monkeypatch):
    trained(factory, data, recipe)

    def refuse(*args):
        raise AssertionError("no lock is needed to read")

    monkeypatch.setattr(kept, "locked", refuse)
    trained(factory, data, recipe)


def test_full_disk_is_one_line_and_the_next_run_goes_on(data, factory, recipe, cache, epochs, monkeypatch):
    real, writes = Path.write_bytes, []

    def full(path, content):
        writes.append(path)
        if len(writes) == 2:
            real(path, content[:100])
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(path, content)

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(AvlibError, match="the disk is full"):
        trained(factory, data, recipe)
    trained(factory, data, recipe)
    assert len(epochs) == 2 + 2  # the second epoch was lost with the disk, the first was kept
    assert names(cache) == [".json", ".safetensors"]


def test_killed_run_goes_on_and_ends_as_if_never_stopped(data, factory, recipe, tmp_path, monkeypatch, epochs):
    recipe = dataclasses.replace(recipe, epochs=15, transforms=(SpecAugment(4, 4), MixUp()))
    folder = tmp_path / "killed" / "models"
    monkeypatch.setenv("AVLIB_CACHE", str(folder.parent))
    child = multiprocessing.get_context("fork").Process(target=trained, args=(factory, data, recipe, 7))
    child.start()
    deadline = time.monotonic() + 60
    while not list(folder.glob("CSN-*.resume.safetensors")) and time.monotonic() < deadline:
        time.sleep(0.01)
    child.kill()
    child.join()
    assert child.exitcode == -signal.SIGKILL
    (resume,) = folder.glob("CSN-*.resume.safetensors")
    done = len(read(resume)[1]["history"])
    assert 1 <= done < 15

    resumed, _ = trained(factory, data, recipe, 7)
    assert len(epochs) == 15 - done
    assert names(folder) == [".json", ".safetensors"]
    monkeypatch.setenv("AVLIB_CACHE", str(tmp_path / "whole"))
    whole, _ = trained(factory, data, recipe, 7)
    assert torch.equal(predict(resumed, data.eval), predict(whole, data.eval))
