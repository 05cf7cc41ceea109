"""Sampling from the prior."""

from __future__ import annotations

import torch

from genvae.context import Context
from genvae.core.randomness import Stream
from genvae.latent.tools import TILE, Tools
from genvae.operations import Generate, Generated


@torch.no_grad()
def generate(context: Context, request: Generate) -> Generated:
    """Items number ``start`` to ``start + n``: each depends on the seed and its number alone."""
    tools = Tools(context)
    stream = Stream(request.seed, "generate")
    skipped = request.start % TILE  # tiles are the same whatever the start
    found = []
    for first in range(request.start - skipped, request.start + request.n, TILE):
        items = torch.arange(first, first + TILE)
        latents = tools.vae.sample_prior(items, stream, scale=request.prior_scale)
        found += tools.render(latents, TILE, stream, faithful=False, first=first)
    return Generated(found[skipped : skipped + request.n], request.seed)
