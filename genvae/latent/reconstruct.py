"""Encoding, decoding, and both."""

from __future__ import annotations

from typing import Any

import torch

from genvae.asking import Items
from genvae.context import Context
from genvae.core.latents import Latents
from genvae.core.randomness import Stream
from genvae.errors import SettingError, nearest
from genvae.latent.asked import said
from genvae.latent.output import Output
from genvae.latent.tools import Tools
from genvae.operations import Decode, Encode, Encoded, Reconstruct, Reconstructed


def encode(context: Context, request: Encode) -> Encoded:
    """The posterior mean of every block as an array, one row an item."""
    tools = Tools(context)
    latents = tools.encode(request.items)
    return Encoded({name: value.numpy() for name, value in latents.items()})


def decode(context: Context, request: Decode) -> Items:
    """The item each row of the latents stands for."""
    tools = Tools(context)
    output = Output(context.bundle.modality, request.output)
    latents = _checked(tools, request.latents)
    count = len(next(iter(latents.values())))
    made = tools.render(latents, count, Stream(request.seed, "decode"), faithful=True)
    return Items(made, output.write(made))


def reconstruct(context: Context, request: Reconstruct) -> Reconstructed:
    """Items decoded from their posterior means."""
    tools = Tools(context)
    output = Output(context.bundle.modality, request.output)
    latents = tools.encode(request.items)
    back = tools.render(latents, len(request.items), Stream(request.seed, "reconstruct"), faithful=True)
    modality = context.bundle.modality
    before = [modality.item(modality.example(item)) for item in request.items]
    beside = [item for pair in zip(before, back, strict=True) for item in pair]
    return Reconstructed(back, output.write(beside, 2), before, said(tools, latents))


def _checked(tools: Tools, given: dict[str, Any]) -> Latents:
    """Latents of the user's, every block there and of its shape."""
    tools.require_latent()
    blocks = {block.name: block for block in tools.vae.blocks}
    for name in given:
        if name not in blocks:
            raise SettingError(f"the model has no block {name!r}; {nearest(str(name), blocks)}")
    latents: Latents = {}
    for name, block in blocks.items():
        if name not in given:
            raise SettingError(f"the block {name!r} is missing from the latents")
        try:
            value = torch.as_tensor(given[name], dtype=torch.float32)
        except (TypeError, ValueError, RuntimeError):
            raise SettingError(f"the block {name!r} is not a table of numbers") from None
        if tuple(value.shape[1:]) != block.shape or value.ndim == 0 or not len(value):
            wanted = ("rows", *block.shape)
            raise SettingError(f"the block {name!r} has shape {tuple(value.shape)}; it must be {wanted}")
        if not value.isfinite().all():
            raise SettingError(f"the block {name!r} holds a number that is not finite")
        latents[name] = value
    if len({len(value) for value in latents.values()}) > 1:
        raise SettingError("the blocks have different numbers of rows")
    return latents
