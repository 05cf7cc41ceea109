"""An item must be drawn with a block of another item of its kind (Mathieu, Zhao, Sprechmann, Ramesh and LeCun,
"Disentangling Factors of Variation in Deep Representations using Adversarial Training", 2016; Jha et al. 2018).

So that block keeps what all items of a kind have in common and nothing of the item alone; and as it comes from one
item, one item is enough to tell it. What items of a kind do not share must be in the other blocks.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from genvae.core.batch import Batch
from genvae.core.latents import block_named
from genvae.core.randomness import Stream
from genvae.core.schedules import Constant, Schedule, within
from genvae.core.terms.base import Term, TermSettings
from genvae.core.vae import VAE, Draw
from genvae.errors import LacksCapability, SettingError
from genvae.settings import setting


def alike(kind: Int[Tensor, " n"], items: Int[Tensor, " n"], stream: Stream) -> Int[Tensor, " n"]:
    """For each item the row of another of the same kind, its own row where there is no other. The items of a kind form
    a random ring, which depends on the items' numbers alone."""
    order = stream.uniform(items, 1)[:, 0].argsort()
    order = order[kind[order].argsort(stable=True)]
    sorted_kind = kind[order].contiguous()
    place = torch.arange(len(order), device=order.device)
    following = (place + 1).clamp(max=len(order) - 1)
    last = (sorted_kind[following] != sorted_kind) | (following == place)
    following = torch.where(last, torch.searchsorted(sorted_kind, sorted_kind), following)
    return torch.empty_like(order).scatter(0, order, order[following])


class Exchange(Term):
    """-log p(x | ``blocks`` of another item with the same label, the item's own other blocks): nats for each item that
    has such another in the batch. Items whose label is unknown (a row of zeros) are left out.
    """

    id = "exchange"

    def __init__(self, settings: ExchangeSettings, model: VAE) -> None:
        super().__init__(settings.weight)
        self.label = block_named(model.blocks, settings.label, "term 'exchange'").name
        chosen = [block_named(model.blocks, name, "term 'exchange'").name for name in settings.blocks]
        if self.label in chosen:
            raise SettingError(f"term 'exchange' takes blocks of items with the same {self.label!r}: not that itself")
        own = [block.name for block in model.blocks if block.name != self.label]
        if not own:
            raise LacksCapability(f"term 'exchange' needs a block beside {self.label!r} to take from another item")
        self.taken = chosen or own[:1]

    def forward(self, model: VAE, batch: Batch, draw: Draw, step: int | None, stream: Stream) -> Float[Tensor, ""]:
        if self.label not in batch.conditions:
            raise LacksCapability(f"term 'exchange' needs labels: the batch has no condition {self.label!r}")
        label = batch.conditions[self.label].flatten(1)
        rows = torch.arange(len(batch), device=label.device)
        kind = torch.where(label.any(1), label.argmax(1), -1 - rows)
        other = alike(kind, batch.items, stream)
        latents = {name: value[other] if name in self.taken else value for name, value in draw.latents.items()}
        counted = (other != rows).to(batch.cost.dtype)
        nats = model.distortion(latents, batch)
        return (nats * counted).sum() / counted.sum().clamp(min=1.0)


@dataclass(frozen=True, kw_only=True)
class ExchangeSettings(TermSettings):
    """An item must be drawn with blocks of another item that has the same label."""

    weight: Schedule = setting(Constant(value=1.0), help="its share of the loss", convert=within(0.0))
    blocks: tuple[str, ...] = setting((), help="the blocks taken from the other; default: the first latent one")
    label: str = setting("label", help="the condition block, one-hot, by which items are of a kind")

    def build(self, model: VAE) -> Exchange:
        return Exchange(self, model)
