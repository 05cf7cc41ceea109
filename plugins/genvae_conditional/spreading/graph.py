"""What is known of a few items spread to the others, from neighbour to neighbour in a latent (Zhou, Bousquet, Lal,
Weston and Schoelkopf, "Learning with Local and Global Consistency", 2004).

On a graph whose edges join each item to those nearest to it, every item takes over a share of what its neighbours say,
and the known ones say what they know again, round after round:

    F  <-  a D^(-1/2) W D^(-1/2) F  +  (1 - a) Y.

How near is near differs from place to place, so an edge's weight falls with its length over the distance to the
farthest neighbour (Zelnik-Manor and Perona, "Self-Tuning Spectral Clustering", 2004), as Calder et al., "Poisson
Learning" (2020), weigh the latents of a VAE.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional

from genvae.errors import DataError

NEIGHBOURS = 10
FALL = 4.0  # of the weight's logarithm, from an item to its farthest neighbour
KEPT = 0.99  # a: of what neighbours say
ROUNDS = 60  # what was said first is worth KEPT ** ROUNDS of it, and far from its label by then
ROWS = 2_000  # items whose distances to all are in memory at once


def nearest(vectors: Float[Tensor, "n d"], count: int) -> tuple[Float[Tensor, "n c"], Int[Tensor, "n c"]]:
    """The ``count`` nearest others of each vector, nearest first: distances, and numbers."""
    vectors = vectors - vectors.mean(0)  # distances are the same, and rounding is less
    length = vectors.square().sum(1)
    distances, numbers = [], []
    for rows in torch.arange(len(vectors), device=vectors.device).split(ROWS):
        squares = torch.addmm(length, vectors[rows], vectors.T, alpha=-2.0).add_(length[rows, None])
        squares[torch.arange(len(rows), device=rows.device), rows] = torch.inf  # an item is no neighbour of its own
        found = squares.topk(count, 1, largest=False)
        distances.append(found.values.clamp(min=0.0).sqrt())
        numbers.append(found.indices)
    return torch.cat(distances), torch.cat(numbers)


@dataclass(frozen=True)
class Neighbourhood:
    """Who is near whom: D^(-1/2) W D^(-1/2), sparse, (n, n). It takes a while to make, and serves any labels."""

    edges: Tensor

    @classmethod
    def of(cls, vectors: Float[Tensor, "n d"], count: int = NEIGHBOURS) -> Neighbourhood:
        """Of the means of items' posteriors, say. Raises DataError where there are not more items than neighbours."""
        if len(vectors) <= count:
            raise DataError(f"{count} neighbours need more items than {len(vectors)}: give more, or fewer neighbours")
        distances, numbers = nearest(vectors, count)
        farthest = distances[:, -1:].clamp(min=torch.finfo(distances.dtype).tiny)  # equal items: all are as near
        weight = (-FALL * (distances / farthest).square()).exp().flatten()
        item = torch.arange(len(vectors), device=vectors.device).repeat_interleave(count)
        # near is mutual: an edge weighs the mean of what it is from either end
        ends = torch.stack([torch.cat([item, numbers.flatten()]), torch.cat([numbers.flatten(), item])])
        weight = torch.cat([weight, weight]) / 2
        degree = weight.new_zeros(len(vectors)).index_add(0, ends[0], weight)
        weight = weight / (degree[ends[0]] * degree[ends[1]]).sqrt()
        return cls(torch.sparse_coo_tensor(ends, weight, (len(vectors),) * 2, check_invariants=False).coalesce())

    def spread(
        self, known: Float[Tensor, "n k"], *, kept: float = KEPT, rounds: int = ROUNDS
    ) -> Float[Tensor, "n k"]:  # fmt: skip
        """The share of each value in what reaches an item; ``known`` is a condition's rows, zeros where its value is
        not known. Zeros, too, where nothing reaches."""
        said = known = known.to(self.edges.dtype)
        for _ in range(rounds):
            said = kept * torch.sparse.mm(self.edges, said) + (1.0 - kept) * known
        total = said.sum(1, keepdim=True)
        return torch.where(total > 0, said / total, 0.0)


def surest(shares: Float[Tensor, "n k"], share: float) -> Float[Tensor, "n k"]:
    """A condition's rows: of the items that each value has the most of, that value for the ``share`` of them where it
    has most, and zeros, which is unknown, for the others. So no value is lost because its neighbourhoods are mixed."""
    best, value = shares.max(1)
    rows = torch.zeros_like(shares)
    for number in value[best > 0].unique():
        of = ((value == number) & (best > 0)).nonzero()[:, 0]
        kept = of[best[of].argsort(descending=True, stable=True)[: round(share * len(of))]]
        rows[kept, number] = 1.0
    return rows


@dataclass(frozen=True)
class Reached:
    """Which of some values reaches which item: ``shares`` is (items, names)."""

    names: list[str]
    shares: Float[Tensor, "n k"]

    @classmethod
    def of(cls, near: Neighbourhood, values: Sequence[str], **how: Any) -> Reached:
        """``values`` has that of each item, '' where it is not known; for ``how`` see ``Neighbourhood.spread``."""
        names = sorted({value for value in values if value})
        place = {name: number for number, name in enumerate(names)}
        known = torch.tensor([place.get(value, len(names)) for value in values])
        return cls(names, near.spread(functional.one_hot(known, len(names) + 1)[:, :-1].float(), **how))

    def most(self) -> list[str]:
        """What reaches each item most; '' where nothing does."""
        return self._named(surest(self.shares, 1.0))

    def told(self, values: Sequence[str], share: float) -> list[str]:
        """The value of each item: its own, or the one that surely reaches it (see ``surest``), or ''."""
        return [own or found for own, found in zip(values, self._named(surest(self.shares, share)), strict=True)]

    def _named(self, rows: Float[Tensor, "n k"]) -> list[str]:
        names = [*self.names, ""]
        return [names[number] for number in torch.where(rows.any(1), rows.argmax(1), len(self.names)).tolist()]
