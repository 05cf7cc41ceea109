"""Bounds on log p(x), a group of items at a time."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from genvae.core.batch import Batch
from genvae.core.distributions import Capability
from genvae.core.randomness import Stream
from genvae.core.vae import VAE, Draw


@dataclass(frozen=True)
class Bound:
    """Bounds on log p(x) of each group, in nats; without groups, of each item.

    ``elbo`` is the mean over the samples, ``log_likelihood`` the importance-weighted bound.
    """

    elbo: Float[Tensor, " g"]
    log_likelihood: Float[Tensor, " g"]
    samples: int


def log_weights(model: VAE, draw: Draw, distortion: Float[Tensor, " n"]) -> Float[Tensor, " g"]:
    """log p(x, z) - log q(z|x) of one draw, a group at a time, in nats."""
    weights = draw.groups.total(-distortion)
    for block in model.blocks:
        if block.name in draw.log_q:
            weights = weights + draw.per_group(block, draw.log_p[block.name] - draw.log_q[block.name])
    return weights


@torch.no_grad()
def importance_weighted(model: VAE, batch: Batch, stream: Stream, *, samples: int, rows: int = 1024) -> Bound:
    """The importance-weighted bound of Burda, Grosse and Salakhutdinov (2016).

    Samples are decoded in chunks of about ``rows`` rows. Weights are kept as logarithms and summed
    by a running log-sum-exp, so the answer neither overflows nor depends on the chunks.
    """
    model.prior.require(Capability.DENSITY, "the importance-weighted bound")
    if not model.latent_dim:
        exact = batch.groups.total(-model.distortion(model.infer(batch).latents, batch))
        return Bound(exact, exact, 1)
    features = model.encode(batch)
    groups = batch.groups
    log_sum = torch.full((groups.count,), -math.inf, device=model.device)
    elbo = torch.zeros(groups.count, device=model.device)
    at_once = max(1, min(samples, rows // len(batch)))
    whole = repeated(batch, at_once)
    for first in range(0, samples, at_once):
        count = min(at_once, samples - first)
        wide = whole if count == at_once else repeated(batch, count)
        draws = [model.draw(batch, features, stream.again(first + k)) for k in range(count)]
        stacked = {name: torch.cat([d.latents[name] for d in draws]) for name in draws[0].latents}
        distortion = model.distortion(stacked, wide).reshape(count, len(batch))
        for draw, nats in zip(draws, distortion):
            weights = log_weights(model, draw, nats)
            log_sum = torch.logaddexp(log_sum, weights)
            elbo = elbo + weights / samples
    return Bound(elbo, log_sum - math.log(samples), samples)


def repeated(batch: Batch, times: int) -> Batch:
    """A batch ``times`` times, one whole after the other."""
    rows = torch.arange(len(batch), device=batch.items.device).repeat(times)
    return batch.take(rows)
