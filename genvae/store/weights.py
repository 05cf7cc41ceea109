"""Weights as safetensors: modules with shared tables, and optimizer states."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from genvae.errors import CheckpointError


def tensors(module: nn.Module) -> dict[str, Tensor]:
    """The state of a module, its very tensors; one with two names is listed under the first."""
    seen: set[int] = set()
    state = {}
    for name, value in module.state_dict(keep_vars=True).items():
        if id(value) not in seen:
            seen.add(id(value))
            state[name] = value.detach()
    return state


def save_module(module: nn.Module, path: Path, dtype: torch.dtype | None = None) -> None:
    """Write a module's weights, floats in ``dtype`` when one is given."""
    state = {
        name: (value.to(dtype) if dtype is not None and value.is_floating_point() else value).contiguous()
        for name, value in tensors(module).items()
    }
    _write(state, path)


def _write(state: dict[str, Tensor], path: Path) -> None:
    """Write tensors; a full disk is an OSError here as everywhere."""
    try:
        save_file(state, str(path))
    except SafetensorError as error:
        raise OSError(errno.EIO, f"writing failed ({' '.join(str(error).split())[:120]})", str(path)) from None


def read_tensors(path: Path) -> dict[str, Tensor]:
    """The tensors of a file; raises CheckpointError when it is damaged."""
    try:
        return load_file(str(path))
    except FileNotFoundError:
        raise CheckpointError(f"{path} is missing") from None
    except (SafetensorError, OSError, ValueError) as error:
        raise CheckpointError(f"{path}: damaged weights ({' '.join(str(error).split())[:120]})") from None


def load_module(module: nn.Module, path: Path) -> None:
    """Read a module's weights in the module's own precision; every one must be there and fit."""
    state = read_tensors(path)
    wanted = tensors(module)
    wrong = sorted(set(wanted) ^ set(state)) or sorted(n for n in wanted if wanted[n].shape != state[n].shape)
    if wrong:
        raise CheckpointError(f"{path}: its weights are of another model (first difference: {wrong[0]})")
    with torch.no_grad():
        for name, value in wanted.items():
            value.copy_(state[name])


def save_optimizer(optimizer: torch.optim.Optimizer, path: Path) -> None:
    """Write an optimizer's state, a tensor an entry."""
    state: dict[str, Tensor] = {}
    for number, entries in optimizer.state_dict()["state"].items():
        for name, value in entries.items():
            state[f"{number}.{name}"] = torch.as_tensor(value).clone()
    _write(state, path)


def load_optimizer(optimizer: torch.optim.Optimizer, path: Path) -> None:
    """Read what ``save_optimizer`` wrote."""
    state: dict[int, dict[str, Any]] = {}
    for name, value in read_tensors(path).items():
        number, _, entry = name.partition(".")
        state.setdefault(int(number), {})[entry] = value
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})
