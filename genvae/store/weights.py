"""Weights as safetensors: modules with shared tables, and optimizer states."""

from __future__ import annotations

import errno
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from genvae.errors import CheckpointError

SCALE = ":scale"  # of a tensor's name: what its whole numbers are multiplied by
STEPS = 126.0  # the largest whole number; one is left over for a scale that was rounded down


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
    """Write a module's weights, floats in ``dtype`` when one is given. In int8 each row of a matrix (the last axis of
    what has more) has a scale of its own, so that no number is off by more than 1/252 of its row's largest; vectors
    stay in float16."""
    state: dict[str, Tensor] = {}
    for name, value in tensors(module).items():
        if dtype is None or not value.is_floating_point():
            state[name] = value.contiguous()
        elif dtype is not torch.int8:
            state[name] = value.to(dtype).contiguous()
        elif value.ndim < 2:
            state[name] = value.to(torch.float16).contiguous()
        else:
            scale = (value.float().abs().amax(-1, keepdim=True) / STEPS).to(torch.bfloat16)
            whole = value.float() / scale.float().clamp(min=torch.finfo(torch.float32).tiny)
            state[name], state[name + SCALE] = whole.round().clamp(-127, 127).to(torch.int8).contiguous(), scale
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


def _read_weights(path: Path) -> dict[str, Tensor]:
    """The weights of a file, whole numbers multiplied by their scales."""
    state = read_tensors(path)
    for name in [name for name in state if name.endswith(SCALE)]:
        of = name.removesuffix(SCALE)
        if of not in state:
            raise _another(path, name)
        state[of] = state[of].float() * state.pop(name).float()
    return state


def _another(path: Path, name: str) -> CheckpointError:
    return CheckpointError(f"{path}: its weights are of another model (first difference: {name})")


def load_module(module: nn.Module, path: Path) -> None:
    """Read a module's weights in the module's own precision; every one must be there and fit."""
    state, wanted = _read_weights(path), tensors(module)
    wrong = sorted(set(wanted) ^ set(state)) or sorted(n for n in wanted if wanted[n].shape != state[n].shape)
    if wrong:
        raise _another(path, wrong[0])
    with torch.no_grad():
        for name, value in wanted.items():
            value.copy_(state[name])


def load_into_larger(module: nn.Module, path: Path, moved: Mapping[str, str]) -> list[str]:
    """Read the weights of a module into one of the same parts that are given more to read, after what they read
    before: matrices have further columns, zeros at first, so that it says what it said. ``moved`` are beginnings of
    names, and what they are now.

    A part that has gained a weight begins anew, its weights being fitted to each other; a dictionary or list of parts
    may gain some. Returns the names of those that begin anew and had weights before. Raises CheckpointError for any
    other difference.
    """
    state, wanted = _read_weights(path), tensors(module)
    for before, now in moved.items():
        state = {now + n.removeprefix(before) if n.startswith(before) else n: value for n, value in state.items()}
    anew: set[str] = set()
    for name in wanted.keys() - state.keys():
        part = name.rpartition(".")[0]
        within = part.rpartition(".")[0]
        lists = isinstance(module.get_submodule(within), nn.ModuleDict | nn.ModuleList)
        anew.add(part if lists else within)
    kept = {name: value for name, value in wanted.items() if not any(name.startswith(f"{part}.") for part in anew)}
    lost = sorted(name for name in state if name not in wanted)
    other = sorted(name for name, value in kept.items() if not _begins(state[name], value))
    if lost or other:
        raise _another(path, (lost or other)[0])
    with torch.no_grad():
        for name, value in kept.items():
            if value.shape == state[name].shape:
                value.copy_(state[name])
            else:
                value.zero_()[:, : state[name].shape[1]] = state[name]
    return sorted(part for part in anew if any(name.startswith(f"{part}.") for name in state))


def _begins(had: Tensor, has: Tensor) -> bool:
    """Whether a tensor can begin another: equal shapes, or a matrix with further columns."""
    if had.shape == has.shape:
        return True
    return had.ndim == has.ndim == 2 and len(had) == len(has) and had.shape[1] < has.shape[1]


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
