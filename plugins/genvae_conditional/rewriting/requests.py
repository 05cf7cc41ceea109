"""What rewriting is asked for. Torch-free."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from genvae.asking import (
    MOST,
    Items,
    as_conditions,
    as_items,
    conditions_setting,
    model_setting,
    output_setting,
    seed_setting,
)
from genvae.settings import setting


@dataclass(frozen=True, kw_only=True)
class Rewrite:
    """Items again under other conditions: encoded with their own, decoded with those that are asked for."""

    model: str = model_setting()
    items: tuple[Any, ...] = setting(help="the items", argument=True, convert=as_items, max_length=MOST)
    conditions: dict[str, Any] = conditions_setting()
    own: dict[str, Any] = setting(
        {}, help="what the items are, NAME=VALUE ..., where that is known; default: what fits each best",
        convert=as_conditions, several=True,
    )  # fmt: skip
    strength: float = setting(
        1.0, help="how far: 0 is the item said again, 1 what is asked for, more goes on in that direction",
        ge=0.0, le=1_000.0,
    )  # fmt: skip
    keep: str = setting(
        "latent", help="what stays of an item: its latent, or the noise that the prior under its own conditions makes "
        "that latent of", choices=("latent", "noise"),
    )  # fmt: skip
    returning: float = setting(
        0.0, help="with beams: of them the one that is likely and from which the item comes back, weighed so; 0 takes "
        "the likeliest", ge=0.0, le=100.0,
    )  # fmt: skip
    candidates: int = setting(
        0, help="for lines of symbols: edit each so often, and take the likeliest of that; 0 says all of it anew",
        ge=0, le=1_000,
    )  # fmt: skip
    rounds: int = setting(2, help="of candidates, each from the best of the one before", ge=1, le=20)
    closeness: float = setting(
        2.0, help="of candidates to the item: nats that each changed symbol costs", ge=0.0, le=100.0
    )
    seed: int = seed_setting()
    output: str | None = output_setting()


@dataclass(frozen=True)
class Rewritten(Items):
    """The items rewritten, beside what they were, and the conditions that each had and was given."""

    originals: list[Any] = field(default_factory=list)
    own: dict[str, list[str]] = field(default_factory=dict)
    conditions: dict[str, list[str]] = field(default_factory=dict)

    def lines(self) -> list[str]:
        """What it was, then what it became."""
        if self.output:
            return super().lines()
        return [f"{before}  ->  {after}" for before, after in zip(self.originals, self.items, strict=True)]
