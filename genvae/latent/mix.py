"""Mixing: each block from other items."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from genvae.context import Context
from genvae.core.latents import Latents
from genvae.core.randomness import Stream
from genvae.errors import SettingError, nearest
from genvae.latent.tools import Tools
from genvae.operations import Items, Mix


def mix(context: Context, request: Mix) -> Items:
    """One item whose blocks are weighted means of the items' blocks; weights are scaled to sum to 1."""
    tools = Tools(context)
    latents = tools.encode(request.items)
    names = [block.name for block in tools.vae.blocks]
    for name in request.weights:
        if name not in names:
            raise SettingError(f"the model has no block {name!r}; {nearest(str(name), names)}")
    count = len(request.items)
    mixed: Latents = {}
    for name in names:
        weights = _weights(name, request.weights.get(name), count)
        mixed[name] = torch.tensordot(weights, latents[name], dims=1)[None]
    return Items(tools.render(mixed, 1, Stream(request.seed, "mix"), faithful=True))


def _weights(name: str, given: Any, count: int) -> Tensor:
    if given is None:
        return torch.full((count,), 1.0 / count)
    try:
        weights = torch.as_tensor(given, dtype=torch.float32)
    except (TypeError, ValueError, RuntimeError):
        raise SettingError(f"the weights of block {name!r} are not a list of numbers") from None
    if weights.shape != (count,):
        raise SettingError(f"block {name!r} needs {count} weights, one an item; got {weights.numel()}")
    if not weights.isfinite().all() or not float(weights.sum()):
        raise SettingError(f"the weights of block {name!r} must be finite and not sum to 0")
    return weights / weights.sum()
