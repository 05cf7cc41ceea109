"""The operation ``spread``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import torch
from torch import Tensor

from genvae.context import Context
from genvae.core.latents import Block, block_named
from genvae.core.randomness import Stream
from genvae.latent.tools import Tools
from genvae_conditional import tables
from genvae_conditional.kinds.classes import natural
from genvae_conditional.reading import Labelled, counted, labelled
from genvae_conditional.spreading.graph import Neighbourhood, Reached
from genvae_conditional.spreading.requests import Filled, Spread
from genvae_conditional.steering.space import joined


def spread(context: Context, request: Spread) -> Filled:
    """The label of every row of the data: its own, what its neighbours are, or none."""
    place = tables.place(request.output)
    tools = Tools(context)
    blocks = _blocks(tools, request.blocks)
    # what is known of some alone must not say where they lie
    found = labelled(tools, request.data, [request.label], untold=[request.label])
    values = found.labels[request.label]
    counts = counted(request.label, values)
    near = Neighbourhood.of(_vectors(tools, found, blocks), request.neighbours)
    filled = Reached.of(near, values).told(values, request.sure)
    every = [""] * len(found.data)
    for row, value in zip(found.rows, filled, strict=True):
        every[row] = value
    after = Counter(filled)
    shown = {value: {"known": counts[value], "told": after[value] - counts[value]}
             for value in sorted(counts, key=natural)}  # fmt: skip
    if place is not None:
        tables.write(place, found.data, {request.label: every})
    right = _right(near, values)
    return Filled(request.label, every, shown, every.count(""), right, str(place) if place else "")


def _right(near: Neighbourhood, values: Sequence[str]) -> float | None:
    """How often one half of the known items tells the others what they are."""
    known = torch.tensor([number for number, value in enumerate(values) if value])
    hidden = known[Stream(0, "spread").uniform(known, 1)[:, 0].argsort()[: len(known) // 2]].tolist()
    left = list(values)
    for number in hidden:
        left[number] = ""
    found = Reached.of(near, left).most()
    reached = [number for number in hidden if found[number]]
    return sum(found[n] == values[n] for n in reached) / len(reached) if reached else None


def _blocks(tools: Tools, asked: tuple[str, ...]) -> list[Block]:
    """The latent blocks that are looked at."""
    tools.require_latent()
    return [block_named(tools.vae.latent, name, "spread") for name in asked] or tools.vae.latent


@torch.no_grad()
def _vectors(tools: Tools, found: Labelled, blocks: list[Block]) -> Tensor:
    """The posterior means of items, in the order of their rows."""
    parts, order = [], []
    for batch in found.batches.in_order():
        parts.append(joined(tools.vae.infer(batch).latents, blocks))
        order.append(batch.items)
    return torch.cat(parts)[torch.cat(order).argsort()]
