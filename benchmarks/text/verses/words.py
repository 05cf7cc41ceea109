"""What a version says for a word that another hardly has, where no line of the one is a line of the other.

Words are matched by what stands around them, before and behind, of the words that both versions use about as often:
"unto" stands where "to" does. That is a dictionary, and a line by way of it a rough rewriting: a source from which the
line itself can be learned (Lample et al., "Unsupervised Machine Translation Using Monolingual Corpora Only", 2018).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
import torch

from genvae_conditional.matching import nearest

OFFSETS = (-3, -2, -1, 1, 2, 3)
LEAST = 5  # times that a word occurs
COMMON, ALIKE = 60e-6, 4.0  # share of all words of one to match by; most times that its shares differ
RARER = 5.0  # times rarer in the other version: a word of the one alone
DIRECTIONS = 200
WORD = re.compile(r"[A-Za-z]+(?:[-'][A-Za-z]+)*")
SYMBOL = re.compile(rf"{WORD.pattern}|[^\sA-Za-z]")
Dictionary = Mapping[str, str]


def _words(line: str) -> list[str]:
    return ["<s>", *(word.lower() for word in SYMBOL.findall(line)), "</s>"]


class Said:
    """The words of some lines, and how often each is said; ``words`` are those that are often said, without names."""

    def __init__(self, lines: Sequence[str]) -> None:
        self.lines = [_words(line) for line in lines]
        self.counts = Counter(word for line in self.lines for word in line)
        self.total = sum(self.counts.values())
        small = {word for line in lines for word in WORD.findall(line) if word[0].islower()}
        self.words = [word for word, count in self.counts.items() if count >= LEAST and word in small]

    def share(self, word: str) -> float:
        """Of all words; as if said half a time where it is not."""
        return (self.counts[word] or 0.5) / self.total

    def around(self, marks: Mapping[str, int]) -> np.ndarray:
        """(words, offsets * marks) counts of the marks around each word."""
        number = {word: row for row, word in enumerate(self.words)}
        found = np.zeros((len(number), len(OFFSETS) * len(marks)), np.float32)
        for line in self.lines:
            for place, word in enumerate(line):
                row = number.get(word)
                if row is None:
                    continue
                for part, offset in enumerate(OFFSETS):
                    mark = marks.get(line[place + offset]) if 0 <= place + offset < len(line) else None
                    if mark is not None:
                        found[row, part * len(marks) + mark] += 1.0
        return found


def _informative(counts: np.ndarray) -> np.ndarray:
    """Positive pointwise mutual information."""
    expected = counts.sum(1, keepdims=True) * counts.sum(0, keepdims=True) / counts.sum()
    return np.log(np.where(counts > expected, counts, 1.0) / np.where(counts > expected, expected, 1.0))


def dictionaries(first: Sequence[str], second: Sequence[str]) -> tuple[Dictionary, Dictionary]:
    """From the words of either that the other hardly says to those of the other."""
    from sklearn.decomposition import TruncatedSVD

    one, other = Said(first), Said(second)
    both = [
        word for word in one.counts
        if min(one.share(word), other.share(word)) > COMMON
        and 1.0 / ALIKE < one.share(word) / other.share(word) < ALIKE
    ]  # fmt: skip
    marks = {word: number for number, word in enumerate(both)}
    around = np.concatenate([_informative(said.around(marks)) for said in (one, other)])
    directions = TruncatedSVD(min(DIRECTIONS, len(around) - 1), random_state=0, n_iter=2)
    vectors = torch.from_numpy(np.ascontiguousarray(directions.fit_transform(around), dtype=np.float32))
    of_one, of_other = vectors[: len(one.words)], vectors[len(one.words) :]
    return _by(one, other, of_one, of_other), _by(other, one, of_other, of_one)


def _by(one: Said, other: Said, of_one: torch.Tensor, of_other: torch.Tensor) -> Dictionary:
    own = [row for row, word in enumerate(one.words) if one.share(word) >= RARER * other.share(word)]
    # what the other says less often than the one is none of its own ways to say a thing
    usual = [row for row, word in enumerate(other.words) if other.share(word) >= 0.5 * one.share(word)]
    pairs = nearest(of_one[own], of_other[usual])
    return {one.words[i]: other.words[usual[j]] for i, j in zip(own, pairs.second.tolist(), strict=True)}


def reworded(line: str, dictionary: Dictionary) -> str:
    """The line word by word; capitals stay."""

    def said(match: re.Match[str]) -> str:
        word = match.group(0)
        other = dictionary.get(word.lower())
        if other is None:
            return word
        capital = other == "i" or (word[0].isupper() and word != "I")
        return other.capitalize() if capital else other

    return WORD.sub(said, line)
