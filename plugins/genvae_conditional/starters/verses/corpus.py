"""The verses that ``verses`` is trained on and measured with: one line of a table for each verse in each version.

The text itself never ships. Whole chapters are held out, chosen by a hash of their name, so anybody's are the same, and
no verse is near one that was trained on.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

FILE = "text/bible/parallel.tsv.gz"
VERSIONS = ("ASV", "DARBY", "DRA", "KJV", "WEB", "YLT")  # in the public domain everywhere: BBE is so in the US alone
COLUMNS = ("text", "version", "verse")
SHARE = 10  # one chapter in so many is held out


@dataclass(frozen=True)
class Verse:
    """A verse and what each version says of it."""

    book: str
    chapter: str
    number: str
    said: Mapping[str, str]

    @property
    def name(self) -> str:
        return f"{self.book} {self.chapter}:{self.number}"

    @property
    def held_out(self) -> bool:
        """Whether its chapter is never trained on."""
        return self.one_in(SHARE)

    def one_in(self, count: int, salt: str = "") -> bool:
        """Whether its chapter is one of every ``count``; with another ``salt`` they are others."""
        return int(hashlib.sha1(f"{self.book} {self.chapter}{salt}".encode()).hexdigest(), 16) % count == 0

    def words(self, versions: Iterable[str]) -> int:
        """Words between white space, of the longest of some versions."""
        return max(len(self.said[version].split()) for version in versions)


def verses(data: Path) -> list[Verse]:
    """All verses of the data folder."""
    with gzip.open(data / FILE, "rt", encoding="utf-8") as file:
        header, *rows = [line.rstrip("\n").split("\t") for line in file]
    return [Verse(book, chapter, n, dict(zip(header[3:], said, strict=True))) for book, chapter, n, *said in rows]


def table(place: Path, chosen: Sequence[Verse], versions: Sequence[str], *, paired: bool = True) -> None:
    """A table of lines with their version and, unless they are not ``paired``, the name of their verse; a verse may
    lack a version."""
    with place.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS if paired else COLUMNS[:2])
        for version in versions:
            for verse in (verse for verse in chosen if version in verse.said):
                row = (verse.said[version], version, verse.name)
                writer.writerow(row if paired else row[:2])
