"""The operation ``rewrite``."""

from __future__ import annotations

import torch

from genvae.context import Context
from genvae.core.latents import Latents
from genvae.core.randomness import Stream
from genvae.errors import DataError, LacksCapability, SettingError
from genvae.latent.asked import asked, said
from genvae.latent.output import Output
from genvae.latent.tools import Tools
from genvae_conditional.rewriting.between import OWN, between
from genvae_conditional.rewriting.requests import Rewrite, Rewritten


@torch.no_grad()
def rewrite(context: Context, request: Rewrite) -> Rewritten:
    """Each item's latent, decoded under the conditions that are asked for; those that are not named stay its own."""
    tools = Tools(context)
    tools.require_latent()
    if not tools.vae.conditions:
        raise LacksCapability(f"the model {context.bundle.name!r} has no conditions: it cannot rewrite by them")
    if not request.conditions:
        raise SettingError("what are the items to become? conditions = NAME=VALUE ...")
    if not request.items:
        raise DataError("no items are given")
    output = Output(context.bundle.modality, request.output)
    count = len(request.items)
    wanted = asked(tools, request.conditions, count)
    before = tools.encode(request.items, asked(tools, request.own, count))
    after: Latents = {**before, **wanted}
    if request.keep == "noise":
        noise = tools.noise(before, "rewrite with keep = noise")
        after = tools.noise({**noise, **wanted}, "rewrite with keep = noise", push=True)
    both = {**after, **{OWN + name: rows for name, rows in before.items()}}
    model = between(tools.vae, request.strength)
    made = tools.render(both, count, Stream(request.seed, "rewrite"), faithful=True, model=model)
    return Rewritten(made, output.write(made), list(request.items), said(tools, before), said(tools, after))
