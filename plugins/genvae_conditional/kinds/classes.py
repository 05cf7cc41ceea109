"""One of several values: a form, a language, a style, what a picture shows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from genvae.core.conditions import Categorical, ConditionSettings
from genvae.errors import DataError, SettingError
from genvae.settings import setting

MOST = 10_000  # values


def natural(value: str) -> tuple[int, float, str]:
    """The order of values: numbers by their size, before all text."""
    try:
        return 0, float(value), value
    except ValueError:
        return 1, 0.0, value


def told_apart(name: str, values: Sequence[str], kind: str = "condition") -> Counter[str]:
    """How often each value of a condition, or of another ``kind`` of thing, is there; raises DataError where nothing is
    to be told."""
    counts = Counter(value for value in values if value)
    if not counts:
        raise DataError(f"{kind} {name!r}: no item has a value in its column")
    if len(counts) == 1:
        raise DataError(f"{kind} {name!r}: every item has {next(iter(counts))!r}; at least two values are needed")
    return counts


def as_names(value: Any) -> Any:
    """What values are called as text on both sides: YAML reads 0 as a number."""
    if not isinstance(value, Mapping):
        return value
    names = {str(own): "" if called is None else str(called).strip() for own, called in value.items()}
    for own, called in names.items():
        if not called:
            raise SettingError(f"names: the value {own!r} is called nothing; give {{{own}: NAME}}")
    return names


@dataclass(frozen=True, kw_only=True)
class ClassSettings(ConditionSettings):
    """One of the values of a column."""

    names: Mapping[str, str] = setting(
        {}, help="what values of the column are called, {VALUE: NAME, ...}, in the order in which they are listed; "
        "the others are called as they are written", convert=as_names,
    )  # fmt: skip

    width: int | None = setting(
        None, help="numbers of a learned vector for each value; default: none up to 64 values, 64 beyond", ge=1, le=4096
    )

    def fit(self, name: str, values: Sequence[Any]) -> Categorical:
        counts = told_apart(name, [self.names.get(value, value) for value in values])
        if len(counts) > MOST:
            raise DataError(
                f"condition {name!r} has {len(counts):,} values; at most {MOST:,}: a number or a text is another kind "
                "of condition"
            )
        listed = [called for called in dict.fromkeys(self.names.values()) if called in counts]
        names = [*listed, *sorted(set(counts) - set(listed), key=natural)]
        return self._made(name, names, [counts[value] for value in names])

    def restore(self, name: str, config: Mapping[str, Any]) -> Categorical:
        return self._made(name, config["values"], config["counts"])

    def _made(self, name: str, names: Sequence[str], counts: Sequence[int]) -> Categorical:
        return Categorical(name, names, counts, self.networks(name), self.width, self.names)
