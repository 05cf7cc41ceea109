"""Conditions: what may be known of an item, and asked for when one is made.

A condition is an observed block. Its value has three forms: a name or number of the user's; a few *codes*, by which
many items are held in memory and p(c) is remembered; and a *row* of the block's shape, which networks are given. An
unknown value has NaN for codes and zeros for a row; so has one that a user has not asked for.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from genvae.core.latents import Block, Latents
from genvae.core.randomness import Stream
from genvae.errors import LacksCapability, SettingError, close, nearest
from genvae.settings import setting

#: which networks a condition may reach
NETWORKS = DECODER, PRIOR, POSTERIOR = ("decoder", "prior", "posterior")
UNKNOWN = "unknown"  # how a user asks for the value that says nothing
NARROW = 64  # widest one-hot row that networks are given as it is
AT_ONCE = 1_024  # items whose unknown conditions are drawn together


def unknown(rows: Float[Tensor, "n ..."]) -> Bool[Tensor, " n"]:
    """Which rows of a condition are unknown: the rows of zeros."""
    return ~(rows != 0).flatten(1).any(1)


class Embedding(nn.Module):
    """A linear layer on a row: of a one-hot row a table of vectors, of shares their mean, of an unknown one zeros."""

    def __init__(self, size: int, width: int) -> None:
        super().__init__()
        self.layer = nn.Linear(size, width, bias=False)
        with torch.no_grad():  # a value's vector is of length about 1
            self.layer.weight *= (size / width) ** 0.5

    def forward(self, rows: Float[Tensor, "n ..."]) -> Float[Tensor, "n w"]:
        found: Tensor = self.layer(rows.flatten(1))
        return found


class Condition(ABC):
    """One condition. ``width`` is how many numbers networks are given of it."""

    kind: ClassVar[str] = ""
    #: whether a value that is not asked for is drawn from those of the training items; else it is unknown
    drawn: ClassVar[bool] = True
    #: whether what lies between two rows means something
    blends: ClassVar[bool] = True
    #: how many numbers a network needs to say it (see ``nats``); 0: none can
    outputs: int = 0
    #: how many codes a value has
    coded: int = 1

    def __init__(self, name: str, shape: tuple[int, ...], reaches: Sequence[str] = NETWORKS) -> None:
        self.name = name
        self.block = Block(name=name, shape=shape)
        self.reaches = tuple(reaches)
        self.width = self.block.size

    @property
    def seen(self) -> Block:
        """The block as networks are given it."""
        return replace(self.block, shape=(self.width,))

    def network(self) -> nn.Module | None:
        """What makes of rows what other networks are given, (n, width), fresh weights each time; None: nothing is
        made of them."""
        return None

    @abstractmethod
    def codes(self, values: Sequence[Any]) -> Float[Tensor, "n c"]:
        """Values as they lie in a table, text or "" each, as codes; NaN for what is not known, or not a value."""

    @abstractmethod
    def rows(self, codes: Float[Tensor, "n c"]) -> Float[Tensor, "n ..."]:
        """Codes as rows of the block."""

    @abstractmethod
    def ask(self, value: Any) -> Tensor:
        """The row that a user asks for; raises SettingError for what is no value, and names the nearest."""

    @abstractmethod
    def said(self, row: Tensor) -> str:
        """What a row stands for, in words; '' for an unknown one."""

    @abstractmethod
    def agreement(self, rows: Float[Tensor, "n ..."], codes: Float[Tensor, "m c"]) -> Float[Tensor, "n m"]:
        """How well codes fit rows, from 0 to 1; what is unknown fits everything."""

    def values(self) -> Mapping[str, Tensor]:
        """The rows of all values by their names, where they can be told one by one; else none."""
        return {}

    @property
    def log_shares(self) -> Float[Tensor, " k"]:
        """log p(c) of each of its ``values``."""
        count = len(self.values())
        return torch.full((count,), -math.log(max(count, 1)))

    def nats(self, outputs: Float[Tensor, "n o"], rows: Float[Tensor, "n ..."]) -> Float[Tensor, " n"]:
        """-log p(row) of each item, in nats, by ``outputs`` numbers that a network says of it; 0 where it is
        unknown."""
        raise LacksCapability(f"no network reads a condition of kind {self.kind!r} ({self.name!r}): choose another")

    @abstractmethod
    def declared(self) -> dict[str, Any]:
        """What a user may ask for, as plain data: "kind", and "values", or "least" and "most"."""

    @abstractmethod
    def to_config(self) -> dict[str, Any]:
        """What ``ConditionSettings.restore`` makes it from again."""


@dataclass(frozen=True, kw_only=True)
class ConditionSettings(ABC):
    """Base of the settings of every kind."""

    column: str | None = setting(None, help="the column that says it; default: the one of its name")
    reaches: tuple[str, ...] = setting(NETWORKS, help=f"the networks that are told it: {', '.join(NETWORKS)}")
    shared: bool = setting(False, help="a group of items has one value, stated for all of them or for any")

    def columns(self, name: str) -> list[str]:
        """The columns of a table that it is read from."""
        return [self.column or name]

    def declared(self, condition: Condition) -> Condition:
        """A condition that was fitted or restored, as it is declared: a group's where it is ``shared``."""
        condition.block = replace(condition.block, shared=self.shared)
        return condition

    def networks(self, name: str) -> tuple[str, ...]:
        """``reaches``, checked."""
        for network in self.reaches:
            if network not in NETWORKS:
                raise SettingError(f"condition {name!r} reaches {network!r}: {nearest(network, NETWORKS)}")
        if not self.reaches:
            raise SettingError(f"condition {name!r} reaches no network; name some of: {', '.join(NETWORKS)}")
        return self.reaches

    @abstractmethod
    def fit(self, name: str, values: Sequence[Any]) -> Condition:
        """The condition of a table's values; raises DataError for values that no condition can be made of."""

    @abstractmethod
    def restore(self, name: str, config: Mapping[str, Any]) -> Condition:
        """The condition that was saved."""


class Categorical(Condition):
    """One of k values, in the order of ``names``; ``counts`` says how often each was seen (default: evenly), and
    ``called`` which name a value of a table has, where that is another than the value itself.

    A row of shares that sum to 1 is a mixture of values. From NARROW values on networks are given a vector a value.
    """

    kind = "class"

    def __init__(
        self,
        name: str,
        names: Sequence[str],
        counts: Sequence[int] = (),
        reaches: Sequence[str] = NETWORKS,
        width: int | None = None,
        called: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(name, (len(names),), reaches)
        self.names = tuple(names)
        self.called = dict(called or {})
        self.counts = torch.tensor(list(counts) or [1.0] * len(self.names), dtype=torch.float64)
        self.outputs = len(self.names)
        self.embedded = width is not None or len(self.names) > NARROW
        self.width = (width or NARROW) if self.embedded else len(self.names)
        self._numbers = {value: number for number, value in enumerate(self.names)}

    @property
    def log_shares(self) -> Float[Tensor, " k"]:
        """log p(c) of each value, by the counts."""
        return (self.counts / self.counts.sum()).log().float()

    def network(self) -> nn.Module | None:
        return Embedding(self.block.size, self.width) if self.embedded else None

    def codes(self, values: Sequence[Any]) -> Float[Tensor, "n c"]:
        numbers = [self._numbers.get(self.called.get(value, value), float("nan")) for value in values]
        return torch.tensor(numbers, dtype=torch.float64).reshape(-1, 1)

    def rows(self, codes: Float[Tensor, "n c"]) -> Float[Tensor, "n ..."]:
        numbers = torch.arange(len(self.names), device=codes.device)
        return (codes == numbers).to(torch.float32)

    def ask(self, value: Any) -> Tensor:
        text = str(value)
        if text in self._numbers:
            return self._one(text)
        shares = value if isinstance(value, Mapping) else _shares(text)
        if not shares:
            named, _, given = text.rpartition(":")
            if named.strip() in self._numbers:
                raise SettingError(f"{self.name}: the share of {named.strip()!r} is {given!r}; it must be a number")
            raise self._no_value(text)
        row = torch.zeros(len(self.names))
        for name, share in shares.items():
            if str(name) not in self._numbers:
                raise self._no_value(name)
            if not isinstance(share, int | float) or not 0 <= share < float("inf"):
                raise SettingError(f"{self.name}: the share of {name!r} is {share!r}; it must be a number from 0 up")
            row = row + float(share) * self._one(str(name))
        if not row.any():
            raise SettingError(f"{self.name}: the shares sum to 0")
        return row / row.sum()

    def _no_value(self, value: Any) -> SettingError:
        return SettingError(f"{self.name} = {value!r} is no value of this model; {nearest(str(value), self.names)}")

    def _one(self, name: str) -> Float[Tensor, " k"]:
        row = torch.zeros(len(self.names))
        row[self._numbers[name]] = 1.0
        return row

    def said(self, row: Tensor) -> str:
        there = [(self.names[number], float(row[number])) for number in row.nonzero()[:, 0].tolist()]
        return there[0][0] if len(there) == 1 else ",".join(f"{name}:{share:.3g}" for name, share in there)

    def agreement(self, rows: Float[Tensor, "n ..."], codes: Float[Tensor, "m c"]) -> Float[Tensor, "n m"]:
        known = codes[:, 0].nan_to_num(0.0).long()
        fits = rows[:, known]
        return torch.where(codes[:, 0].isnan() | unknown(rows)[:, None], torch.ones_like(fits), fits)

    def values(self) -> Mapping[str, Tensor]:
        return {name: self._one(name) for name in self.names}

    def nats(self, outputs: Float[Tensor, "n o"], rows: Float[Tensor, "n ..."]) -> Float[Tensor, " n"]:
        return -(rows * outputs.log_softmax(1)).sum(1)

    def declared(self) -> dict[str, Any]:
        return {"kind": self.kind, "values": list(self.names)}

    def to_config(self) -> dict[str, Any]:
        return {"values": list(self.names), "counts": self.counts.long().tolist()}


def _shares(text: str) -> dict[str, float]:
    """ "kjv:0.7,modern:0.3" as shares; {} for what is written otherwise."""
    found: dict[str, float] = {}
    for part in text.split(","):
        name, mark, share = part.rpartition(":")
        try:
            found[name.strip()] = float(share)
        except ValueError:
            return {}
        if not mark:
            return {}
    return found


class Conditions(Mapping[str, Condition]):
    """The conditions of a model in their order, and p(c): ``table`` holds combinations of codes that the training
    items have, (m, all codes), and ``counts`` how many items have each."""

    def __init__(
        self,
        conditions: Sequence[Condition] = (),
        table: Float[Tensor, "m c"] | None = None,
        counts: Float[Tensor, " m"] | None = None,
    ) -> None:
        self._of = {condition.name: condition for condition in conditions}
        self.table = table
        self.counts = counts

    def __getitem__(self, name: str) -> Condition:
        return self._of[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._of)

    def __len__(self) -> int:
        return len(self._of)

    @property
    def blocks(self) -> list[Block]:
        """Their blocks."""
        return [condition.block for condition in self.values()]

    def reaching(self, network: str) -> list[Condition]:
        """Those that a network is told."""
        return [condition for condition in self.values() if network in condition.reaches]

    @property
    def partly(self) -> bool:
        """Whether there were items of which some condition was unknown."""
        return self.table is not None and bool(self.table.isnan().any())

    def only(self, names: Sequence[str]) -> Conditions:
        """Those of these names."""
        return Conditions([self[name] for name in names], self.table, self.counts)

    def with_own(self, others: Sequence[Condition]) -> Conditions:
        """These and others, of which no combinations are remembered: they are drawn by their own shares."""
        return Conditions([*self.values(), *others], self.table, self.counts)

    def named(self, name: str) -> Condition:
        """The condition of that name; raises SettingError that names those there are."""
        if name in self._of:
            return self._of[name]
        if not self._of:
            raise SettingError(f"the model has no condition {name!r}: it was trained without conditions")
        raise SettingError(f"the model has no condition {name!r}; it has: {', '.join(self._of)}{self._like(name)}")

    def _like(self, name: str) -> str:
        found = close(name, self._of)
        return f"; did you mean {found!r}?" if found else ""

    def unknown(self, rows: int, device: torch.device | None = None) -> Latents:
        """Rows of which nothing is known."""
        return {c.name: torch.zeros(rows, *c.block.shape, device=device) for c in self.values()}

    def _places(self) -> dict[str, slice]:
        """Where each condition's codes are in the table; those that are not drawn have none there."""
        assert self.table is not None
        found, start = {}, 0
        for condition in self.values():
            if condition.drawn and start < self.table.shape[1]:
                found[condition.name] = slice(start, start + condition.coded)
                start += condition.coded
        return found

    @torch.no_grad()
    def draw(self, items: Int[Tensor, " n"], stream: Stream, given: Mapping[str, Tensor]) -> Latents:
        """Rows of the conditions that are not ``given``, from p(the others | given) as the training items have it;
        where no item has what is given, from p(the others). A row depends on its item's number alone."""
        found: Latents = {}
        missing = [c for c in self.values() if c.name not in given]
        places = self._places() if self.table is not None else {}
        chosen = self._chosen(items, stream, given, places) if places else None
        for condition in missing:
            if not condition.drawn:
                found[condition.name] = torch.zeros(len(items), *condition.block.shape, device=items.device)
                continue
            own = stream.at(condition.name)
            if condition.name not in places:
                assert isinstance(condition, Categorical)
                codes = _pick(condition.counts.expand(len(items), -1), own.uniform(items, 1))[:, None].double()
            else:
                assert self.table is not None and self.counts is not None and chosen is not None
                column = self.table[:, places[condition.name]]
                codes, there = column[chosen], ~column.isnan().any(1)
                if not there.all():  # of items of which it is not known: as those have it of which it is
                    other = _pick((self.counts * there).expand(len(items), -1), own.uniform(items, 1))
                    codes = torch.where(codes.isnan().any(1, keepdim=True), column[other], codes)
            found[condition.name] = condition.rows(codes).to(items.device)
        return found

    def _chosen(
        self, items: Int[Tensor, " n"], stream: Stream, given: Mapping[str, Tensor], places: Mapping[str, slice]
    ) -> Int[Tensor, " n"]:
        """A combination for each item, of those that agree with what is given."""
        assert self.table is not None and self.counts is not None
        parts = []
        uniform = stream.at("combination").uniform(items, 1).cpu()
        for rows in torch.arange(len(items)).split(AT_ONCE):
            weight = self.counts.expand(len(rows), -1)
            for name, place in places.items():
                if name in given:
                    agreed = self[name].agreement(given[name].cpu()[rows], self.table[:, place]).double()
                    weight = weight * agreed
            never = weight.sum(1, keepdim=True) <= 0
            parts.append(_pick(torch.where(never, self.counts, weight), uniform[rows]))
        return torch.cat(parts)


def _pick(weights: Float[Tensor, "n m"], uniform: Float[Tensor, "n 1"]) -> Int[Tensor, " n"]:
    """A place each row, by its weights."""
    sums = weights.cumsum(1)
    return torch.searchsorted(sums, uniform.cpu() * sums[:, -1:], right=True)[:, 0].clamp(max=weights.shape[1] - 1)
