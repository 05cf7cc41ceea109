"""The operation ``rewrite``."""

from __future__ import annotations

from typing import Any

import torch

from genvae.context import Context
from genvae.core.conditions import DECODER
from genvae.core.decoding.options import Decoding
from genvae.core.latents import Latents
from genvae.core.likelihoods import CategoricalSequence
from genvae.core.randomness import Stream
from genvae.core.vae import VAE
from genvae.errors import DataError, LacksCapability, SettingError
from genvae.latent.asked import asked, said
from genvae.latent.output import Output
from genvae.latent.tools import Tools
from genvae_conditional.rewriting.between import OWN, between
from genvae_conditional.rewriting.editing import Editor
from genvae_conditional.rewriting.requests import Rewrite, Rewritten
from genvae_conditional.rewriting.returning import Returning


def edited(tools: Tools, request: Rewrite, before: Latents, after: Latents) -> list[Any]:
    """The items by candidates; raises LacksCapability for a model that does not fill in blanks."""
    bundle, model = tools.context.bundle, tools.vae
    if not isinstance(model.likelihood, CategoricalSequence) or not bundle.meets_blanks:
        raise LacksCapability(
            f"candidates are edits of sequences of symbols, and {bundle.name!r} was not trained to fill in blanks: "
            "train a model of sequences with the corruption blanks"
        )
    rows = [{name: latents[name] for name in model.conditions} for latents in (before, after)]
    editor = Editor(
        model=model, own=rows[0], wanted=rows[1], strength=request.strength, closeness=request.closeness,
        options=tools.context.options(),
    )  # fmt: skip
    lines = [tuple(bundle.modality.example(item)["symbols"]) for item in request.items]
    best = editor.best(lines, request.candidates, request.rounds, Stream(request.seed, "rewrite"))
    return [bundle.modality.spelled(line) for line in best]


def returned(tools: Tools, request: Rewrite, teller: VAE, before: Latents, told: Latents) -> list[Any]:
    """The items by beams from which they come back; raises SettingError where there are no beams."""
    bundle, options = tools.context.bundle, tools.context.options()
    if not isinstance(options, Decoding) or options.beam < 2:
        raise SettingError("what comes back is chosen among beams: set beam to 2 or more")
    own, wanted = ({name: latents[name] for name in tools.vae.conditions} for latents in (before, told))
    search = Returning(
        model=tools.vae, teller=teller, own=own, wanted=wanted, weight=request.returning, options=options,
    )  # fmt: skip
    lines = [tuple(bundle.modality.example(item)["symbols"]) for item in request.items]
    return [bundle.modality.spelled(line) for line in search.best(lines, told)]


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
    if request.keep == "latent" and not tools.vae.conditions.reaching(DECODER):
        raise LacksCapability(
            f"the decoder of {context.bundle.name!r} is told no conditions, its prior alone is: with keep = noise the "
            "items' noise becomes other latents; steer changes items towards labels, too"
        )
    output = Output(context.bundle.modality, request.output)
    count = len(request.items)
    wanted = asked(tools, request.conditions, count)
    before = tools.encode(request.items, asked(tools, request.own, count))
    after: Latents = {**before, **wanted}
    if request.keep == "noise":
        noise = tools.noise(before, "rewrite with keep = noise")
        after = tools.noise({**noise, **wanted}, "rewrite with keep = noise", push=True)
    if request.candidates:
        made = edited(tools, request, before, after)
        return Rewritten(made, output.write(made), list(request.items), said(tools, before), said(tools, after))
    both = {**after, **{OWN + name: rows for name, rows in before.items()}}
    model = between(tools.vae, request.strength)
    if request.returning:
        made = returned(tools, request, model, before, both)
    else:
        made = tools.render(both, count, Stream(request.seed, "rewrite"), faithful=True, model=model)
    return Rewritten(made, output.write(made), list(request.items), said(tools, before), said(tools, after))
