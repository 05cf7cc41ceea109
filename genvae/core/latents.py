"""Latents: an ordered set of named blocks.

A plain VAE has one block, a content/style split two, a ladder one a layer. Every tool works on
blocks, so it works for every model. A block that is given with the batch is *observed*: a
condition is nothing but such a block.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from genvae.errors import SettingError, nearest

#: Block name -> values, one row an item, in the order of the model's blocks.
Latents = dict[str, Tensor]


@dataclass(frozen=True, kw_only=True)
class Block:
    """One named part of the latent.

    ``shape`` is (d,) for a vector, (n, d) for a short sequence of vectors, (h, w, d) for a map.
    A ``shared`` block is drawn once for a group of items, and its KL counts once a group.
    """

    name: str
    shape: tuple[int, ...]
    shared: bool = False

    @property
    def size(self) -> int:
        """How many numbers the block holds."""
        return math.prod(self.shape)


def block_named(blocks: Sequence[Block], name: str, where: str) -> Block:
    """The block of that name; raises SettingError, saying ``where`` it was asked for, when there is none."""
    for block in blocks:
        if block.name == name:
            return block
    raise SettingError(f"{where} names the block {name!r}; {nearest(name, [block.name for block in blocks])}")


@dataclass(frozen=True)
class Groups:
    """Which items belong together. Without groups each item is a group of its own.

    ``given`` says which items are evidence for what their group shares; None: all of them. The others are to be found
    from it, and a posterior of a shared block must not look at them.
    """

    of_item: Int[Tensor, " n"]
    count: int
    given: Bool[Tensor, " n"] | None = None

    @classmethod
    def each(cls, items: int, device: torch.device | None = None, given: Bool[Tensor, " n"] | None = None) -> Groups:
        return cls(torch.arange(items, device=device), items, given)

    def evidence(self, per_item: Float[Tensor, "n ..."]) -> Float[Tensor, "g ..."]:
        """Sums over the given items of each group, none where there is no such item."""
        if self.given is not None:
            shown = self.given.reshape(-1, *[1] * (per_item.dim() - 1))
            per_item = torch.where(shown, per_item, torch.zeros_like(per_item))
        return per_item.new_zeros(self.count, *per_item.shape[1:]).index_add(0, self.of_item, per_item)

    def total(self, per_item: Float[Tensor, " n"]) -> Float[Tensor, " g"]:
        """Sums over the items of each group."""
        return per_item.new_zeros(self.count).index_add(0, self.of_item, per_item)

    def one(self, per_item: Tensor) -> Tensor:
        """What the items of each group have in common, from any one of them: (n, ...) to (g, ...)."""
        row = torch.zeros(self.count, dtype=torch.int64, device=self.of_item.device)
        return per_item[row.scatter(0, self.of_item, torch.arange(len(self.of_item), device=row.device))]

    def first(self, items: Int[Tensor, " n"]) -> Int[Tensor, " g"]:
        """The smallest item number of each group: the key of its draws, whatever the batch."""
        start = torch.full((self.count,), torch.iinfo(torch.int64).max, dtype=torch.int64, device=items.device)
        return start.scatter_reduce(0, self.of_item, items.to(torch.int64), "amin")


def repeat(latents: Mapping[str, Tensor], times: int) -> Latents:
    """Each row ``times`` times in a row."""
    return {name: value.repeat_interleave(times, 0) for name, value in latents.items()}


def take(latents: Mapping[str, Tensor], rows: Tensor | slice) -> Latents:
    """Some rows of every block."""
    return {name: value[rows] for name, value in latents.items()}
