"""A batch: named views of the same items, with what is known beside them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from genvae.core.latents import Groups

#: the mask, one truth an item, that says what is evidence for the blocks that groups share
GIVEN = "given"


@dataclass(frozen=True, kw_only=True)
class Batch:
    """``views`` are what the networks read and score ("input", "context", "target", ...), each with
    one row an item; ``masks`` say which elements of the view of that name are there (True).

    ``items`` are the items' numbers in their data set, the key of every random draw; ``cost`` is
    what each item costs in the modality's own unit; ``conditions`` are observed blocks.
    """

    views: Mapping[str, Tensor]
    masks: Mapping[str, Tensor] = field(default_factory=dict)
    items: Int[Tensor, " n"]
    cost: Float[Tensor, " n"]
    group: Int[Tensor, " n"] | None = None
    conditions: Mapping[str, Tensor] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.items)

    @property
    def groups(self) -> Groups:
        """The groups of the items, numbered from 0; each item its own when there are none. Which items are evidence
        says the mask "given"; without it all are."""
        given = self.masks.get(GIVEN)
        if self.group is None:
            return Groups.each(len(self), self.items.device, given)
        names, of_item = torch.unique(self.group, return_inverse=True)
        return Groups(of_item, len(names), given)

    def giving(self, given: Bool[Tensor, " n"]) -> Batch:
        """This batch with some items as the only evidence for what groups share."""
        return replace(self, masks={**self.masks, GIVEN: given})

    def viewing(self, **views: Tensor) -> Batch:
        """This batch with some views replaced."""
        return replace(self, views={**self.views, **views})

    def knowing(self, **conditions: Tensor) -> Batch:
        """This batch with some conditions replaced, or more of them."""
        return replace(self, conditions={**self.conditions, **conditions})

    def take(self, rows: Tensor) -> Batch:
        """Some of its items, in the order of ``rows``; a row may come more than once."""
        return self._each(lambda value: value[rows])

    def to(self, device: torch.device | str) -> Batch:
        """This batch on a device."""
        return self._each(lambda value: value.to(device))

    def _each(self, change: Callable[[Tensor], Tensor]) -> Batch:
        """Every tensor changed, once: two views that are the same tensor still are."""
        made: dict[int, Tensor] = {}

        def once(value: Tensor) -> Tensor:
            if id(value) not in made:
                made[id(value)] = change(value)
            return made[id(value)]

        return Batch(
            views={name: once(value) for name, value in self.views.items()},
            masks={name: once(value) for name, value in self.masks.items()},
            items=once(self.items), cost=once(self.cost),
            group=None if self.group is None else once(self.group),
            conditions={name: once(value) for name, value in self.conditions.items()},
        )  # fmt: skip
