"""What the handlers of latent operations share: encoding, rendering in tiles, the prior's noise."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from genvae.context import Context
from genvae.core.batch import Batch
from genvae.core.conditions import PRIOR
from genvae.core.decoding.sampling import FLOOR
from genvae.core.distributions import Capability
from genvae.core.latents import Latents, take
from genvae.core.randomness import Stream
from genvae.core.told import guided
from genvae.core.vae import VAE
from genvae.errors import DataError, LacksCapability
from genvae.latent.recognise import recognised
from genvae.operations import Blocks, Described

TILE = 512  # rows decoded at once
ENCODED = 256  # items encoded at once
TRIED = 64  # most values of a condition that are tried on an item of which it is not known


@dataclass(frozen=True)
class Tools:
    """A handler's context, with what latents need."""

    context: Context

    @property
    def vae(self) -> VAE:
        return self.context.bundle.vae

    def batch(self, items: Sequence[Any], first: int = 0, known: Mapping[str, Tensor] | None = None) -> Batch:
        """Items of the user's as a batch. What is observed of items and not ``known`` of these is what fits them best,
        of conditions with no more than TRIED values; one that only the prior is told of stays unknown where it may:
        neither encoder nor decoder asks for it."""
        bundle = self.context.bundle
        examples = [bundle.modality.example(item) for item in items]
        batch = bundle.modality.collate(examples, range(first, first + len(items)))
        batch = batch.knowing(**{**bundle.conditions.unknown(len(items)), **batch.conditions, **(known or {})})
        for block in self.vae.blocks:
            values = bundle.values(block.name)
            own = bundle.conditions.get(block.name)
            if own is None or not (len(values) > TRIED or (own.reaches == (PRIOR,) and bundle.meets_unknown)):
                batch = recognised(self.vae, batch, block.name, values)
        return batch

    @torch.no_grad()
    def encode(self, items: Sequence[Any], known: Latents | None = None) -> Latents:
        """The posterior mean of every block, and what is observed: where it is not ``known``, what fits best. Raises
        GenvaeError for a model that has no latent, or no items."""
        self.require_latent()
        if not items:
            raise DataError("no items are given")
        parts = []
        for first in range(0, len(items), ENCODED):
            some = slice(first, first + ENCODED)
            parts.append(self.vae.infer(self.batch(items[some], first, take(known or {}, some))).latents)
        return {name: torch.cat([part[name] for part in parts]) for name in parts[0]}

    def blends(self, block: str) -> bool:
        """Whether what lies between two rows of a block means something."""
        known = self.vae.conditions
        return block not in known or known[block].blends

    def require_latent(self) -> None:
        """Raise LacksCapability when the model has no latent."""
        if not self.vae.latent_dim:
            raise LacksCapability(
                f"the model {self.context.bundle.name!r} has no latent: it can only generate and be evaluated"
            )

    def guided(self, weight: float) -> VAE:
        """The model with guidance; raises LacksCapability for one that is told no conditions, or that was never trained
        on unknown ones."""
        if weight != 1.0 and self.vae.conditions and not self.context.bundle.meets_unknown:
            raise LacksCapability(
                "guidance steps away from what is said without the conditions, and this model was never trained on "
                "unknown ones: train with condition_dropout"
            )
        return guided(self.vae, weight)

    @torch.no_grad()
    def render(
        self, latents: Latents, count: int, stream: Stream, *, faithful: bool, first: int = 0, model: VAE | None = None
    ) -> list[Any]:
        """Items from latents, tile by tile. A ``model`` that is given decodes them in place of the bundle's."""
        model = model or self.vae
        options, modality = self.context.options(), self.context.bundle.modality
        found: list[Any] = []
        for start in range(0, count, TILE):
            # filled up where there are few: -n 1 is then the beginning of -n 100, to the bit
            places = torch.arange(start, max(min(start + TILE, count), start + FLOOR))
            rows, numbers = places.clamp(max=count - 1), first + places
            found += modality.render(model, take(latents, rows), numbers, options, stream, faithful=faithful)
        return found[:count]

    def noise(self, latents: Mapping[str, Tensor], tool: str, *, push: bool = False) -> Latents:
        """Latents as the prior's noise, or (``push``) noise as latents, block by block. What is observed is no noise,
        and stays."""
        self.vae.prior.require(Capability.TRANSPORT, tool)
        given: Latents = dict(latents)
        before: Latents = {}
        made: Latents = {}
        for block in self.vae.blocks:
            value = given[block.name]
            if block.name in self.vae.observed:
                before[block.name] = made[block.name] = value
                continue
            prior = self.vae.prior.at(block, before, len(value))
            made[block.name] = prior.push(value) if push else prior.pull(value)
            before[block.name] = made[block.name] if push else value
        return made


def blocks(context: Context, request: Blocks) -> Described:
    """The model's blocks, in the order they are drawn."""
    modality, known = context.bundle.modality, context.bundle.vae.conditions
    listed = [
        {"name": block.name, "called": modality.called(block.name), "shape": list(block.shape), "shared": block.shared,
         "values": list(context.bundle.values(block.name)),
         "condition": known[block.name].declared() if block.name in known else None}
        for block in context.bundle.vae.blocks
    ]  # fmt: skip
    return Described(listed, modality.media or context.bundle.part().media)
