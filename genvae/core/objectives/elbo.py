"""The evidence lower bound (Kingma and Welling 2014; Rezende et al. 2014), with beta and free bits.

beta: Higgins et al. 2017. Free bits per dimension: Kingma et al. 2016, on the batch's mean.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from genvae.core.batch import Batch
from genvae.core.objectives.base import Objective, Terms
from genvae.core.randomness import Stream
from genvae.core.schedules import Constant, Schedule, within
from genvae.core.terms.base import TermSettings
from genvae.core.vae import VAE
from genvae.settings import setting


class Elbo(Objective):
    """distortion + beta * rate, in nats per item.

    Free bits put a floor under the rate that is paid for, per dimension and in total; below it the
    rate costs nothing. The floor is on the mean over the batch it is given, so with free bits (and
    only then) an accumulated batch is not exactly the large one.
    """

    def __init__(self, settings: ElboSettings, model: VAE) -> None:
        super().__init__()
        self.settings = settings
        self.terms = nn.ModuleList(term.build(model) for term in settings.terms)

    def forward(self, model: VAE, batch: Batch, step: int | None, stream: Stream, player: str = "model") -> Terms:
        draw = model.infer(batch, stream.at("posterior"))
        distortion = model.distortion(draw.latents, batch).mean()
        rate = distortion.new_zeros(())
        paid = distortion.new_zeros(())
        named: dict[str, Tensor] = {}
        for block in model.blocks:
            if block.name not in draw.posteriors:
                continue
            # summed over rows and divided by items: a shared block counts once a group
            each = draw.rate(block).sum(0) / len(batch)
            named[f"rate/{block.name}"] = each.sum()
            rate = rate + each.sum()
            paid = paid + each.clamp(min=self.settings.free_bits).sum()
        if self.settings.free_bits_total:
            paid = torch.clamp(paid, min=self.settings.free_bits_total)
        beta = self.settings.beta.at(step)
        loss = distortion + beta * paid
        for number, term in enumerate(self.terms):
            value = term(model, batch, draw, step, stream.at("term").again(number))
            loss = loss + term.weight.at(step) * value
            named[type(term).__name__] = value
        named = {"elbo": -(distortion + rate), "distortion": distortion, "rate": rate, **named}
        return Terms(loss, {name: value.detach() for name, value in named.items()})


@dataclass(frozen=True, kw_only=True)
class ElboSettings:
    """The evidence lower bound with beta and free bits."""

    beta: Schedule = setting(Constant(value=1.0), help="weight of the rate", convert=within(0.0))
    free_bits: float = setting(0.0, help="nats of each latent dimension that cost nothing", ge=0.0)
    free_bits_total: float = setting(0.0, help="nats of the whole latent that cost nothing", ge=0.0)
    terms: tuple[TermSettings, ...] = setting((), help="additions to the loss, each {term: ID, weight: W, ...}")

    def build(self, model: VAE) -> Elbo:
        return Elbo(self, model)
