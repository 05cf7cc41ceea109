"""The value of an observed block that is not known of an item: the one under which the item's bound is the best.

Enumeration, as in Kingma, Mohamed, Rezende and Welling, "Semi-supervised Learning with Deep Generative Models" (2014),
with all values equally likely beforehand. What a block costs that all items of a group share is left out: all of
them pay for it, and one item alone would be called what is cheapest to say, not what it shows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import torch
from jaxtyping import Float
from torch import Tensor

from genvae.core.batch import Batch
from genvae.core.vae import VAE
from genvae.errors import LacksCapability

ROWS = 512  # items times values that are tried at once


@torch.no_grad()
def recognised(model: VAE, batch: Batch, block: str, values: Mapping[str, Tensor]) -> Batch:
    """The batch with every row of the condition ``block`` known; those that are keep theirs."""
    given = batch.conditions.get(block)
    if given is None or not values:
        return batch
    unknown = (~given.flatten(1).bool().any(1)).nonzero()[:, 0]
    if not len(unknown):
        return batch
    tried = torch.stack(list(values.values())).to(given)
    found = given.clone()
    for rows in unknown.split(max(1, ROWS // len(tried))):
        each = replace(batch, group=None).take(rows.repeat_interleave(len(tried)))
        each = replace(each, conditions={**each.conditions, block: tried.repeat(len(rows), *[1] * (tried.dim() - 1))})
        found[rows] = tried[_nats(model, each).reshape(len(rows), len(tried)).argmin(1)]
    return replace(batch, conditions={**batch.conditions, block: found})


def _nats(model: VAE, batch: Batch) -> Float[Tensor, " n"]:
    """What the posterior mean costs, and the rate of the item's own blocks where it can be had."""
    draw = model.infer(batch)
    nats = model.distortion(draw.latents, batch)
    for block in model.blocks:
        if block.name in draw.log_q and not block.shared:
            try:
                nats = nats + draw.rate(block).sum(1)
            except LacksCapability:
                continue
    return nats
