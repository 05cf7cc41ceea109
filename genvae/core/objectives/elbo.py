"""The evidence lower bound (Kingma and Welling 2014; Rezende et al. 2014), with beta and free bits.

beta: Higgins et al. 2017. Free bits per dimension: Kingma et al. 2016, on the batch's mean.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from genvae.core.latents import Block
from genvae.core.objectives.weighed import Weighed
from genvae.core.schedules import Constant, Schedule, within
from genvae.core.terms.base import TermSettings
from genvae.core.vae import VAE
from genvae.settings import setting


class Elbo(Weighed):
    """distortion + beta * rate, in nats per item.

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
        paid = distortion.new_zeros(())
        for block, each in rates.items():
            floor = self.settings.free_bits * block.size / len(each)
            # without a floor nothing is cut: an estimate of a rate may be below 0
            paid = paid + (each.clamp(min=floor) if floor else each).sum()
        if self.settings.free_bits_total:
            paid = torch.clamp(paid, min=self.settings.free_bits_total)
        return distortion + self.settings.beta.at(step) * paid, {}


@dataclass(frozen=True, kw_only=True)
class ElboSettings:
    """The evidence lower bound with beta and free bits."""

    beta: Schedule = setting(Constant(value=1.0), help="weight of the rate", convert=within(0.0))
    free_bits: float = setting(0.0, help="nats of each latent dimension that cost nothing", ge=0.0)
    free_bits_total: float = setting(0.0, help="nats of the whole latent that cost nothing", ge=0.0)
    terms: tuple[TermSettings, ...] = setting((), help="additions to the loss, each {term: ID, weight: W, ...}")

    def build(self, model: VAE) -> Elbo:
        return Elbo(self, model)
