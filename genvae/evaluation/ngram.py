"""An n-gram judge of sequences: interpolated, modified Kneser-Ney (Chen and Goodman 1998).

It knows nothing of the models it judges and costs seconds to train.
"""

from __future__ import annotations

import bisect
import math
from collections import Counter, defaultdict
from collections.abc import Collection, Hashable, Iterable, Sequence
from functools import cached_property
from itertools import accumulate
from typing import Protocol, runtime_checkable

import torch

from genvae.core.randomness import Stream

Gram = tuple[Hashable, ...]

TILE = 128  # sequences whose random numbers are made at once


class Mark:
    """A symbol of the judge's own. It equals nothing but itself, so no symbol of a text can be taken for it."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return self.name


BEGIN, END, UNKNOWN = Mark("BEGIN"), Mark("END"), Mark("UNKNOWN")


@runtime_checkable
class SequenceJudge(Protocol):
    """A language model over sequences of hashable symbols; whatever is not in ``vocabulary`` is one class."""

    vocabulary: frozenset[Hashable]

    def score(self, sequences: Sequence[Sequence[Hashable]]) -> list[float]:
        """-log p of each sequence and its end, in nats."""


def frequent(sequences: Iterable[Sequence[Hashable]], least: int) -> frozenset[Hashable]:
    """The symbols seen at least ``least`` times."""
    seen = Counter(symbol for sequence in sequences for symbol in sequence)
    return frozenset(symbol for symbol, count in seen.items() if count >= least)


class NGramJudge:
    """Probabilities of a sequence's symbols and its end.

    The vocabulary are the symbols seen at least ``least`` times. Any other is charged as one class, ``UNKNOWN``:
    with ``least`` 2 its probability is that of the symbols seen once, as usual for open vocabularies; with 1 it
    has only the uniform distribution under the unigrams. How it is spelt is not charged.

    A ``vocabulary`` that is given stands in place of that, so that judges of different sequences can charge the
    same symbols as unknown.
    """

    def __init__(
        self,
        sequences: Iterable[Sequence[Hashable]],
        order: int = 5,
        least: int = 1,
        vocabulary: Collection[Hashable] | None = None,
    ) -> None:
        if order < 1:
            raise ValueError("the order of an n-gram judge is at least 1")
        self.order = order
        sequences = [tuple(sequence) for sequence in sequences]
        vocabulary = frequent(sequences, least) if vocabulary is None else frozenset(vocabulary)
        top: Counter[Gram] = Counter()
        for sequence in sequences:
            known = (symbol if symbol in vocabulary else UNKNOWN for symbol in sequence)
            padded = (*[BEGIN] * (order - 1), *known, END)
            top.update(padded[i : i + order] for i in range(len(padded) - order + 1))
        if not top:
            raise ValueError("a judge needs at least one sequence")
        self.vocabulary = vocabulary
        self._base = 1.0 / (len(vocabulary) + 2)  # the end and the unknown class are outcomes, too
        self._levels = [self._level(counts) for counts in self._counts(top, order)]

    @staticmethod
    def _counts(top: Counter[Gram], order: int) -> list[Counter[Gram]]:
        """Counts of each order from 1: real ones at the top, numbers of different left neighbours below."""
        counts = [top]
        for _ in range(order - 1):
            lower: Counter[Gram] = Counter()
            for gram in counts[0]:
                lower[gram[1:]] += 1
            counts.insert(0, lower)
        return counts

    @staticmethod
    def _level(counts: Counter[Gram]) -> tuple[dict[Gram, float], dict[Gram, float]]:
        """Discounted probability of each gram and back-off weight of each context."""
        of_counts = Counter(min(count, 4) for count in counts.values())
        n1, n2, n3, n4 = (of_counts.get(k, 0) or 1 for k in (1, 2, 3, 4))
        y = n1 / (n1 + 2 * n2)
        discounts = (1 - 2 * y * n2 / n1, 2 - 3 * y * n3 / n2, 3 - 4 * y * n4 / n3)
        cut = [0.0, *(min(max(d, 0.05), k - 0.05) for k, d in enumerate(discounts, 1))]
        totals: dict[Gram, float] = defaultdict(float)
        saved: dict[Gram, float] = defaultdict(float)
        for gram, count in counts.items():
            totals[gram[:-1]] += count
            saved[gram[:-1]] += cut[min(count, 3)]
        probability = {g: (c - cut[min(c, 3)]) / totals[g[:-1]] for g, c in counts.items()}
        return probability, {context: saved[context] / totals[context] for context in totals}

    def probability(self, symbol: Hashable, context: Gram) -> float:
        """p(symbol | the last order - 1 symbols); sums to 1 over vocabulary, END and UNKNOWN."""
        value = self._base
        for size, (probability, back_off) in enumerate(self._levels):
            tail = context[len(context) - size :]
            if tail in back_off:
                value = probability.get((*tail, symbol), 0.0) + back_off[tail] * value
        return value

    def nats(self, sequence: Sequence[Hashable]) -> float:
        """-log p of a sequence and its end."""
        known = [symbol if symbol in self.vocabulary else UNKNOWN for symbol in sequence]
        padded: Gram = (*[BEGIN] * (self.order - 1), *known, END)
        return -sum(
            math.log(self.probability(padded[i], padded[i - self.order + 1 : i]))
            for i in range(self.order - 1, len(padded))
        )

    def score(self, sequences: Sequence[Sequence[Hashable]]) -> list[float]:
        """``nats`` of each sequence."""
        return [self.nats(sequence) for sequence in sequences]

    def perplexity(self, sequences: Sequence[Sequence[Hashable]]) -> float:
        """exp of the nats per symbol, ends counted."""
        total = sum(self.nats(sequence) for sequence in sequences)
        return math.exp(total / sum(len(sequence) + 1 for sequence in sequences))

    # -- sequences of its own --------------------------------------------------------------------

    @cached_property
    def _following(self) -> list[dict[Gram, tuple[list[Hashable], list[float]]]]:
        """Of each order and context, the symbols seen after it and their cumulative discounted probabilities."""
        orders = []
        for probability, _ in self._levels:
            found: dict[Gram, tuple[list[Hashable], list[float]]] = defaultdict(lambda: ([], []))
            for gram, value in probability.items():
                symbols, values = found[gram[:-1]]
                symbols.append(gram[-1])
                values.append(value)
            orders.append({context: (symbols, list(accumulate(v))) for context, (symbols, v) in found.items()})
        return orders

    @cached_property
    def _outcomes(self) -> list[Hashable]:
        """Everything that can come next, in an order that is the same in every process."""
        return [*sorted(self.vocabulary, key=repr), END, UNKNOWN]

    def _next(self, context: Gram, unit: float) -> Hashable:
        """The symbol that a uniform number stands for: what it leaves where an order backs off is the next one's."""
        for size in reversed(range(self.order)):
            entry = self._following[size].get(context[len(context) - size :])
            if entry is not None:
                symbols, cumulative = entry
                if unit < cumulative[-1]:
                    return symbols[bisect.bisect_right(cumulative, unit)]
                unit = (unit - cumulative[-1]) / (1.0 - cumulative[-1])
        return self._outcomes[min(int(unit * len(self._outcomes)), len(self._outcomes) - 1)]

    def sample(self, count: int, stream: Stream, *, first: int = 0, longest: int = 200) -> list[list[Hashable]]:
        """Sequences number ``first`` to ``first + count``, drawn symbol by symbol from ``probability``.

        They come without their ends, cut after ``longest`` symbols, and may hold the mark ``UNKNOWN``. Each depends on
        the stream and its number alone.
        """
        found: list[list[Hashable]] = []
        for start in range(first, first + count, TILE):
            numbers = torch.arange(start, min(start + TILE, first + count))
            for units in stream.at("symbols").uniform(numbers, longest).numpy():
                said: list[Hashable] = []
                context: Gram = (BEGIN,) * (self.order - 1)
                for unit in units:
                    symbol = self._next(context, float(unit))
                    if symbol is END:
                        break
                    said.append(symbol)
                    context = (*context, symbol)[1:] if self.order > 1 else ()
                found.append(said)
        return found
