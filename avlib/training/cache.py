"""Trained models, kept: the same question finds the same weights."""

import contextlib
import dataclasses
import functools
import inspect
import json
import logging
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

import pandas as pd
import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from avlib import profiles
from avlib.clock import spent
from avlib.data.split import AVData, Split
from avlib.errors import AvlibError
from avlib.files import atomic, cache_dir, locked
from avlib.models.tagger import tagger_of
from avlib.provenance import digest, sources
from avlib.training import loop
from avlib.training.checkpoint import Damaged, fill, read, write
from avlib.training.objective import Objective
from avlib.training.recipe import Recipe
from avlib.transform import Transform

log = logging.getLogger("avlib")
HISTORY = ["epoch", "train_loss", "valid_loss", "valid_mAP", "seconds"]
Model = TypeVar("Model", bound=nn.Module)


def trained(
    factory: Callable[[], Model],
    data: AVData,
    recipe: Recipe,
    seed: int = 0,
    *,
    start: Mapping[str, Tensor] | None = None,
    fabric: Fabric | None = None,
) -> tuple[Model, pd.DataFrame]:
    """The model that `factory` builds, trained on `data`, and its history: from the cache, or trained now and kept.

    `factory` is a model class or function, or a `functools.partial` of one; the training begins at its own weights, or
    at the state dict `start`.  The key is everything that decides the weights: factory and arguments, `start`, recipe,
    seed, data, precision and device, versions, and the source of all avlib modules that take part, those of the
    recipe's transforms and objective among them.  Weights lie in ``cache_dir() / "models"`` as
    safetensors beside a JSON file that says what they are.  A run that was killed goes on from its last whole epoch.

    Raises
    ------
    AvlibError
        When the factory cannot be told apart from others (a lambda, an argument that is no plain value), the
        cache cannot be written, or training fails.
    """
    fabric = fabric or loop.default_fabric()
    _named(factory)  # refused before anything is built
    with loop.seeded(seed, 0, fabric.device):
        model = factory()
    if start is not None:
        model.load_state_dict(start)
    data = tagger_of(model).view(data)
    facts = {**describe(factory, data, recipe, seed, fabric), "start": start and digest(list(start), *start.values())}
    weights = cache_dir() / "models" / f"{facts['factory'].rpartition('.')[2]}-{digest(facts)}.safetensors"
    with contextlib.suppress(Damaged):  # it is dealt with below, where no other process can be at it
        if (history := _load(weights, model)) is not None:
            return model.to(fabric.device), history
    with spent("training"), _alone(weights, fabric):
        try:
            history = _load(weights, model)  # another process may have made it while this one waited
        except Damaged as error:
            log.warning("%s: the model is trained again", error)
            history = None
        if history is None:
            history = _make(weights, model, data, recipe, seed, fabric, facts)
    return model.to(fabric.device), history


def describe(
    factory: Callable[[], nn.Module], data: AVData, recipe: Recipe, seed: int, fabric: Fabric
) -> dict[str, Any]:
    """Everything that decides the weights of `trained`, as plain values; `data` as the model views it."""
    target, arguments = _named(factory)
    plain = {field.name: getattr(recipe, field.name) for field in dataclasses.fields(recipe)}
    return {
        "factory": f"{target.__module__}.{target.__qualname__}",
        "arguments": arguments,
        "recipe": {
            **plain,
            "transforms": [_stated(transform) for transform in recipe.transforms],
            "objective": _stated(recipe.objective),
        },
        "seed": seed,
        "data": {
            "name": data.name,
            "checksums": dict(data.checksums),
            "train": _clips(data.train),
            "valid": _clips(data.valid),
        },
        "precision": fabric._precision.precision,
        "device": fabric.device.type,
        "processes": fabric.world_size,
        "torch": torch.__version__,
        "sources": _sources(
            target.__module__,
            loop.__name__,
            *(type(part).__module__ for part in (*recipe.transforms, recipe.objective)),
        ),
    }


def _named(factory: Callable[[], nn.Module]) -> tuple[Callable[..., nn.Module], dict[str, Any]]:
    """What `factory` calls, and with which arguments, defaults included."""
    target = factory.func if isinstance(factory, functools.partial) else factory
    name = f"{target.__module__}.{target.__qualname__}"
    if "<" in name or not hasattr(sys.modules.get(target.__module__), "__file__"):
        raise AvlibError(f"factory {name} has no file that tells its version; use a model class, or a partial of one")
    given = (factory.args, factory.keywords) if isinstance(factory, functools.partial) else ((), {})
    try:
        bound = inspect.signature(target).bind(*given[0], **given[1])
    except TypeError as error:
        raise AvlibError(f"factory {name} cannot be called as given: {error}") from error
    bound.apply_defaults()
    try:
        json.dumps(bound.arguments)
    except TypeError as error:
        raise AvlibError(f"factory {name} has an argument that is no plain value ({error})") from error
    return target, bound.arguments


def _stated(transform: Transform | Objective) -> str:
    """A part of a recipe by its class, its fields, and their digest: a mask is not read off its first numbers."""
    try:
        return f"{type(transform).__module__}.{transform!r} {digest(transform)}"
    except TypeError as error:
        raise AvlibError(f"recipe: {type(transform).__name__} cannot be told from others: {error}") from error


def _sources(*modules: str) -> dict[str, str]:
    """Source of all that takes part, but for the table of profiles: its numbers are in the recipe and the arguments."""
    try:
        return sources(*modules, but=profiles.__name__)
    except ModuleNotFoundError as error:
        raise AvlibError(f"{error}: a factory or transform needs a file that tells its version") from error


def _clips(split: Split) -> str:
    """Digest of a split that may have been cut or changed since its data set was loaded."""
    held = [store if isinstance(store, Tensor) else name for name, store in sorted(split.features.items())]
    return digest(split.ids, split.labels, *held)


@contextlib.contextmanager
def _alone(weights: Path, fabric: Fabric) -> Iterator[None]:
    """Hold the lock of `weights`, as one run, however many processes it has; clear what killed runs left."""
    with contextlib.ExitStack() as stack:
        if fabric.is_global_zero:
            stack.enter_context(locked(weights))
            for leftover in weights.parent.glob(f".{weights.stem}*.part*"):
                leftover.unlink(missing_ok=True)
        fabric.barrier()
        yield
        fabric.barrier()


def _load(weights: Path, model: nn.Module) -> pd.DataFrame | None:
    """Fill `model` and return its history, or None when it has not been trained to the end."""
    sidecar = weights.with_suffix(".json")
    if not weights.exists() or not sidecar.exists():
        return None
    tensors, _, stamp = read(weights)
    try:
        facts = json.loads(sidecar.read_text())
        if facts["digest"] != stamp:
            raise Damaged(f"{weights.name} is damaged (its digest is not the one in {sidecar.name})")
        history = pd.DataFrame(facts["history"])[HISTORY]
    except (KeyError, TypeError, ValueError) as error:
        raise Damaged(f"{sidecar.name} is damaged") from error
    fill(model, tensors)
    model.eval()
    return history


def _make(
    weights: Path, model: nn.Module, data: AVData, recipe: Recipe, seed: int, fabric: Fabric, facts: dict[str, Any]
) -> pd.DataFrame:
    resume = weights.with_name(f"{weights.stem}.resume.safetensors")
    history = loop.train(model, data, recipe, seed=seed, fabric=fabric, checkpoint=resume)
    if fabric.is_global_zero:
        # The sidecar comes last: weights without one are not taken for whole.
        facts = {**facts, "digest": write(weights, model.state_dict(), {}), "history": history.to_dict("records")}
        with atomic(weights.with_suffix(".json")) as part:
            part.write_text(json.dumps(facts, indent=1))
        resume.unlink(missing_ok=True)
    fabric.barrier()
    if not fabric.is_global_zero:
        fill(model, read(weights)[0])  # the averages of batch norm were each process's own so far
    return history
