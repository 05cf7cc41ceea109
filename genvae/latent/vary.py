"""Variations around an item."""

from __future__ import annotations

import torch

from genvae.asking import Items
from genvae.context import Context
from genvae.core.randomness import Stream
from genvae.latent.output import Output
from genvae.latent.tools import Tools
from genvae.operations import Vary


def vary(context: Context, request: Vary) -> Items:
    """Items at a distance from one: its noise under the prior, moved by ``distance`` standard deviations in
    random directions; 0 is the reconstruction. What is observed of it stays."""
    tools = Tools(context)
    output = Output(context.bundle.modality, request.output)
    stream = Stream(request.seed, "vary")
    start = tools.noise(tools.encode([request.item]), "vary")
    items = torch.arange(request.n)
    moved = {
        block.name: start[block.name] + request.distance * stream.at(block.name).normal(items, *block.shape)
        for block in tools.vae.latent
    }  # fmt: skip
    moved |= {name: start[name].expand(request.n, *start[name].shape[1:]) for name in tools.vae.observed}
    latents = tools.noise(moved, "vary", push=True)
    varied = tools.render(latents, request.n, stream, faithful=True)
    return Items(varied, output.write(varied))
