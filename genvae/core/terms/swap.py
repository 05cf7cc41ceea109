"""Blocks of different items, decoded together, must come back when that is encoded (Jha, Anand, Singh and
Veeravasarapu, "Disentangling Factors of Variation with Cycle-Consistent Variational Auto-Encoders", 2018).

As -log q(z | decoded) it bounds the information that the decoded item keeps of its latent (Chen et al., "InfoGAN",
2016): a block that the decoder ignores, or that the encoder fills from what belongs to another block, cannot come back.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float, Int
from torch import Tensor

from genvae.core.batch import Batch
from genvae.core.distributions import DiagonalGaussian, Distribution
from genvae.core.latents import Groups, Latents, block_named
from genvae.core.likelihoods.base import FactorisedLikelihood
from genvae.core.randomness import Stream
from genvae.core.schedules import Constant, Schedule, within
from genvae.core.terms.base import Term, TermSettings
from genvae.core.vae import VAE, Draw
from genvae.errors import LacksCapability
from genvae.settings import setting

WAYS = ("density", "distance")


def partners(batch: Batch, groups: Groups, stream: Stream) -> Int[Tensor, " n"]:
    """For each item the row of an item of another group, the same other group for all items of one; where there is
    one group alone, a row of that."""
    order = stream.uniform(groups.first(batch.items), 1)[:, 0].argsort()  # the groups in a random ring
    following = torch.empty_like(order)
    following[order] = order.roll(-1)
    rows = torch.arange(len(batch), device=order.device)
    first = batch.items == groups.first(batch.items)[groups.of_item]  # in each group the row of its first item
    row = torch.zeros_like(order).scatter_reduce(0, groups.of_item, rows * first, "amax")
    return row[following[groups.of_item]]


class Swapping(Term):
    """A term that decodes blocks of one item with the other blocks of another: the ``blocks`` (the shared ones, unless
    others are named) come from an item of another group, all others are the item's own."""

    def __init__(self, settings: SwappingSettings, model: VAE) -> None:
        super().__init__(settings.weight)
        name = f"term {self.id!r}"
        if not isinstance(model.likelihood, FactorisedLikelihood):
            raise LacksCapability(
                f"{name} reads the mean of what is decoded, and a {type(model.likelihood).__name__} has none"
            )
        chosen = [block_named(model.blocks, block, name).name for block in settings.blocks]
        self.taken = chosen or [block.name for block in model.blocks if block.shared]
        if not self.taken:
            raise LacksCapability(f"{name} needs a block that is shared by a group, or set its blocks")

    def swapped(
        self, model: VAE, batch: Batch, latents: Mapping[str, Tensor], source: Int[Tensor, " n"]
    ) -> tuple[Latents, Batch]:
        """The latents with the taken blocks of ``source``, and a batch whose input is what they decode to."""
        assert isinstance(model.likelihood, FactorisedLikelihood)
        mixed = {name: v[source] if name in self.taken else v for name, v in latents.items()}
        conditions = {name: v[source] if name in self.taken else v for name, v in batch.conditions.items()}
        told = replace(batch, conditions=conditions)
        decoded = model.likelihood.mean(model.decoder(mixed, told).float())
        if decoded.shape != batch.views["input"].shape:
            raise LacksCapability(
                f"term {self.id!r} reads what is decoded, {tuple(decoded.shape)}, as the encoder reads its input, "
                f"{tuple(batch.views['input'].shape)}"
            )
        return mixed, told.viewing(input=decoded)


class Swap(Swapping):
    """What it costs to find the latents of a swap again, in nats per item; a shared block's count once a group.

    The likelihood's mean is decoded and encoded again. Latents are given: none moves to where it is easily found.
    "density" is -log q(z | decoded); "distance" is half the squared distance between z and the mean found, in units of
    the posterior's scale, which does not widen for it.
    """

    id = "swap"

    def __init__(self, settings: SwapSettings, model: VAE) -> None:
        super().__init__(settings, model)
        self.by = settings.by

    def forward(self, model: VAE, batch: Batch, draw: Draw, step: int | None, stream: Stream) -> Float[Tensor, ""]:
        source = partners(batch, draw.groups, stream.at("partners"))
        given = {name: value.detach() for name, value in draw.latents.items()}
        mixed, again = self.swapped(model, batch, given, source)
        found = model.infer(again)
        total = again.cost.new_zeros(())
        for block in model.blocks:
            if block.name in found.posteriors:
                value = mixed[block.name]
                wanted = found.groups.one(value) if block.shared else value
                total = total + self._nats(found.posteriors[block.name], wanted).sum()
        return total / len(batch)

    def _nats(self, posterior: Distribution, value: Float[Tensor, "rows ..."]) -> Float[Tensor, " rows"]:
        if self.by == "density":
            return -posterior.log_prob(value)
        if not isinstance(posterior, DiagonalGaussian):
            raise LacksCapability("term 'swap' knows no scale of this posterior: set its by to density")
        return 0.5 * ((value - posterior.mean) / posterior.scale.detach()).square().flatten(1).sum(1)


@dataclass(frozen=True, kw_only=True)
class SwappingSettings(TermSettings):
    """What every term over swaps has."""

    weight: Schedule = setting(Constant(value=1.0), help="its share of the loss", convert=within(0.0))
    blocks: tuple[str, ...] = setting((), help="the blocks taken from an item of another group; default: the shared")


@dataclass(frozen=True, kw_only=True)
class SwapSettings(SwappingSettings):
    """Blocks of different items, decoded together, must be found again."""

    by: str = setting("density", help="-log q of the latents, or their squared distance in posterior scales",
                      choices=WAYS)  # fmt: skip

    def build(self, model: VAE) -> Swap:
        return Swap(self, model)
