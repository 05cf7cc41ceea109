"""The evidence lower bound (Kingma and Welling 2014; Rezende et al. 2014), with beta and free bits.

beta: Higgins et al. 2017. Free bits per dimension: Kingma et al. 2016, on the batch's mean. A beta for each block is a
bottleneck of its own, with its own schedule: ``blocks: {style: {beta: 0.5, free_bits: 0.2}}``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from genvae.core.latents import Block, block_named
from genvae.core.objectives.weighed import BlockWeight, Weighed, block_weights
from genvae.core.schedules import Constant, Schedule, within
from genvae.core.terms.base import TermSettings
from genvae.core.vae import VAE
from genvae.errors import SettingError
from genvae.settings import setting


class Elbo(Weighed):
    """distortion + beta * rate, in nats per item; blocks with a beta of their own pay by that.

    Free bits put a floor under the rate that is paid for, per dimension and in total; below it the
    rate costs nothing. The floor is on the mean over the batch it is given, so with free bits (and
    only then) an accumulated batch is not exactly the large one. A block without a KL in closed form has one rate
    for all its dimensions, and the floor of all of them under it.
    """

    def __init__(self, settings: ElboSettings, model: VAE) -> None:
        super().__init__(settings.terms, model)
        self.settings = settings

    def weigh(
        self,
        distortion: Float[Tensor, ""],
        rates: Mapping[Block, Float[Tensor, " columns"]],
        step: int | None,
    ) -> tuple[Float[Tensor, ""], dict[str, Tensor]]:
        paid, apart = distortion.new_zeros(()), distortion.new_zeros(())
        for block, each in rates.items():
            own = self.settings.blocks.get(block.name, BlockWeight())
            free = self.settings.free_bits if own.free_bits is None else own.free_bits
            floor = free * block.size / len(each)
            # without a floor nothing is cut: an estimate of a rate may be below 0
            nats = (each.clamp(min=floor) if floor else each).sum()
            if own.beta is None:
                paid = paid + nats
            else:
                apart = apart + own.beta.at(step) * nats
        if self.settings.free_bits_total:
            paid = torch.clamp(paid, min=self.settings.free_bits_total)
        return distortion + self.settings.beta.at(step) * paid + apart, {}


@dataclass(frozen=True, kw_only=True)
class ElboSettings:
    """The evidence lower bound with beta and free bits."""

    beta: Schedule = setting(Constant(value=1.0), help="weight of the rate", convert=within(0.0))
    free_bits: float = setting(0.0, help="nats of each latent dimension that cost nothing", ge=0.0)
    free_bits_total: float = setting(0.0, help="nats of the whole latent that cost nothing", ge=0.0)
    blocks: Mapping[str, BlockWeight] = setting(
        {}, help="what single blocks cost instead, {block: {beta: B, free_bits: F}}", convert=block_weights
    )
    terms: tuple[TermSettings, ...] = setting(
        (), help="additions to the loss, each an id or {term: ID, weight: W, ...}", parts="term"
    )

    def build(self, model: VAE) -> Elbo:
        for name in self.blocks:
            block_named(model.blocks, name, "objective 'elbo': blocks")
        if self.free_bits_total and any(own.beta is not None for own in self.blocks.values()):
            raise SettingError(
                "free_bits_total is of all blocks at one price; with a beta for single blocks give them free_bits"
            )
        return Elbo(self, model)
