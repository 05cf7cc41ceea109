"""The lines of the Yelp benchmark: what is rewritten, what people made of it, what is trained on, what is tuned on."""

from __future__ import annotations

import csv
import random
from dataclasses import dataclass
from pathlib import Path

NAMES = ("negative", "positive")  # of the files' endings 0 and 1
REFERENCES = 4
HELD = 500  # lines of each sentiment to tune on


@dataclass(frozen=True)
class Labelled:
    """Lines and what each is, 0 or 1."""

    lines: list[str]
    labels: list[int]


@dataclass(frozen=True)
class Transfer:
    """The 1,000 lines of the benchmark, the negative ones first, and each one's references."""

    inputs: Labelled
    references: list[list[str]]


def read(path: Path) -> list[str]:
    """The lines of a file, empty ones left out. One reference has a byte that is no UTF-8."""
    return [line.strip() for line in path.read_text(encoding="utf-8", errors="replace").split("\n") if line.strip()]


def transfer(folder: Path) -> Transfer:
    """The benchmark's lines and references."""
    parts = [read(folder / f"transfer.test.{k}") for k in (0, 1)]
    references = [
        [line for k in (0, 1) for line in read(folder / f"transfer.reference{number}.{k}")]
        for number in range(REFERENCES)
    ]
    return Transfer(Labelled([*parts[0], *parts[1]], [0] * len(parts[0]) + [1] * len(parts[1])), references)


def corpus(folder: Path, without: set[str]) -> Labelled:
    """All other lines."""
    lines, labels = [], []
    for part in ("dev", "test"):
        for k in (0, 1):
            own = [line for line in read(folder / f"sentiment.{part}.{k}") if line not in without]
            lines += own
            labels += [k] * len(own)
    return Labelled(lines, labels)


def held(folder: Path, without: set[str]) -> Labelled:
    """Lines to tune on: ``HELD`` of sentiment.dev of each kind, of four words or more, each once."""
    lines, labels, generator = [], [], random.Random(5)
    for k in (0, 1):
        own = {line for line in read(folder / f"sentiment.dev.{k}") if len(line.split()) >= 4} - without
        lines += generator.sample(sorted(own), HELD)
        labels += [k] * HELD
    return Labelled(lines, labels)


def table(found: Labelled, path: Path) -> Path:
    """Labelled lines as a table to train on."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("text", "sentiment"))
        writer.writerows((line, NAMES[label]) for line, label in zip(found.lines, found.labels, strict=True))
    return path
