"""Conditions made unknown in training (Ho and Salimans, "Classifier-Free Diffusion Guidance", 2022), so that one set of
networks learns what is said with them and without: for guidance, and for items of which nothing is known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from genvae.core.batch import Batch
from genvae.core.corruption.base import Corruption
from genvae.core.latents import block_named
from genvae.core.randomness import Stream
from genvae.core.schedules import Constant, Schedule, within
from genvae.core.vae import VAE
from genvae.errors import LacksCapability
from genvae.settings import setting


@dataclass(frozen=True, kw_only=True)
class ConditionDropout(Corruption):
    """A share ``rate`` of the items lose all conditions together; of the others a share ``each`` loses a condition by
    itself. What a group shares all its items lose or none."""

    hides_conditions: ClassVar[bool] = True

    rate: Schedule = setting(Constant(value=0.1), help="share of the items that lose all conditions",
                             convert=within(0.0, 1.0))  # fmt: skip
    each: Schedule = setting(Constant(value=0.0), help="share of the items that lose a condition by itself",
                             convert=within(0.0, 1.0))  # fmt: skip
    conditions: tuple[str, ...] = setting((), help="those that may be lost; default: all")

    def __call__(self, batch: Batch, step: int, stream: Stream) -> Batch:
        return self.dropped(batch, step, stream, ())

    def dropped(self, batch: Batch, step: int, stream: Stream, shared: Sequence[str]) -> Batch:
        """The batch without them, where a group loses those of these names as one."""
        stream = stream.at("condition-dropout")
        changed = {}
        for name in self.conditions or batch.conditions:
            rows, keys = batch.conditions[name], batch.items
            if name in shared:
                keys = batch.groups.first(keys)[batch.groups.of_item]
            lost = stream.uniform(keys, 1)[:, 0] < self.rate.at(step)
            own = lost | (stream.at(name).uniform(keys, 1)[:, 0] < self.each.at(step))
            changed[name] = rows.masked_fill(own.reshape(-1, *[1] * (rows.dim() - 1)), 0.0)
        return batch.knowing(**changed)

    def build(self, model: VAE) -> Corruption:
        if not model.observed:
            raise LacksCapability("corruption 'condition-dropout' needs a model with conditions; this one has none")
        observed = [block for block in model.blocks if block.name in model.observed]
        for name in self.conditions:
            block_named(observed, name, "corruption 'condition-dropout'")
        shared = tuple(block.name for block in observed if block.shared)
        return GroupsDropped(self, shared) if shared else self


@dataclass(frozen=True)
class GroupsDropped(Corruption):
    """Condition dropout of a model that has conditions of groups."""

    hides_conditions: ClassVar[bool] = True

    settings: ConditionDropout
    shared: tuple[str, ...]

    def __call__(self, batch: Batch, step: int, stream: Stream) -> Batch:
        return self.settings.dropped(batch, step, stream, self.shared)
