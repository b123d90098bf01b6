"""Tensors and facts in one safetensors file: it holds no code, and a damaged one is known by its digest."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from avlib.files import atomic
from avlib.provenance import digest
from avlib.transform import Stateful, Step


class Damaged(Exception):
    """A checkpoint that does not hold what was written."""


def write(path: Path, tensors: Mapping[str, Tensor], facts: Mapping[str, Any]) -> str:
    """Write `tensors` and JSON-able `facts` to `path`, whole or not at all; return the digest of the tensors."""
    flat = {name: tensor.detach().cpu().contiguous() for name, tensor in sorted(tensors.items())}
    stamp = digest(list(flat), *flat.values())
    with atomic(path) as part:
        # safetensors' own writer hides a full disk in an error of its own; these bytes fail as an OSError.
        part.write_bytes(save(flat, {"facts": json.dumps(facts), "digest": stamp}))
    return stamp


def read(path: Path) -> tuple[dict[str, Tensor], dict[str, Any], str]:
    """Tensors, facts and digest as they were written.

    Raises
    ------
    Damaged
        When the file is not whole, or its content not what its digest says.
    """
    try:
        with safe_open(path, "pt") as file:
            header = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in sorted(file.keys())}
        facts, stamp = json.loads(header["facts"]), header["digest"]
    except (SafetensorError, KeyError, ValueError) as error:
        raise Damaged(f"{path.name} is damaged ({error})") from error
    if digest(list(tensors), *tensors.values()) != stamp:
        raise Damaged(f"{path.name} is damaged (its content does not match its digest)")
    return tensors, facts, stamp


def fill(model: nn.Module, tensors: Mapping[str, Tensor]) -> None:
    """Load a state dict, all of it or, when it does not fit, nothing.

    Raises
    ------
    Damaged
        When the tensors are not those of this model.
    """
    if _shapes(model.state_dict()) != _shapes(tensors):
        raise Damaged(f"checkpoint has other weights than this model, of {len(model.state_dict())} tensors, needs")
    model.load_state_dict(tensors)


def pack(model: nn.Module, optimizer: torch.optim.Optimizer, steps: Sequence[Step] = ()) -> dict[str, Tensor]:
    """Everything that another epoch changes, by name: ``model/…``, ``optimizer/<parameter number>/…`` and, of each step
    of a transform that has a state, ``step/<number>/…``."""
    state = optimizer.state_dict()["state"]
    moments = {f"optimizer/{i}/{name}": tensor for i, entry in state.items() for name, tensor in entry.items()}
    kept = {f"step/{i}/{name}": tensor for i, step in _stateful(steps) for name, tensor in step.state_dict().items()}
    return {f"model/{name}": tensor for name, tensor in model.state_dict().items()} | moments | kept


def unpack(
    tensors: Mapping[str, Tensor], model: nn.Module, optimizer: torch.optim.Optimizer, steps: Sequence[Step] = ()
) -> None:
    """Put back what `pack` took.

    Raises
    ------
    Damaged
        When the tensors are not those of this model and of these steps; then nothing was put back.
    """
    moments: dict[str, dict[str, Tensor]] = {}
    states: dict[str, dict[str, Tensor]] = {str(i): {} for i, _ in _stateful(steps)}
    weights = {}
    for path, tensor in tensors.items():
        kind, name = path.split("/", 1)
        if kind == "model":
            weights[name] = tensor
        else:
            number, name = name.split("/", 1)
            (moments if kind == "optimizer" else states).setdefault(number, {})[name] = tensor
    needed = {str(i): _shapes(step.state_dict()) for i, step in _stateful(steps)}
    if needed != {number: _shapes(state) for number, state in states.items()}:
        raise Damaged("checkpoint has other states of transforms than this recipe needs")
    fill(model, weights)
    for i, step in _stateful(steps):
        step.load_state_dict(states[str(i)])
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    state = {
        int(number): {name: _laid_out(tensor, parameters[int(number)]) for name, tensor in entry.items()}
        for number, entry in moments.items()
    }
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})


def _laid_out(moment: Tensor, parameter: Tensor) -> Tensor:
    """A moment, in memory as its parameter is: otherwise Adam rounds differently than without a stop."""
    return torch.empty_like(parameter).copy_(moment) if moment.shape == parameter.shape else moment


def _stateful(steps: Sequence[Step]) -> list[tuple[int, Stateful]]:
    return [(i, step) for i, step in enumerate(steps) if isinstance(step, Stateful)]


def _shapes(tensors: Mapping[str, Tensor]) -> dict[str, torch.Size]:
    return {name: tensor.shape for name, tensor in tensors.items()}
