"""Evidence held back: the shared blocks of a group are inferred from some of its items, and all of them are scored.

What a posterior of part of the items gives is a lower bound on the likelihood of the whole group, as any distribution
over the shared blocks does; so a model trained by it is a VAE that has learned to be told little.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from genvae.core.batch import Batch
from genvae.core.corruption.base import Corruption
from genvae.core.latents import Groups
from genvae.core.randomness import Stream
from genvae.core.schedules import Constant, Schedule, within
from genvae.core.vae import VAE
from genvae.errors import LacksCapability, SettingError
from genvae.settings import setting


def ranks(order: Float[Tensor, " n"], groups: Groups) -> Int[Tensor, " n"]:
    """The place of each item in its group, from 0, when the group is sorted by ``order``."""
    places = order.argsort()
    places = places[groups.of_item[places].argsort(stable=True)]
    sizes = torch.bincount(groups.of_item, minlength=groups.count)
    first = sizes.cumsum(0) - sizes
    rank = torch.empty_like(places)
    rank[places] = torch.arange(len(places), device=places.device) - first[groups.of_item[places]]
    return rank


@dataclass(frozen=True, kw_only=True)
class PartialGroups(Corruption):
    """From 1 to ``most`` items of a group are evidence, each number as likely, and any items as likely; a share
    ``whole`` of the groups keeps all of its evidence.

    With ``kinds`` a share ``alike`` of the groups is told by items of one kind, that of an item drawn at random: the
    values of the observed block ``label`` are so many of the first kind, so many of the next, and so on.
    """

    holds_back: ClassVar[bool] = True

    most: int = setting(4, help="most items of a group that are evidence", ge=1)
    whole: Schedule = setting(Constant(value=0.25), help="share of groups left whole", convert=within(0.0, 1.0))
    kinds: tuple[int, ...] = setting((), help="how many values of the label are of one kind, in order: [10, 26, 26]")
    alike: float = setting(0.5, help="share of groups told by items of one kind, where there are kinds", ge=0, le=1)
    label: str = setting("label", help="the observed block whose values have kinds")

    def __call__(self, batch: Batch, step: int, stream: Stream) -> Batch:
        groups, stream = batch.groups, stream.at("partial-groups")
        left, count, kept = stream.at("group").uniform(groups.first(batch.items), 3).unbind(1)
        order = stream.at("order").uniform(batch.items, 1)[:, 0]
        rank = ranks(order, groups)
        if self.kinds:
            kind = self._kind(batch)
            of_first = torch.zeros(groups.count, dtype=kind.dtype, device=kind.device)
            of_first[groups.of_item[rank == 0]] = kind[rank == 0]
            other = (kind != of_first[groups.of_item]) & (kept < self.alike)[groups.of_item]
            rank = ranks(order + other, groups)
            sizes = torch.bincount(groups.of_item[~other], minlength=groups.count)
        else:
            sizes = torch.bincount(groups.of_item, minlength=groups.count)
        told = 1 + (count * sizes.clamp(max=self.most)).long()
        told = torch.where(left < self.whole.at(step), torch.full_like(told, len(batch)), told)
        given: Bool[Tensor, " n"] = rank < told[groups.of_item]
        return batch.giving(given)

    def _kind(self, batch: Batch) -> Int[Tensor, " n"]:
        values = batch.conditions[self.label]
        ends = torch.tensor(self.kinds, device=values.device).cumsum(0)
        return torch.bucketize(values.argmax(1), ends, right=True)

    def build(self, model: VAE) -> PartialGroups:
        if not any(block.shared for block in model.blocks):
            raise LacksCapability("corruption 'partial-groups' needs a block that a group shares; this model has none")
        if self.kinds:
            label = next((block for block in model.blocks if block.name == self.label), None)
            if label is None or sum(self.kinds) != label.size:
                values = "no such block" if label is None else f"{label.size} values"
                raise SettingError(f"kinds = {list(self.kinds)} must sum to the values of {self.label!r}: {values}")
        return self
