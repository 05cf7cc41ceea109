"""What the rewriters of two versions learn from: pairs that are known, or found in lines of which only the version is
known, or made, where the lines of one version are of other chapters than those of the other."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence

from benchmarks.text.verses.found import found
from benchmarks.text.verses.parts import Cutter, clauses
from benchmarks.text.verses.words import dictionaries, reworded
from genvae_conditional.starters.verses.corpus import Verse

LONGEST = 20  # words of a part, where marks allow
MOST = 24  # words of what is trained on
EVERY = 4  # one line in so many is rewritten by a model: it takes as long as training by it
Versions = tuple[str, str]
Figures = dict[str, float]


def cut(verses: Sequence[Verse], versions: Versions) -> list[Verse]:
    """Verses in parts, without those that are too long to be cut."""
    cutter = Cutter([verse.said[version] for verse in verses for version in versions], LONGEST)
    parts = [part for verse in verses for part in cutter.parts(verse, versions)]
    return [part for part in parts if part.words(versions) <= MOST]


def known(verses: Sequence[Verse], versions: Versions) -> tuple[list[Verse], Figures]:
    """Pairs by their verse, in parts."""
    return cut(verses, versions), {"pairs": len(verses)}


def whole(verses: Sequence[Verse], versions: Versions) -> tuple[list[Verse], Figures]:
    """Pairs by their verse, those that are short."""
    short = [verse for verse in verses if verse.words(versions) <= MOST]
    return short, {"pairs": len(short)}


def matched(verses: Sequence[Verse], versions: Versions) -> tuple[list[Verse], Figures]:
    """Pairs found among all lines of both versions. How many are true is counted for the report alone."""
    one, other = (_shuffled(verses, version) for version in versions)
    pairs = _pairs(one, other, versions)
    true = sum(one[i].name == other[j].name for i, j, _ in pairs)
    made = [made for _, _, made in pairs]
    return cut(made, versions), {"pairs": len(pairs), "true": 100.0 * true / len(pairs),
                                 "found": 100.0 * true / len(verses)}  # fmt: skip


def _pairs(one: Sequence[Verse], other: Sequence[Verse], versions: Versions) -> list[tuple[int, int, Verse]]:
    a, b = versions
    pairs = found([verse.said[a] for verse in one], [verse.said[b] for verse in other])
    return [
        (i, j, Verse("pair", str(number), "", {a: one[i].said[a], b: other[j].said[b]}))
        for number, (i, j) in enumerate(zip(pairs.first.tolist(), pairs.second.tolist(), strict=True))
    ]


def _shuffled(verses: Sequence[Verse], version: str) -> list[Verse]:
    """In an order that says nothing."""
    return sorted(verses, key=lambda verse: hashlib.sha1(f"{version} {verse.name}".encode()).digest())


def halves(verses: Sequence[Verse], versions: Versions) -> tuple[list[str], list[str]]:
    """Lines of the one version from one half of the chapters, of the other from the other half: none has its like."""
    a, b = versions
    return (
        [verse.said[a] for verse in verses if verse.one_in(2, "half")],
        [verse.said[b] for verse in verses if not verse.one_in(2, "half")],
    )


def by_words(verses: Sequence[Verse], versions: Versions) -> tuple[list[Verse], Figures]:
    """Lines of the halves, each beside what dictionaries make of it, that they found themselves."""
    lines = halves(verses, versions)
    books = dictionaries(*lines)
    made = [made_from(own, version, [reworded(line, book) for line in own])
            for own, version, book in zip(map(_short, lines), versions, books, strict=True)]  # fmt: skip
    return [verse for of_version in made for verse in of_version], {"words": sum(map(len, books))}


def by_model(
    verses: Sequence[Verse], versions: Versions, rewrite: Callable[[Sequence[str], str, str], list[str]]
) -> tuple[list[Verse], Figures]:
    """Some lines of the halves, each beside what a rewriter makes of it."""
    lines = [_short(of_version)[::EVERY] for of_version in halves(verses, versions)]
    made = [made_from(own, version, rewrite(own, version, other)) for own, version, other in
            zip(lines, versions, versions[::-1], strict=True)]  # fmt: skip
    return [verse for of_version in made for verse in of_version], {"lines": sum(map(len, made))}


def made_from(lines: Sequence[str], version: str, made: Sequence[str]) -> list[Verse]:
    """Each line beside another that is of no version: it is there to be read."""
    return [
        Verse(version, "", str(number), {version: line, "": other})
        for number, (line, other) in enumerate(zip(lines, made, strict=True)) if other
    ]  # fmt: skip


def _short(lines: Sequence[str]) -> list[str]:
    """The clauses of lines, without those that are too long."""
    parts = [part for line in lines for part in clauses(line, LONGEST)]
    return [part for part in parts if len(part.split()) <= MOST]
