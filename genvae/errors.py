"""The errors a user may meet. Each is one line that names what is wrong and what mends it."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence

SHOWN = 80  # names that a line lists


class GenvaeError(Exception):
    """Something the caller can mend. The command line prints it as one line and ends with code 2."""


class GenvaeWarning(UserWarning):
    """Something worth knowing that does not stop the work."""


class SettingError(GenvaeError):
    """A setting that is unknown, of the wrong type or out of its range."""


class DataError(GenvaeError):
    """Data that cannot be read or does not fit."""


class PluginError(GenvaeError):
    """A plugin or a registered part that cannot be had."""


class CheckpointError(GenvaeError):
    """A model or checkpoint that is damaged, foreign or not there."""


class LacksCapability(GenvaeError):
    """A tool needs something that a prior, posterior or likelihood cannot do."""


def close(word: str, known: Iterable[str], cutoff: float = 0.55) -> str | None:
    """The known word that is most like another, one that differs in capitals alone before all; None where none is."""
    names = sorted(set(known))
    alike = [name for name in names if name.casefold() == word.casefold()]
    found = alike or difflib.get_close_matches(word, names, n=1, cutoff=cutoff)
    return found[0] if found else None


def nearest(word: str, known: Iterable[str]) -> str:
    """A phrase that names the nearest known word, or all of them when none is near."""
    names = sorted(set(known))
    found = close(word, names)
    return f"did you mean {found!r}?" if found else "known: " + (enumerated(names, ", ") or "none")


def enumerated(names: Sequence[str], between: str) -> str:
    """Names one after the other; of very many the first."""
    more = [f"and {len(names) - SHOWN:,} more"] if len(names) > SHOWN else []
    return between.join([*names[:SHOWN], *more])
