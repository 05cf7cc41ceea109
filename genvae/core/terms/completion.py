"""Some items of a group must predict the others (Garnelo et al., "Neural Processes", 2018): what completing a set from
a few examples asks of a model.

The shared blocks are inferred from a subset of each group, and the rest of the group pays for being decoded with
them. The pooled evidence of the whole group, from which the bound's own distortion is paid, has seen what it decodes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from genvae.core.batch import Batch
from genvae.core.latents import Groups, Latents
from genvae.core.randomness import Stream
from genvae.core.schedules import Constant, Schedule, within
from genvae.core.terms.base import Term, TermSettings
from genvae.core.vae import VAE, Draw
from genvae.errors import LacksCapability
from genvae.settings import setting

ITEMS = ("posterior", "prior")


def subset(batch: Batch, groups: Groups, most: int, stream: Stream) -> Bool[Tensor, " n"]:
    """Which items are given: of a group of size s, a number from 1 to ``most`` (and to s - 1), each as likely, and
    any subset of that size as likely. The one item of a group of one is given.

    It depends on the items' numbers alone, not on their order.
    """
    sizes = torch.bincount(groups.of_item, minlength=groups.count)
    least_left = (sizes - 1).clamp(min=1, max=most)
    place = stream.at("count").uniform(groups.first(batch.items), 1)[:, 0]
    count = 1 + (place * least_left).long()
    # the items of each group in a random order: sorted by a random number first, then, stably, by group
    order = stream.at("order").uniform(batch.items, 1)[:, 0].argsort()
    order = order[groups.of_item[order].argsort(stable=True)]
    rank = torch.empty_like(order)
    rank[order] = torch.arange(len(order), device=order.device) - (sizes.cumsum(0) - sizes)[groups.of_item[order]]
    return rank < count[groups.of_item]


class Completion(Term):
    """-log p(x | shared blocks from the given items, own blocks) of the items not given: nats for each of them.

    Their own blocks come from each one's posterior ("posterior"), or from the prior ("prior"), where a label or
    another condition must say all that the shared blocks do not. Groups of one have nothing to predict; a batch of
    them costs nothing.
    """

    id = "completion"

    def __init__(self, settings: CompletionSettings, model: VAE) -> None:
        super().__init__(settings.weight)
        if not any(block.shared for block in model.blocks):
            raise LacksCapability("term 'completion' needs a block that is shared by a group; this model has none")
        self.most = settings.most
        self.items = settings.items

    def forward(self, model: VAE, batch: Batch, draw: Draw, step: int | None, stream: Stream) -> Float[Tensor, ""]:
        groups = draw.groups
        given = subset(batch, groups, self.most, stream)
        if given.all():
            return sum((0.0 * value.sum() for value in draw.latents.values()), batch.cost.new_zeros(()))
        features = draw.features
        some, rest = given.nonzero()[:, 0], (~given).nonzero()[:, 0]
        # every group has an item among the given, so both number the groups alike
        known = batch.take(some)
        told = model.draw(known, _rows(features, some), stream.at("given"))
        shared = {
            block.name: told.groups.one(told.latents[block.name])[groups.of_item[rest]]
            for block in model.blocks if block.shared
        }  # fmt: skip
        others = batch.take(rest)
        latents = self._own(model, others, _rows(features, rest), shared, stream.at("others"))
        return model.distortion(latents, others).mean()

    def _own(
        self, model: VAE, others: Batch, features: Mapping[str, Tensor], shared: Latents, stream: Stream
    ) -> Latents:
        """All blocks of the items to predict, the shared ones as they are."""
        observed = {**others.conditions, **shared}
        if self.items == "prior":
            return model.sample_prior(others.items, stream, observed=observed)
        return model.draw(replace(others, conditions=observed), dict(features), stream).latents


def _rows(features: Mapping[str, Tensor], rows: Tensor) -> dict[str, Tensor]:
    return {name: value[rows] for name, value in features.items()}


@dataclass(frozen=True, kw_only=True)
class CompletionSettings(TermSettings):
    """Some items of a group must predict the others."""

    weight: Schedule = setting(Constant(value=1.0), help="its share of the loss", convert=within(0.0))
    most: int = setting(4, help="most items of a group that are given; from 1 to so many, each number as likely", ge=1)
    items: str = setting("posterior", help="where the others' own blocks come from", choices=ITEMS)

    def build(self, model: VAE) -> Completion:
        return Completion(self, model)
