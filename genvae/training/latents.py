"""Items replaced by their posteriors, for a prior that is fitted after training."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

from genvae.core.batch import Batch
from genvae.core.distributions import DiagonalGaussian
from genvae.core.latents import Latents
from genvae.core.objectives.fit_prior import as_views
from genvae.core.vae import VAE
from genvae.errors import LacksCapability


@torch.no_grad()
def encoded(model: VAE, batches: Iterable[Batch]) -> Batch:
    """Every item of some batches in one batch: each latent block's mean and log variance as views, what was observed
    as it was. A block whose posterior depends on the blocks before has it at their means.

    Raises LacksCapability for a posterior that these do not describe, and for blocks that items share.
    """
    shared = [block.name for block in model.latent if block.shared]
    if shared:
        raise LacksCapability(f"a phase on latents needs items of their own; block {shared[0]!r} is shared by a group")
    views: dict[str, list[Tensor]] = {}
    conditions: dict[str, list[Tensor]] = {}
    items, cost = [], []
    model.eval()
    for batch in batches:
        features = model.encode(batch)
        before: Latents = {}
        for block in model.blocks:
            if block.name in batch.conditions:
                before[block.name] = batch.conditions[block.name]
                conditions.setdefault(block.name, []).append(before[block.name])
                continue
            assert model.posterior is not None
            # not model.infer: the density of a prior can cost more than the encoder
            prior = model.prior.at(block, before, len(batch))
            posterior = model.posterior.at(block, features, before, prior, batch.groups)
            before[block.name] = posterior.mean
            if not isinstance(posterior, DiagonalGaussian):
                raise LacksCapability(
                    f"a phase on latents needs a diagonal Gaussian posterior; that of {block.name!r} is a "
                    f"{type(posterior).__name__}"
                )
            for name, value in as_views(block, posterior).items():
                views.setdefault(name, []).append(value.float())
        items.append(batch.items)
        cost.append(batch.cost)
    return Batch(
        views={name: torch.cat(parts) for name, parts in views.items()},
        conditions={name: torch.cat(parts) for name, parts in conditions.items()},
        items=torch.cat(items), cost=torch.cat(cost),
    )  # fmt: skip
