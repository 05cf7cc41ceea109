"""Figures of sets of sequences of hashable symbols: diversity, likeness among themselves, copies.

Nothing here knows what a symbol is. Every figure is exact, by one pass over the n-grams.
"""

from __future__ import annotations

import bisect
import math
from collections import Counter
from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass

Symbols = Sequence[Hashable]

ORDER = 4  # of BLEU, and of the n-grams that are looked for in other sequences


def grams(sequence: Symbols, size: int) -> Iterator[tuple[Hashable, ...]]:
    """Every run of ``size`` symbols, in order."""
    return (tuple(sequence[i : i + size]) for i in range(len(sequence) - size + 1))


def distinct(sequences: Iterable[Symbols], size: int) -> float:
    """Li et al., "A Diversity-Promoting Objective Function for Neural Conversation Models" (2016): different n-grams
    over all n-grams; 0 where there are none. It falls with the number of sequences, so compare equal numbers."""
    found: set[tuple[Hashable, ...]] = set()
    total = 0
    for sequence in sequences:
        here = list(grams(sequence, size))
        total += len(here)
        found.update(here)
    return len(found) / total if total else 0.0


def self_bleu(sequences: Sequence[Symbols]) -> float:
    """Zhu et al., "Texygen" (2018): the mean BLEU-4 of each sequence against all the others, 0 to 100.

    Each is sacrebleu's sentence BLEU (exponential smoothing, effective order, the closest reference's length). As
    every sequence has all the others as references, the clipping count of an n-gram is its largest count in any
    other sequence: the two largest of each n-gram are enough, and the work is linear in the text.
    """
    if len(sequences) < 2:
        return 0.0
    counted = [[Counter(grams(sequence, size)) for size in range(1, ORDER + 1)] for sequence in sequences]
    largest: dict[tuple[Hashable, ...], tuple[int, int, int]] = {}  # gram -> largest, whose, second largest
    for row, orders in enumerate(counted):
        for order in orders:
            for gram, count in order.items():
                first, owner, second = largest.get(gram, (0, -1, 0))
                if count > first:
                    largest[gram] = (count, row, first)
                elif count > second:
                    largest[gram] = (first, owner, count)
    lengths = sorted(map(len, sequences))
    total = 0.0
    for row, orders in enumerate(counted):
        matched = [
            sum(min(n, largest[g][2] if largest[g][1] == row else largest[g][0]) for g, n in order.items())
            for order in orders
        ]
        length = len(sequences[row])
        total += _bleu(matched, length, _closest(lengths, length))
    return total / len(sequences)


def _closest(lengths: Sequence[int], own: int) -> int:
    """The length nearest to ``own`` among all but one of that length; the shorter of two that are as near."""
    left, right = bisect.bisect_left(lengths, own), bisect.bisect_right(lengths, own)
    if right - left > 1:
        return own
    near = [lengths[i] for i in (left - 1, right) if 0 <= i < len(lengths)]
    return min(near, key=lambda length: (abs(length - own), length))


def _bleu(matched: Sequence[int], length: int, reference: int) -> float:
    """BLEU of one sequence, 0 to 100: orders without an n-gram are left out, zero matches are halved each time."""
    if not length or not any(matched):
        return 0.0
    logs, smooth = [], 1.0
    for size, hits in enumerate(matched, 1):
        total = length - size + 1
        if total < 1:
            break
        if not hits:
            smooth *= 2
        logs.append(math.log(hits / total if hits else 1 / (smooth * total)))
    brevity = min(0.0, 1 - reference / length)
    return 100.0 * math.exp(brevity + sum(logs) / len(logs))


@dataclass(frozen=True)
class Copies:
    """How much of some sequences occurs in others: shares of whole sequences, and of ``ORDER``-grams (None where no
    sequence is that long)."""

    whole: float
    grams: float | None


def copies(lists: Sequence[Sequence[Symbols]], source: Iterable[Symbols]) -> list[Copies]:
    """The ``Copies`` of each list of sequences in ``source``, which is read once and never held.

    An n-gram that a list has twice counts twice, and so does a sequence.
    """
    wholes = {tuple(sequence) for sequences in lists for sequence in sequences}
    parts = {gram for sequences in lists for sequence in sequences for gram in grams(sequence, ORDER)}
    whole_found: set[tuple[Hashable, ...]] = set()
    parts_found: set[tuple[Hashable, ...]] = set()
    for sequence in source:
        whole = tuple(sequence)
        if whole in wholes:
            whole_found.add(whole)
        parts_found.update(gram for gram in grams(whole, ORDER) if gram in parts)
    answers = []
    for sequences in lists:
        inside = [gram in parts_found for sequence in sequences for gram in grams(sequence, ORDER)]
        copied = sum(tuple(sequence) in whole_found for sequence in sequences)
        answers.append(
            Copies(
                copied / len(sequences) if sequences else 0.0,
                sum(inside) / len(inside) if inside else None,
            )
        )
    return answers
