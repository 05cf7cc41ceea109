"""Free text, through a small encoder of its bytes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from genvae.core.conditions import Condition, ConditionSettings, unknown
from genvae.errors import SettingError
from genvae.settings import setting
from genvae_conditional.kinds.classes import told_apart

BYTES = 257  # and 0 for nothing
REACH = 5  # bytes that a vector is made from


class Bytes(nn.Module):
    """A vector of a text: of every few bytes in a row one, the largest number of each dimension, a linear layer. Of an
    unknown text it is 0."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(BYTES, width)
        self.layer = nn.Conv1d(width, width, REACH, padding=REACH // 2)
        self.last = nn.Linear(width, width)

    def forward(self, rows: Float[Tensor, "n l"]) -> Float[Tensor, "n w"]:
        there = rows != 0
        embedded = self.embedding(rows.long().clamp(0, BYTES - 1)) * there[..., None]
        found = functional.silu(self.layer(embedded.transpose(1, 2)))
        found = found.masked_fill(~there[:, None], torch.finfo(found.dtype).min).amax(2)
        found = found.masked_fill(unknown(rows)[:, None], 0.0)
        return self.last(found) * ~unknown(rows)[:, None]


class Text(Condition):
    """A text by its bytes: each one's number and 1 more, 0 behind the last."""

    kind = "text"
    drawn = False
    blends = False

    def __init__(self, name: str, length: int, width: int, reaches: Sequence[str]) -> None:
        super().__init__(name, (length,), reaches)
        self.length, self.width, self.coded = length, width, length

    def network(self) -> nn.Module:
        return Bytes(self.width)

    def codes(self, values: Sequence[Any]) -> Float[Tensor, "n c"]:
        made = [self._bytes(value[: self.length]) if value else [float("nan")] * self.length for value in values]
        return torch.tensor(made, dtype=torch.float64).reshape(-1, self.length)

    def _bytes(self, text: str) -> list[float]:
        found = [byte + 1.0 for byte in text.encode()[: self.length]]
        return found + [0.0] * (self.length - len(found))

    def rows(self, codes: Float[Tensor, "n c"]) -> Float[Tensor, "n ..."]:
        return codes.nan_to_num(0.0).float()

    def ask(self, value: Any) -> Tensor:
        if not isinstance(value, str) or not value.strip():
            raise SettingError(f"{self.name} = {value!r} must be a text")
        if len(value.encode()) > self.length:
            raise SettingError(f"{self.name} has {len(value.encode()):,} bytes; at most {self.length}")
        return torch.tensor(self._bytes(value.strip()))

    def said(self, row: Tensor) -> str:
        return bytes(int(number) - 1 for number in row.tolist() if number > 0).decode(errors="ignore")

    def agreement(self, rows: Float[Tensor, "n ..."], codes: Float[Tensor, "m c"]) -> Float[Tensor, "n m"]:
        return rows.new_ones(len(rows), len(codes))

    def declared(self) -> dict[str, Any]:
        return {"kind": self.kind}

    def to_config(self) -> dict[str, Any]:
        return {"length": self.length, "width": self.width}


@dataclass(frozen=True, kw_only=True)
class TextSettings(ConditionSettings):
    """Free text through a small encoder."""

    length: int = setting(64, help="most bytes that are read; longer ones are cut", ge=1, le=1024)
    width: int = setting(32, help="numbers of its vector", ge=1, le=4096)

    def fit(self, name: str, values: Sequence[Any]) -> Text:
        told_apart(name, values)
        return Text(name, self.length, self.width, self.networks(name))

    def restore(self, name: str, config: Mapping[str, Any]) -> Text:
        return Text(name, config["length"], config["width"], self.networks(name))
