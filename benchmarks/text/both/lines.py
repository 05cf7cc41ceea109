"""The lines: real ones to train on, those held out in two halves, and those that judges alone may read."""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from genvae_sentence.starters.corpus import HELD_OUT, hold_out

SENTENCES, JUDGE = Path("text/tatoeba/sentences.txt"), Path("text/tatoeba/judge.txt")
HELD, TUNING, REPORTING = "held", "tuning", "reporting"  # all held-out lines, and their halves


def data_folder() -> Path:
    """The folder of real data."""
    return Path(os.environ.get("GENVAE_DATA") or Path(__file__).parents[4] / "shared" / "data")


def digest(lines: Sequence[str]) -> str:
    """What tells lists of lines apart."""
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:12]


def halves(lines: Sequence[str]) -> tuple[list[str], list[str]]:
    """Two halves by a hash of the line, whatever the order, each in the order of the lines."""
    by_hash = sorted(lines, key=lambda line: hashlib.sha256(line.encode()).hexdigest())
    first = set(by_hash[: len(lines) // 2])
    return [line for line in lines if line in first], [line for line in lines if line not in first]


@dataclass(frozen=True)
class Lines:
    """``train`` are what the model was trained on (copies are looked for there, and the 5-gram model learns from
    them), ``real`` the raw training lines, ``parts`` the held-out ones."""

    train: list[str]
    real: list[str]
    judge: list[str]
    parts: dict[str, list[str]]

    @classmethod
    def read(cls, folder: Path, train: Path | None = None, held: int = HELD_OUT) -> Lines:
        """The lines of a data folder; ends the program with a line where a file is missing."""
        for path in (folder / SENTENCES, folder / JUDGE, *([train] if train else [])):
            if not path.is_file():
                sys.exit(f"no {path}: the benchmark reads Tatoeba there; GENVAE_DATA names another data folder")
        lines, judge = ((folder / name).read_text(encoding="utf-8").splitlines() for name in (SENTENCES, JUDGE))
        real, kept = hold_out(lines, held)
        tuning, reporting = halves(kept)
        given = real if train is None else train.read_text(encoding="utf-8").splitlines()
        return cls([line for line in given if line], real, judge, {HELD: kept, TUNING: tuning, REPORTING: reporting})

    @property
    def held(self) -> list[str]:
        """All held-out lines."""
        return self.parts[HELD]
