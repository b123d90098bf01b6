"""The key of a model: everything that decides its weights, and nothing else."""

import dataclasses
from functools import partial

import pytest
import torch
from lightning_fabric import Fabric

from avlib import provenance
from avlib.errors import AvlibError
from avlib.mixup import MixUp
from avlib.models import CRNN
from avlib.specaugment import SpecAugment
from avlib.training import Recipe
from avlib.training import cache as kept


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
