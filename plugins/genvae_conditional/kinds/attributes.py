"""Several flags at once: a set of what an item has."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from genvae.core.conditions import Condition, ConditionSettings
from genvae.errors import DataError, SettingError, nearest
from genvae.settings import setting

MOST = 1_000  # flags
LISTED = 5  # most flags whose combinations are told one by one
NONE = "none"  # how the empty set is written
TRUE, FALSE = ("1", "true", "yes", "1.0"), ("0", "-1", "false", "no", "0.0", "-1.0")


class Attributes(Condition):
    """Flags, 1 or -1 each in a row, 0 where one is not known; 1 or 0 as codes."""

    kind = "attributes"

    def __init__(self, name: str, flags: Sequence[str], apart: bool, reaches: Sequence[str]) -> None:
        super().__init__(name, (len(flags),), reaches)
        self.flags, self.apart = tuple(flags), apart
        self.outputs = self.coded = len(flags)

    def codes(self, values: Sequence[Any]) -> Float[Tensor, "n c"]:
        made = [self._flags(value) for value in values]
        return torch.tensor(made, dtype=torch.float64).reshape(-1, len(self.flags))

    def _flags(self, value: Any) -> list[float]:
        """Of a cell a flag each, or of one cell with the names of those that are true."""
        if self.apart:
            cells = value if isinstance(value, list | tuple) else [value]
            return [1.0 if c.lower() in TRUE else 0.0 if c.lower() in FALSE else float("nan") for c in cells]
        if not value:
            return [float("nan")] * len(self.flags)
        there = parts(value)
        return [float(flag in there) for flag in self.flags]

    def rows(self, codes: Float[Tensor, "n c"]) -> Float[Tensor, "n ..."]:
        return (2.0 * codes - 1.0).nan_to_num(0.0).float()

    def ask(self, value: Any) -> Tensor:
        """A set of names: the flags that are true, all others being false; or {name: true, false or None}."""
        given = value if isinstance(value, Mapping) else dict.fromkeys(_listed(value), True)
        for flag in given:
            if flag not in self.flags:
                raise SettingError(f"{self.name} has no {flag!r}; {nearest(str(flag), self.flags)}")
        return torch.tensor([0.0 if given.get(f, False) is None else 1.0 if given.get(f) else -1.0 for f in self.flags])

    def said(self, row: Tensor) -> str:
        return ",".join(flag for flag, there in zip(self.flags, row.tolist(), strict=True) if there > 0) or (
            NONE if row.any() else ""
        )

    def agreement(self, rows: Float[Tensor, "n ..."], codes: Float[Tensor, "m c"]) -> Float[Tensor, "n m"]:
        # a flag that is known on both sides and differs makes its product -1
        return ((rows[:, None] * self.rows(codes)) >= 0).all(2).float()

    def values(self) -> Mapping[str, Tensor]:
        if len(self.flags) > LISTED:
            return {}
        rows = [torch.tensor(row) for row in itertools.product((-1.0, 1.0), repeat=len(self.flags))]
        return {self.said(row): row for row in rows}

    def nats(self, outputs: Float[Tensor, "n o"], rows: Float[Tensor, "n ..."]) -> Float[Tensor, " n"]:
        return (functional.softplus(-rows * outputs) * rows.abs()).sum(1)

    def declared(self) -> dict[str, Any]:
        return {"kind": self.kind, "values": list(self.flags)}

    def to_config(self) -> dict[str, Any]:
        return {"flags": list(self.flags), "apart": self.apart}


def parts(cell: str) -> list[str]:
    """The names in a cell."""
    found = [part.strip() for part in cell.split(",")]
    return [part for part in found if part and part != NONE]


def _listed(value: Any) -> list[str]:
    if isinstance(value, str):
        return parts(value)
    if isinstance(value, list | tuple | set | frozenset):
        return [str(entry) for entry in value]
    raise SettingError(f"attributes are given as names with commas between them, or 'none'; got {value!r}")


@dataclass(frozen=True, kw_only=True)
class AttributesSettings(ConditionSettings):
    """Flags, a column each, or the names of those that are true in one column with commas between them."""

    flags: tuple[str, ...] = setting((), help="the columns of the flags (1 or 0, true or false); default: one column")

    def columns(self, name: str) -> list[str]:
        return list(self.flags) or super().columns(name)

    def fit(self, name: str, values: Sequence[Any]) -> Attributes:
        if self.flags:
            made = Attributes(name, self.flags, True, self.networks(name))
        else:
            flags = sorted({part for value in values for part in parts(value)})
            if not flags:
                raise DataError(f"condition {name!r}: no item has a value in its column")
            if len(flags) > MOST:
                raise DataError(f"condition {name!r} has {len(flags):,} attributes; at most {MOST:,}")
            made = Attributes(name, flags, False, self.networks(name))
        codes = made.codes(values)
        if codes.isnan().all():
            raise DataError(f"condition {name!r}: no item has a value (1 or 0) in {', '.join(made.flags)}")
        same = [f for f, c in zip(made.flags, codes.T, strict=True) if len(c[~c.isnan()].unique()) < 2]
        if len(same) == len(made.flags):
            raise DataError(f"condition {name!r}: every item has the same; at least one flag must differ")
        return made

    def restore(self, name: str, config: Mapping[str, Any]) -> Attributes:
        return Attributes(name, config["flags"], config["apart"], self.networks(name))
