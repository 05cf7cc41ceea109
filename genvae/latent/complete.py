"""A group of items from some of its items: what they share is inferred, and each other one is made from it.

What tells the items of a group apart is an observed block: letters of a font by their label, say.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch

from genvae.core.latents import Block, take
from genvae.core.randomness import Stream
from genvae.errors import DataError, LacksCapability, SettingError, nearest
from genvae.latent.tools import Tools


def told_apart_by(tools: Tools) -> Block:
    """The observed block whose values tell the items of a group apart; raises LacksCapability for a model without one,
    and for one whose groups share nothing."""
    name = tools.context.bundle.name
    if not any(block.shared for block in tools.vae.blocks):
        raise LacksCapability(f"{name!r} cannot complete a group: it has no block that the items of a group share")
    for block in tools.vae.blocks:
        if not block.shared and tools.context.bundle.modality.values(block.name):
            return block
    raise LacksCapability(f"{name!r} cannot complete a group: no block says by name which item of it is which")


@torch.no_grad()
def completed(tools: Tools, given: Sequence[Any], wanted: Sequence[str], stream: Stream) -> list[Any]:
    """The wanted items, by the names of their values, of the group that ``given`` are items of.

    The shared blocks are the mean of their posterior given these items, blocks of an item's own the middle of their
    prior. Raises DataError where nothing is given and SettingError for a value that there is not.
    """
    block = told_apart_by(tools)
    if not given:
        raise DataError("no examples are given: at least one item of the group is needed")
    values = tools.context.bundle.modality.values(block.name)
    for value in wanted:
        if value not in values:
            raise SettingError(f"the model has no {block.name} {value!r}; {nearest(value, values)}")
    batch = tools.batch(given)
    batch = replace(batch, group=torch.zeros(len(given), dtype=torch.int64))
    found = tools.vae.infer(batch).latents
    count = len(wanted)
    if not count:
        return []
    observed = {
        one.name: take(found, torch.zeros(count, dtype=torch.int64))[one.name]
        for one in tools.vae.blocks if one.shared
    }  # fmt: skip
    observed[block.name] = torch.stack([values[value] for value in wanted])
    latents = tools.vae.sample_prior(torch.arange(count), stream, scale=0.0, observed=observed)
    return tools.render(latents, count, stream, faithful=True)
