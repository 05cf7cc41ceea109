"""A long verse as several short ones: cut where both versions have a mark, so that the parts on either side are alike.

How alike two parts are is the rarity of the stems that both have; a cut also costs what it is away from the same share
of both, and a little what it is away from the middle. So nothing is needed but the two texts.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace

from genvae_conditional.starters.verses.corpus import Verse

STEM = 4  # letters by which words are told to be alike: weepeth, weeping
LEAST = 3  # words of a part
MARK = re.compile(r"[,;:.?!]['\")]*$")
ASKEW, MIDDLE = 20.0, 3.0  # nats for a cut whose shares differ by one whole line; for one that is at a line's end
FARTHEST = 0.25  # that the shares of a cut may differ


def stems(text: str) -> list[str]:
    """The beginnings of a text's words, in small letters."""
    return [word[:STEM] for word in re.findall("[a-z]+", text.lower())]


class Cutter:
    """Knows how rare each stem is in some lines."""

    def __init__(self, lines: Sequence[str], longest: int) -> None:
        of_lines = Counter(stem for line in lines for stem in set(stems(line)))
        self.rarity = {stem: math.log(len(lines) / count) for stem, count in of_lines.items()}
        self.longest = longest

    def parts(self, verse: Verse, versions: tuple[str, str]) -> list[Verse]:
        """The verse in parts of up to ``longest`` words in both versions, where it can be cut so."""
        one, other = (verse.said[version].split() for version in versions)
        cut = [dict(zip(versions, map(" ".join, part), strict=True)) for part in self._cut(one, other)]
        return [replace(verse, number=f"{verse.number}.{number}", said=said) for number, said in enumerate(cut)]

    def _cut(self, one: list[str], other: list[str]) -> list[tuple[list[str], list[str]]]:
        place = self._best(one, other) if max(len(one), len(other)) > self.longest else None
        if place is None:
            return [(one, other)]
        i, j = place
        return [*self._cut(one[:i], other[:j]), *self._cut(one[i:], other[j:])]

    def _best(self, one: list[str], other: list[str]) -> tuple[int, int] | None:
        """Where to cut both, if there is a place."""
        best, place = -math.inf, None
        for i in cuts(one):
            for j in cuts(other):
                askew = abs(i / len(one) - j / len(other))
                if askew > FARTHEST:
                    continue
                alike = self._alike(one[:i], other[:j]) + self._alike(one[i:], other[j:])
                score = alike - ASKEW * askew - MIDDLE * abs(i / len(one) - 0.5)
                if score > best:
                    best, place = score, (i, j)
        return place

    def _alike(self, one: Iterable[str], other: Iterable[str]) -> float:
        both = Counter(stems(" ".join(one))) & Counter(stems(" ".join(other)))
        return sum(self.rarity.get(stem, 0.0) * count for stem, count in both.items())


def cuts(words: Sequence[str]) -> list[int]:
    """The places behind a mark that leave a part on either side."""
    return [place for place in range(LEAST, len(words) - LEAST + 1) if MARK.search(words[place - 1])]


def clauses(line: str, longest: int) -> list[str]:
    """One line by itself in pieces of up to ``longest`` words, each as long as marks allow."""
    words, pieces, first = line.split(), [], 0
    ends = [*cuts(words), len(words)]
    for end, after in zip(ends, [*ends[1:], len(words) + longest + 1], strict=True):
        if after - first > longest:
            pieces.append(" ".join(words[first:end]))
            first = end
    return pieces
