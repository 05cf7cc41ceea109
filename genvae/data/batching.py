"""Splits and batches, in an order that is a function of (seed, epoch)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from genvae.core.batch import Batch
from genvae.core.randomness import key
from genvae.data.modality import Modality
from genvae.errors import DataError

if TYPE_CHECKING:
    from datasets import Dataset

Rows = NDArray[np.int64]


def _generator(*parts: int | str) -> np.random.Generator:
    return np.random.Generator(np.random.PCG64(key(*parts) & ((1 << 63) - 1)))


def split(count: int, share: float, seed: int) -> tuple[Rows, Rows]:
    """Row numbers of the training part and of the validation part, each in order."""
    if count < 2:
        raise DataError(f"only {count} usable item; training and validation need at least one each")
    held = min(max(1, round(count * share)), count - 1)
    order = _generator(seed, "split").permutation(count)
    return np.sort(order[held:]), np.sort(order[:held])


def some(rows: Rows, count: int, seed: int) -> Rows:
    """At most ``count`` of the rows, chosen by the seed, in order."""
    if len(rows) <= count:
        return rows
    return np.sort(_generator(seed, "some").permutation(rows)[:count])


class Source(Protocol):
    """What training draws its batches from."""

    modality: Modality

    def order(self, seed: int, epoch: int) -> list[Rows]:
        """The rows of each batch of an epoch."""

    def batch(self, rows: Rows) -> Batch:
        """The batch of some rows."""

    def in_order(self) -> Iterator[Batch]:
        """Every item once, for evaluation."""


class Batches:
    """Batches of examples of near-equal size: the costliest item times their number stays in a budget."""

    def __init__(self, examples: Dataset, rows: Rows, modality: Modality, *, batch_size: int) -> None:
        self.examples = examples
        self.rows = rows
        self.modality = modality
        self.costs = np.asarray(examples["cost"], dtype=np.int64)[rows]
        #: what a batch may cost: batch_size items of mean cost
        self.budget = max(int(self.costs.max()), round(batch_size * float(self.costs.mean())))

    def resized(self, batch_size: int) -> Batches:
        """The same items in batches of another size."""
        return Batches(self.examples, self.rows, self.modality, batch_size=batch_size)

    def order(self, seed: int, epoch: int) -> list[Rows]:
        """The rows of each batch of an epoch: near-equal costs together, batches in random order."""
        generator = _generator(seed, "order", epoch)
        shuffled = generator.permutation(len(self.rows))
        by_cost = shuffled[np.argsort(self.costs[shuffled], kind="stable")]
        batches = self._cut(by_cost)
        return [batches[place] for place in generator.permutation(len(batches))]

    def in_order(self) -> Iterator[Batch]:
        """Every item once, by cost, for evaluation."""
        for rows in self._cut(np.argsort(self.costs, kind="stable")):
            yield self.batch(rows)

    def _cut(self, places: Rows) -> list[Rows]:
        costs = self.costs[places]
        cuts, first = [], 0
        for place in range(len(places)):
            if costs[place] * (place - first + 1) > self.budget:  # costs ascend: the last is the costliest
                cuts.append(place)
                first = place
        return [self.rows[part] for part in np.split(places, cuts)]

    def batch(self, rows: Rows) -> Batch:
        """The batch of some rows; their numbers are the keys of its random draws."""
        columns = self.examples[rows.tolist()]
        names = list(columns)
        examples = [dict(zip(names, values, strict=True)) for values in zip(*columns.values(), strict=True)]
        return self.modality.collate(examples, rows.tolist())


class Stacked:
    """Batches that are cut out of one batch of all items, which lies in memory; their order is random."""

    def __init__(self, whole: Batch, modality: Modality, *, batch_size: int) -> None:
        self.whole = whole
        self.modality = modality
        self.batch_size = batch_size

    def order(self, seed: int, epoch: int) -> list[Rows]:
        """The rows of each batch of an epoch."""
        return self._cut(_generator(seed, "order", epoch).permutation(len(self.whole)))

    def in_order(self) -> Iterator[Batch]:
        """Every item once, for evaluation."""
        for rows in self._cut(np.arange(len(self.whole))):
            yield self.batch(rows)

    def _cut(self, rows: Rows) -> list[Rows]:
        return [rows[first : first + self.batch_size] for first in range(0, len(rows), self.batch_size)]

    def batch(self, rows: Rows) -> Batch:
        """The batch of some rows."""
        return self.whole.take(torch.from_numpy(rows))
