"""What the core knows of symbols: the few that mean something in any sequence, and how many there are."""

from __future__ import annotations

from typing import ClassVar

from torch import nn

from genvae.errors import SettingError


class Symbols:
    """The symbols every vocabulary begins with."""

    PAD, BEGIN, END, UNKNOWN, MASK = range(5)
    COUNT: ClassVar[int] = 5


def of_symbols(likelihood: nn.Module) -> bool:
    """Whether a likelihood is of sequences of symbols."""
    return isinstance(getattr(likelihood, "symbols", None), int)


def vocabulary(likelihood: nn.Module, asker: str) -> int:
    """How many symbols a likelihood of symbol sequences tells apart; raises SettingError for any other."""
    if not of_symbols(likelihood):
        raise SettingError(f"{asker} is for models of symbol sequences; a {type(likelihood).__name__} has no symbols")
    symbols: int = likelihood.symbols  # type: ignore[assignment]
    if symbols <= Symbols.COUNT:
        raise SettingError(f"{asker} needs an ordinary symbol; all {symbols} of this model are special")
    return symbols
