"""Splits and batches, in an order that is a function of (seed, epoch).

Where items form groups (examples with a column "group"), a batch holds whole groups; with ``per_group``, parts of
groups: every epoch draws anew how each group is cut into parts of nearly equal size, at most so many items each. No
part is cut by the end of a batch, no batch holds two parts of one group, and an epoch has every item once.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from genvae.core.batch import Batch
from genvae.core.randomness import key
from genvae.data.modality import Modality, Stack
from genvae.errors import DataError, SettingError

if TYPE_CHECKING:
    from datasets import Dataset

Rows = NDArray[np.int64]

#: what adds to a batch of some rows what is known of them (see ``genvae.data.conditions``)
Known = Callable[[Batch, Rows], Batch]

GROUP = "group"  # the column of an example's group
KIN = "kin"  # the column of a row whose values a split keeps together


def _generator(*parts: int | str) -> np.random.Generator:
    return np.random.Generator(np.random.PCG64(key(*parts) & ((1 << 63) - 1)))


def _numbered(values: Iterable[Hashable]) -> Rows:
    """Values by the number of their first occurrence: 0, 1, ..."""
    numbers: dict[Hashable, int] = {}
    return np.fromiter((numbers.setdefault(value, len(numbers)) for value in values), np.int64)


def together(table: Dataset) -> Rows | None:
    """Which rows of a table a split keeps together, as a number each; None where each is by itself."""
    return _numbered(table[KIN][:]) if KIN in table.column_names else None


def split(count: int, share: float, seed: int, kin: Rows | None = None) -> tuple[Rows, Rows]:
    """Row numbers of the training part and of the validation part, each in order; no kin are on both sides."""
    if count < 2:
        raise DataError(f"only {count} usable item; training and validation need at least one each")
    held = min(max(1, round(count * share)), count - 1)
    if kin is None:
        order = _generator(seed, "split").permutation(count)
        return np.sort(order[held:]), np.sort(order[:held])
    groups = int(kin.max()) + 1
    if groups < 2:
        raise DataError("no two items may be parted; training and validation need at least one each")
    order = _generator(seed, "split").permutation(groups)
    reached = np.bincount(kin, minlength=groups)[order].cumsum()
    first = min(int(np.searchsorted(reached, held)) + 1, groups - 1)
    inside = np.isin(kin, order[:first])
    return np.flatnonzero(~inside), np.flatnonzero(inside)


def some(rows: Rows, count: int, seed: int, kin: Rows | None = None) -> Rows:
    """At most ``count`` of the rows, chosen by the seed, in order.

    With ``kin`` (a number for each row of the table) all of a kin or none, and one kin at least.
    """
    if len(rows) <= count:
        return rows
    if kin is None:
        return np.sort(_generator(seed, "some").permutation(rows)[:count])
    names, of_row, sizes = np.unique(kin[rows], return_inverse=True, return_counts=True)
    order = _generator(seed, "some").permutation(len(names))
    kept = max(1, int(np.searchsorted(sizes[order].cumsum(), count, side="right")))
    return rows[np.isin(of_row, order[:kept])]


class Source(Protocol):
    """What training draws its batches from."""

    modality: Modality

    def order(self, seed: int, epoch: int) -> list[Rows]:
        """The rows of each batch of an epoch."""

    def batch(self, rows: Rows) -> Batch:
        """The batch of some rows."""

    def in_order(self) -> Iterator[Batch]:
        """Every item once, for evaluation."""


class _Maker:
    """Rows of a table to a batch: cut out of a stack where the modality has one, collated otherwise."""

    def __init__(
        self, examples: Dataset, rows: Rows, modality: Modality, device: torch.device, known: Known | None
    ) -> None:
        self._examples, self._rows, self._modality, self.device = examples, rows, modality, device
        self._known = known
        self._stack: Stack | None = None
        self._places: Rows | None = None  # of each row of the table in the stack; made when it is first asked for

    def __call__(self, rows: Rows) -> Batch:
        if self._places is None:
            self._stack = self._modality.stack(self._examples.select(self._rows))
            self._places = np.zeros(len(self._examples), dtype=np.int64)
            self._places[self._rows] = np.arange(len(self._rows))
        made = self._stack(self._places[rows], rows) if self._stack is not None else self._collated(rows)
        made = made if self._known is None else self._known(made, rows)
        return made if self.device.type == "cpu" else made.to(self.device)

    def _collated(self, rows: Rows) -> Batch:
        columns = self._examples[rows.tolist()]
        names = list(columns)
        examples = [dict(zip(names, values, strict=True)) for values in zip(*columns.values(), strict=True)]
        return self._modality.collate(examples, rows.tolist())


class Batches:
    """Batches of examples of near-equal size: the costliest item times their number stays in a budget.

    Groups stay together, near-equal costs side by side, as many as the budget has room for, and one at least.
    """

    def __init__(
        self,
        examples: Dataset,
        rows: Rows,
        modality: Modality,
        *,
        batch_size: int,
        per_group: int | None = None,
        device: torch.device | None = None,
        known: Known | None = None,
    ) -> None:
        self.examples = examples
        self.rows = rows
        self.modality = modality
        self.per_group = per_group
        self.known = known
        self.costs = np.asarray(examples["cost"][:], dtype=np.int64)[rows]
        #: what a batch may cost: batch_size items of mean cost
        self.budget = max(int(self.costs.max()), round(batch_size * float(self.costs.mean())))
        self._groups: list[Rows] | None = None  # places in ``rows``, group by group
        if GROUP in examples.column_names:
            named = [-1 - row if name is None else name for row, name in enumerate(examples[GROUP][:])]
            _, of_item, sizes = np.unique(np.asarray(named)[rows], return_inverse=True, return_counts=True)
            self._groups = np.split(np.argsort(of_item, kind="stable"), sizes.cumsum()[:-1])
        elif per_group is not None:
            raise SettingError(
                f"per_group = {per_group}: these items form no groups; the modality's settings say what groups them"
            )
        self._make = _Maker(examples, rows, modality, device or torch.device("cpu"), known)

    def resized(self, batch_size: int) -> Batches:
        """The same items in batches of another size."""
        made = Batches(self.examples, self.rows, self.modality, batch_size=batch_size, per_group=self.per_group)
        made._make = self._make
        return made

    def order(self, seed: int, epoch: int) -> list[Rows]:
        """The rows of each batch of an epoch: near-equal costs together, batches in random order."""
        generator = _generator(seed, "order", epoch)
        if self._groups is not None:
            batches = self._grouped(self._groups, generator)
        else:
            shuffled = generator.permutation(len(self.rows))
            batches = self._cut(shuffled[np.argsort(self.costs[shuffled], kind="stable")])
        return [batches[place] for place in generator.permutation(len(batches))]

    def in_order(self) -> Iterator[Batch]:
        """Every item once, by cost, for evaluation; groups in the order of their first items, always the same parts."""
        if self._groups is not None:
            firsts = sorted(self._groups, key=lambda places: int(places[0]))
            batches = self._grouped(firsts, None)
        else:
            batches = self._cut(np.argsort(self.costs, kind="stable"))
        for rows in batches:
            yield self.batch(rows)

    def _cut(self, places: Rows) -> list[Rows]:
        costs = self.costs[places]
        if costs[0] == costs[-1]:  # they ascend: all are the same
            cuts = list(range(self.budget // int(costs[0]), len(places), self.budget // int(costs[0])))
        else:
            cuts, first = [], 0
            for place in range(len(places)):
                if costs[place] * (place - first + 1) > self.budget:  # the last is the costliest
                    cuts.append(place)
                    first = place
        return [self.rows[part] for part in np.split(places, cuts)]

    def _grouped(self, groups: Sequence[Rows], generator: np.random.Generator | None) -> list[Rows]:
        """Batches of parts of groups. The first part of every group comes first, then the second of those that have
        one, and so on, and no batch runs on into the next round: so none has two parts of a group."""
        if self.per_group is not None:
            mixed = [generator.permutation(g) for g in groups] if generator is not None else groups
            cut = [np.array_split(g, math.ceil(len(g) / self.per_group)) for g in mixed]
        else:
            cut = [[g] for g in groups]
        batches: list[Rows] = []
        for number in range(max(map(len, cut))):
            parts = [of_group[number] for of_group in cut if number < len(of_group)]
            if generator is not None:
                parts = [parts[place] for place in generator.permutation(len(parts))]
                parts.sort(key=lambda part: int(self.costs[part].max()))
            batches += self._packed(parts)
        return batches

    def _packed(self, parts: Sequence[Rows]) -> list[Rows]:
        """Parts of groups, one after the other, in batches within the budget."""
        batches: list[Rows] = []
        held: list[Rows] = []
        items = costliest = 0
        for part in parts:
            dearest = max(costliest, int(self.costs[part].max()))
            if held and dearest * (items + len(part)) > self.budget:
                batches.append(self.rows[np.concatenate(held)])
                held, items, dearest = [], 0, int(self.costs[part].max())
            held.append(part)
            items, costliest = items + len(part), dearest
        return [*batches, self.rows[np.concatenate(held)]]

    def batch(self, rows: Rows) -> Batch:
        """The batch of some rows; their numbers are the keys of its random draws."""
        return self._make(rows)


class Stacked:
    """Batches of so many items each, cut out of one batch of all items, which lies in memory; near-equal costs
    together, batches in random order."""

    def __init__(self, whole: Batch, modality: Modality, *, batch_size: int) -> None:
        self.whole = whole
        self.costs = whole.cost.cpu().numpy()
        self.modality = modality
        self.batch_size = batch_size

    def order(self, seed: int, epoch: int) -> list[Rows]:
        """The rows of each batch of an epoch."""
        generator = _generator(seed, "order", epoch)
        shuffled = generator.permutation(len(self.whole))
        batches = self._cut(shuffled[np.argsort(self.costs[shuffled], kind="stable")])
        return [batches[place] for place in generator.permutation(len(batches))]

    def in_order(self) -> Iterator[Batch]:
        """Every item once, for evaluation."""
        for rows in self._cut(np.arange(len(self.whole))):
            yield self.batch(rows)

    def _cut(self, rows: Rows) -> list[Rows]:
        return [rows[first : first + self.batch_size] for first in range(0, len(rows), self.batch_size)]

    def batch(self, rows: Rows) -> Batch:
        """The batch of some rows."""
        return self.whole.take(torch.from_numpy(rows).to(self.whole.items.device))
