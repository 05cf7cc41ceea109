"""The importance-weighted bound of several draws an item (Burda, Grosse and Salakhutdinov, "Importance Weighted
Autoencoders", 2016):

    log p(x) >= E log 1/K sum over k of p(x, z_k) / q(z_k | x),        z_1 ... z_K ~ q(z | x).

It is the ELBO for K = 1 and rises with K. A group's items that share a block have one weight together.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch

from genvae.core.batch import Batch
from genvae.core.bounds import log_weights, repeated
from genvae.core.distributions import Capability
from genvae.core.objectives.base import Objective, Terms
from genvae.core.randomness import Stream
from genvae.core.vae import VAE
from genvae.errors import SettingError
from genvae.settings import setting


class ImportanceWeighted(Objective):
    """-bound in nats per item. "distortion", "rate" and "elbo" are means over the draws, the rate as log q - log p of
    each."""

    def __init__(self, samples: int) -> None:
        super().__init__()
        self.samples = samples

    def forward(self, model: VAE, batch: Batch, step: int | None, stream: Stream, player: str = "model") -> Terms:
        features = model.encode(batch)
        own = stream.at("posterior")
        draws = [model.draw(batch, features, own.again(k)) for k in range(self.samples)]
        stacked = {name: torch.cat([draw.latents[name] for draw in draws]) for name in draws[0].latents}
        distortion = model.distortion(stacked, repeated(batch, self.samples)).reshape(self.samples, len(batch))
        weights = torch.stack([log_weights(model, draw, nats) for draw, nats in zip(draws, distortion, strict=True)])
        bound = (weights.logsumexp(0) - math.log(self.samples)).sum() / len(batch)
        elbo, distorted = weights.mean(0).sum() / len(batch), distortion.mean()
        named = {"elbo": elbo, "distortion": distorted, "rate": -elbo - distorted, "bound": bound}
        return Terms(-bound, {name: value.detach() for name, value in named.items()})


@dataclass(frozen=True, kw_only=True)
class ImportanceWeightedSettings:
    """The importance-weighted bound."""

    samples: int = setting(5, help="draws an item; each is decoded", ge=1, le=10_000)

    def build(self, model: VAE) -> ImportanceWeighted:
        if not model.latent_dim:
            raise SettingError("objective 'importance-weighted' needs a latent; this model has none")
        model.prior.require(Capability.DENSITY, "objective 'importance-weighted'")
        return ImportanceWeighted(self.samples)
