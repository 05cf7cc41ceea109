"""The noise of a model's latent blocks as one vector an item, and the model's classifiers."""

from __future__ import annotations

from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from genvae.core.distributions import Capability
from genvae.core.latents import Block, Latents
from genvae.errors import CheckpointError, LacksCapability
from genvae.latent.tools import Tools
from genvae.store.folders import sha256
from genvae.store.locate import locate

FOLDER = "classifiers"


def latent_blocks(tools: Tools, tool: str) -> list[Block]:
    """The blocks that noise is pushed to; raises LacksCapability for a model that has none, or no such prior."""
    tools.require_latent()
    tools.vae.prior.require(Capability.TRANSPORT, tool)
    if not tools.vae.latent:
        raise LacksCapability(f"{tool} needs a latent, and all blocks of this model are observed")
    return tools.vae.latent


def joined(noise: Latents, blocks: list[Block]) -> Float[Tensor, "n d"]:
    """All blocks side by side."""
    return torch.cat([noise[block.name].flatten(1) for block in blocks], 1)


def parted(rows: Float[Tensor, "n d"], blocks: list[Block]) -> Latents:
    """The blocks again."""
    parts = rows.to(torch.float32).split([block.size for block in blocks], 1)
    return {block.name: part.reshape(-1, *block.shape) for block, part in zip(blocks, parts, strict=True)}


def place_of(tools: Tools, model: str, asked: str | None) -> tuple[Path, str]:
    """Where the classifiers of a model are, and the checksum of its weights."""
    folder = locate(model, tools.context.host)
    weights = folder / "model.safetensors"
    if not weights.is_file():
        raise CheckpointError(f"{weights} is missing")
    return (Path(asked).expanduser() if asked is not None else folder / FOLDER), sha256(weights)
