"""The lines that ``sentences-en`` is trained on and measured with, from the Tatoeba sentences.

The text itself never ships. Held-out lines are chosen by a hash of the line, so anybody's are the same.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

HELD_OUT = 5_000


def hold_out(lines: Sequence[str], count: int = HELD_OUT) -> tuple[list[str], list[str]]:
    """The lines to train on and the ``count`` lines whose SHA-1 is smallest, each in the file's order."""
    by_hash = sorted(range(len(lines)), key=lambda i: hashlib.sha1(lines[i].encode()).hexdigest())
    held = set(by_hash[:count])
    kept = [line for i, line in enumerate(lines) if i not in held]
    return kept, [line for i, line in enumerate(lines) if i in held]


def training_lines(data: Path) -> tuple[list[str], list[str]]:
    """Lines to train on and held-out lines, as they are; none is in both."""
    kept, held = hold_out((data / "text/tatoeba/sentences.txt").read_text(encoding="utf-8").splitlines())
    forbidden = set(held)
    return [line for line in dict.fromkeys(kept) if line not in forbidden], held
