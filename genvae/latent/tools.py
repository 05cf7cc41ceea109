"""What the handlers of latent operations share: encoding, rendering in tiles, the prior's noise."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from genvae.context import Context
from genvae.core.batch import Batch
from genvae.core.decoding.sampling import FLOOR
from genvae.core.distributions import Capability
from genvae.core.latents import Latents, take
from genvae.core.randomness import Stream
from genvae.core.vae import VAE
from genvae.errors import DataError, LacksCapability
from genvae.latent.recognise import recognised
from genvae.operations import Blocks, Described

TILE = 512  # rows decoded at once
ENCODED = 256  # items encoded at once


@dataclass(frozen=True)
class Tools:
    """A handler's context, with what latents need."""

    context: Context

    @property
    def vae(self) -> VAE:
        return self.context.bundle.vae

    def batch(self, items: Sequence[Any], first: int = 0) -> Batch:
        """Items of the user's as a batch. What is observed of items and unknown of these is what fits them best."""
        modality = self.context.bundle.modality
        examples = [modality.example(item) for item in items]
        batch = modality.collate(examples, range(first, first + len(items)))
        for block in self.vae.blocks:
            batch = recognised(self.vae, batch, block.name, modality.values(block.name))
        return batch

    @torch.no_grad()
    def encode(self, items: Sequence[Any]) -> Latents:
        """The posterior mean of every block; raises GenvaeError for a model that has none, or no items."""
        self.require_latent()
        if not items:
            raise DataError("no items are given")
        parts = [self.vae.infer(self.batch(items[i : i + ENCODED], i)).latents for i in range(0, len(items), ENCODED)]
        return {name: torch.cat([part[name] for part in parts]) for name in parts[0]}

    def require_latent(self) -> None:
        """Raise LacksCapability when the model has no latent."""
        if not self.vae.blocks:
            raise LacksCapability(
                f"the model {self.context.bundle.name!r} has no latent: it can only generate and be evaluated"
            )

    @torch.no_grad()
    def render(self, latents: Latents, count: int, stream: Stream, *, faithful: bool, first: int = 0) -> list[Any]:
        """Items from latents, tile by tile."""
        options, modality = self.context.options(), self.context.bundle.modality
        found: list[Any] = []
        for start in range(0, count, TILE):
            # filled up where there are few: -n 1 is then the beginning of -n 100, to the bit
            places = torch.arange(start, max(min(start + TILE, count), start + FLOOR))
            rows, numbers = places.clamp(max=count - 1), first + places
            found += modality.render(self.vae, take(latents, rows), numbers, options, stream, faithful=faithful)
        return found[:count]

    def noise(self, latents: Mapping[str, Tensor], tool: str, *, push: bool = False) -> Latents:
        """Latents as the prior's noise, or (``push``) noise as latents, block by block."""
        self.vae.prior.require(Capability.TRANSPORT, tool)
        given: Latents = dict(latents)
        before: Latents = {}
        made: Latents = {}
        for block in self.vae.blocks:
            value = given[block.name]
            prior = self.vae.prior.at(block, before, len(value))
            made[block.name] = prior.push(value) if push else prior.pull(value)
            before[block.name] = made[block.name] if push else value
        return made


def blocks(context: Context, request: Blocks) -> Described:
    """The model's blocks, in the order they are drawn."""
    modality = context.bundle.modality
    listed = [
        {"name": block.name, "called": modality.called(block.name), "shape": list(block.shape), "shared": block.shared,
         "values": list(modality.values(block.name))}
        for block in context.bundle.vae.blocks
    ]  # fmt: skip
    return Described(listed, modality.media or context.bundle.part().media)
