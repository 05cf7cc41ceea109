"""The lines that ``sentences-en`` is trained on and measured with, from the Tatoeba sentences.

The text itself never ships. Held-out lines are chosen by a hash of the line, so anybody's are the same.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

HELD_OUT = 5_000

#: the few names that the collection's authors use over and over, and whether they are a woman's
PLACEHOLDERS = {
    "Tom": False, "John": False, "Bill": False, "Bob": False, "Mike": False, "Mary": True, "Alice": True,
}  # fmt: skip
KEPT = 0.2  # share of placeholder names that stay as they are
FREQUENT = 300  # names are drawn from this many of each list, the first ones often
FIRST_OF_MEN = "liam"  # names.txt lists women's names by frequency, then men's from this one on

_PLACEHOLDER = re.compile(rf"\b({'|'.join(PLACEHOLDERS)})\b")


def hold_out(lines: Sequence[str], count: int = HELD_OUT) -> tuple[list[str], list[str]]:
    """The lines to train on and the ``count`` lines whose SHA-1 is smallest, each in the file's order."""
    by_hash = sorted(range(len(lines)), key=lambda i: hashlib.sha1(lines[i].encode()).hexdigest())
    held = set(by_hash[:count])
    kept = [line for i, line in enumerate(lines) if i not in held]
    return kept, [line for i, line in enumerate(lines) if i in held]


class Names:
    """First names to draw from, the more frequent the more often."""

    def __init__(self, names: Sequence[str]) -> None:
        first = len(names) - 1 - list(reversed(names)).index(FIRST_OF_MEN)
        self._lists = {True: names[:first][:FREQUENT], False: names[first:][:FREQUENT]}
        self._odds = {
            woman: self._normalised(1.0 / (np.arange(len(listed)) + 10.0)) for woman, listed in self._lists.items()
        }

    @staticmethod
    def _normalised(weights: np.ndarray) -> np.ndarray:
        return weights / weights.sum()

    def replace(self, line: str, generator: np.random.Generator) -> str:
        """The line with each placeholder name replaced, the same name by the same draw."""
        drawn: dict[str, str] = {}

        def draw(match: re.Match[str]) -> str:
            name = match.group()
            if name not in drawn:
                woman = PLACEHOLDERS[name]
                place = generator.choice(len(self._lists[woman]), p=self._odds[woman])
                drawn[name] = name if generator.random() < KEPT else self._lists[woman][place].title()
            return drawn[name]

        return _PLACEHOLDER.sub(draw, line)


def training_lines(data: Path, seed: int = 0) -> tuple[list[str], list[str]]:
    """Lines to train on, with names drawn anew, and held-out lines as they are; none is in both."""
    lines = (data / "text/tatoeba/sentences.txt").read_text(encoding="utf-8").splitlines()
    names = Names((data / "text/names/names.txt").read_text(encoding="utf-8").split())
    kept, held = hold_out(lines)
    generator = np.random.default_rng(seed)
    forbidden = set(held)
    renamed = dict.fromkeys(names.replace(line, generator) for line in kept)
    return [line for line in renamed if line not in forbidden], held
