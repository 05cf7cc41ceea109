"""Sampling from the prior."""

from __future__ import annotations

import torch

from genvae.core.randomness import Stream
from genvae.latent.context import TILE, Context
from genvae.operations import Generate, Generated


@torch.no_grad()
def generate(context: Context, request: Generate) -> Generated:
    """Items number ``start`` to ``start + n``: each depends on the seed and its number alone."""
    stream = Stream(request.seed, "generate")
    skipped = request.start % TILE  # tiles are the same whatever the start
    found = []
    for first in range(request.start - skipped, request.start + request.n, TILE):
        items = torch.arange(first, first + TILE)
        latents = context.vae.sample_prior(items, stream, scale=request.prior_scale)
        found += context.render(latents, TILE, stream, faithful=False, first=first)
    return Generated(found[skipped : skipped + request.n], request.seed)
