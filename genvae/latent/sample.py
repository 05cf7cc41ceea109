"""Sampling from the prior."""

from __future__ import annotations

import torch

from genvae.context import Context
from genvae.core.decoding.sampling import FLOOR
from genvae.core.latents import take
from genvae.core.randomness import Stream
from genvae.latent.asked import asked, said
from genvae.latent.output import Output
from genvae.latent.tools import Tools
from genvae.operations import Generate, Generated


@torch.no_grad()
def generate(context: Context, request: Generate) -> Generated:
    """Items number ``start`` to ``start + n``: each depends on the seed, its number and what is asked of it alone."""
    tools = Tools(context)
    output = Output(context.bundle.modality, request.output)
    stream = Stream(request.seed, "generate")
    items = torch.arange(request.start, request.start + max(request.n, FLOOR))
    observed = asked(tools, request.conditions, len(items))
    model = tools.guided(request.guidance)
    drawn = model.sample_prior(items, stream, scale=request.prior_scale, observed=observed)
    latents = take(drawn, slice(request.n))
    made = tools.render(latents, request.n, stream, faithful=False, first=request.start, model=model)
    return Generated(made, output.write(made), request.seed, said(tools, latents))
