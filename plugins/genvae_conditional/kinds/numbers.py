"""A number: in bins, each a value of its own, or as it is."""

from __future__ import annotations

import bisect
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from genvae.core.conditions import Categorical, Condition, ConditionSettings, unknown
from genvae.errors import DataError, SettingError
from genvae.settings import setting
from genvae_conditional.kinds.classes import told_apart

LOG_VARIANCE = 4.0  # what a network says of a number's log variance stays within this of 0
NEAR = 0.25  # how near a remembered number is to one that is asked for, in standard deviations


def spelt(value: float) -> str:
    """A number in few characters."""
    return f"{value:.6g}"


def number(name: str, value: Any) -> float:
    """The number that a user asks for; raises SettingError."""
    try:
        found = float(value)
    except (TypeError, ValueError):
        raise SettingError(f"{name} = {value!r} must be a number") from None
    if not math.isfinite(found):
        raise SettingError(f"{name} = {value!r} must be a finite number")
    return found


def inside(name: str, value: float, least: float, most: float) -> float:
    """The number, where the training items go so far; raises SettingError."""
    if not least <= value <= most:
        raise SettingError(
            f"{name} = {spelt(value)} is not between {spelt(least)} and {spelt(most)}, which the training items have"
        )
    return value


def parsed(value: str) -> float:
    """A table's number; NaN for what is none."""
    try:
        found = float(value)
    except ValueError:
        return math.nan
    return found if math.isfinite(found) else math.nan


class Binned(Categorical):
    """The bin of a number: from each of ``starts`` to the next. ``last`` is the largest number there is."""

    kind = "number"

    def __init__(
        self, name: str, starts: Sequence[float], ends: Sequence[float], counts: Sequence[int], reaches: Sequence[str]
    ) -> None:
        self.starts, self.ends = list(starts), list(ends)
        names = [spelt(a) if a == b else f"{spelt(a)}-{spelt(b)}" for a, b in zip(starts, ends, strict=True)]
        super().__init__(name, names, counts, reaches)

    def _bin(self, value: float) -> int:
        return max(bisect.bisect_right(self.starts, value) - 1, 0)

    def codes(self, values: Sequence[Any]) -> Float[Tensor, "n c"]:
        numbers = [parsed(value) for value in values]
        found = [math.nan if math.isnan(value) else float(self._bin(value)) for value in numbers]
        return torch.tensor(found, dtype=torch.float64).reshape(-1, 1)

    def ask(self, value: Any) -> Tensor:
        if str(value) in self.names or isinstance(value, Mapping):
            return super().ask(value)
        asked = inside(self.name, number(self.name, value), self.starts[0], self.ends[-1])
        return self._one(self.names[self._bin(asked)])

    def declared(self) -> dict[str, Any]:
        return {**super().declared(), "least": self.starts[0], "most": self.ends[-1]}

    def to_config(self) -> dict[str, Any]:
        return {"starts": self.starts, "ends": self.ends, "counts": self.counts.long().tolist()}


class Continuous(Condition):
    """A number as it is. Its row is the number, brought to mean 0 and standard deviation 1, and a 1: it is known."""

    kind = "number"
    outputs = 2

    def __init__(self, name: str, mean: float, scale: float, least: float, most: float, reaches: Sequence[str]) -> None:
        super().__init__(name, (2,), reaches)
        self.mean, self.scale, self.least, self.most = mean, scale, least, most

    def codes(self, values: Sequence[Any]) -> Float[Tensor, "n c"]:
        return torch.tensor([parsed(value) for value in values], dtype=torch.float64).reshape(-1, 1)

    def rows(self, codes: Float[Tensor, "n c"]) -> Float[Tensor, "n ..."]:
        there = ~codes.isnan()
        standard = ((codes - self.mean) / self.scale).nan_to_num(0.0)
        return torch.cat([standard, there.to(standard.dtype)], 1).float()

    def ask(self, value: Any) -> Tensor:
        asked = inside(self.name, number(self.name, value), self.least, self.most)
        return self.rows(torch.tensor([[asked]], dtype=torch.float64))[0]

    def said(self, row: Tensor) -> str:
        if not row.any():
            return ""
        digits = 5 - math.floor(math.log10(self.scale))  # a row is single precision
        return spelt(round(float(row[0]) * self.scale + self.mean, digits) + 0.0)

    def agreement(self, rows: Float[Tensor, "n ..."], codes: Float[Tensor, "m c"]) -> Float[Tensor, "n m"]:
        apart = (rows[:, :1] - self.rows(codes)[:, 0]) / NEAR
        free = codes[:, 0].isnan() | unknown(rows)[:, None]
        return torch.where(free, torch.ones_like(apart), (-0.5 * apart.square()).exp())

    def nats(self, outputs: Float[Tensor, "n o"], rows: Float[Tensor, "n ..."]) -> Float[Tensor, " n"]:
        mean, log_variance = outputs.unbind(1)
        log_variance = LOG_VARIANCE * torch.tanh(log_variance / LOG_VARIANCE)
        apart = (rows[:, 0] - mean).square() * (-log_variance).exp()
        return 0.5 * (apart + log_variance + math.log(2 * math.pi)) * rows[:, 1]

    def declared(self) -> dict[str, Any]:
        return {"kind": self.kind, "least": self.least, "most": self.most}

    def to_config(self) -> dict[str, Any]:
        return {"mean": self.mean, "scale": self.scale, "least": self.least, "most": self.most}


@dataclass(frozen=True, kw_only=True)
class NumberSettings(ConditionSettings):
    """A number, in bins or as it is."""

    bins: int = setting(8, help="bins of about as many items each; 0: the number as it is", ge=0, le=1024)

    def fit(self, name: str, values: Sequence[Any]) -> Condition:
        told_apart(name, values)
        numbers = []
        for place, value in enumerate(values):
            if value:
                numbers.append(parsed(value))
                if math.isnan(numbers[-1]):
                    raise DataError(f"condition {name!r}: {value!r} of item {place + 1} is not a number")
        numbers.sort()
        if numbers[0] == numbers[-1]:
            raise DataError(f"condition {name!r}: every item has {spelt(numbers[0])}; at least two values are needed")
        if not self.bins:
            seen = torch.tensor(numbers, dtype=torch.float64)
            scale = float(seen.std(correction=0))
            return Continuous(name, float(seen.mean()), scale, numbers[0], numbers[-1], self.networks(name))
        # a bin begins where a share of the items is reached, and at no number twice
        places = [numbers[round(share * len(numbers) / self.bins)] for share in range(self.bins)]
        starts = sorted({numbers[0], *places})
        counts = [0] * len(starts)
        ends = list(starts)
        for value in numbers:
            place = bisect.bisect_right(starts, value) - 1
            counts[place] += 1
            ends[place] = value
        return Binned(name, starts, ends, counts, self.networks(name))

    def restore(self, name: str, config: Mapping[str, Any]) -> Condition:
        make = Continuous if "mean" in config else Binned
        return make(name, **config, reaches=self.networks(name))
