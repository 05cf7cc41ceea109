"""Variations around an item."""

from __future__ import annotations

import torch

from genvae.core.randomness import Stream
from genvae.latent.context import Context
from genvae.operations import Items, Vary


def vary(context: Context, request: Vary) -> Items:
    """Items at a distance from one: its noise under the prior, moved by ``distance`` standard deviations in
    random directions; 0 is the reconstruction."""
    stream = Stream(request.seed, "vary")
    start = context.noise(context.encode([request.item]), "vary")
    items = torch.arange(request.n)
    moved = {
        block.name: start[block.name] + request.distance * stream.at(block.name).normal(items, *block.shape)
        for block in context.vae.blocks
    }
    latents = context.noise(moved, "vary", push=True)
    return Items(context.render(latents, request.n, stream, faithful=True))
