"""Are samples of a condition as fluent and as various as real sequences of the same condition?

A question is likelier than an exclamation, and short lines are alike; so samples are compared with real ones that have
the same conditions in the same shares.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass

from genvae.evaluation.ngram import SequenceJudge
from genvae.evaluation.sequences import distinct

Symbols = Sequence[Hashable]
Keys = Sequence[Hashable]  # of each sequence its combination of conditions


@dataclass(frozen=True)
class Fluency:
    """Perplexity per symbol, ends counted; ``covered`` is the share of samples whose conditions real sequences have."""

    samples: float
    real: float
    covered: float

    @property
    def ratio(self) -> float:
        """How many times that of real sequences."""
        return self.samples / self.real


def fluency(
    judge: SequenceJudge, samples: Sequence[Symbols], asked: Keys, real: Sequence[Symbols], had: Keys
) -> Fluency:
    """The perplexity of samples under a judge, and that of real sequences with the same conditions: those of each
    combination count as much together as the samples it was asked of. Raises ValueError where none has any."""
    wanted, there = Counter(asked), Counter(had)
    both = [key for key in wanted if key in there]
    if not both:
        raise ValueError("no real sequence has the conditions of any sample")
    weights = {key: wanted[key] / there[key] for key in both}
    ours = _perplexity(judge, samples, [1.0 if key in weights else 0.0 for key in asked])
    theirs = _perplexity(judge, real, [weights.get(key, 0.0) for key in had])
    return Fluency(ours, theirs, sum(wanted[key] for key in both) / len(asked))


def _perplexity(judge: SequenceJudge, sequences: Sequence[Symbols], weights: Sequence[float]) -> float:
    kept = [(sequence, weight) for sequence, weight in zip(sequences, weights, strict=True) if weight]
    nats = judge.score([sequence for sequence, _ in kept])
    symbols = sum(weight * (len(sequence) + 1) for sequence, weight in kept)
    return math.exp(sum(weight * n for (_, weight), n in zip(kept, nats, strict=True)) / symbols)


@dataclass(frozen=True)
class Variety:
    """Different n-grams over all of them, of ``count`` samples and as many real sequences of the same conditions."""

    samples: float
    real: float
    count: int

    @property
    def ratio(self) -> float:
        """How many times that of real sequences."""
        return self.samples / self.real if self.real else math.inf


def variety(samples: Sequence[Symbols], asked: Keys, real: Sequence[Symbols], had: Keys, order: int = 2) -> Variety:
    """Distinct n-grams of all samples, beside as many real sequences: of each combination as many of both."""
    ours, theirs = _matched(samples, asked, real, had)
    return Variety(distinct(ours, order), distinct(theirs, order), len(ours))


def inside(
    samples: Sequence[Symbols], asked: Keys, real: Sequence[Symbols], had: Keys, order: int = 2, least: int = 20
) -> dict[Hashable, Variety]:
    """The same inside each condition of which there are at least ``least`` of both: a model that says one thing for
    each condition is various over all of them, and poor inside."""
    found = {}
    for key in dict.fromkeys(asked):
        ours, theirs = _matched(samples, [k if k == key else None for k in asked], real, had)
        if len(ours) >= least:
            found[key] = Variety(distinct(ours, order), distinct(theirs, order), len(ours))
    return found


def least_various(
    samples: Sequence[Symbols],
    asked: Sequence[Mapping[str, Hashable]],
    real: Sequence[Symbols],
    had: Sequence[Mapping[str, Hashable]],
    names: Sequence[str],
) -> tuple[str, Variety] | None:
    """The value ("form=command") inside which samples are the least various beside real ones; None where no value has
    enough of both."""
    found = [
        (f"{name}={value}", various)
        for name in names
        for value, various in inside(samples, [a[name] for a in asked], real, [h[name] for h in had]).items()
    ]
    return min(found, key=lambda each: each[1].ratio, default=None)


def _matched(
    samples: Sequence[Symbols], asked: Keys, real: Sequence[Symbols], had: Keys
) -> tuple[list[Symbols], list[Symbols]]:
    """The first samples and the first real sequences of each combination, as many of both."""
    ours_of, theirs_of = _by_key(samples, asked), _by_key(real, had)
    ours: list[Symbols] = []
    theirs: list[Symbols] = []
    for key, rows in ours_of.items():
        beside = theirs_of.get(key, [])
        count = min(len(rows), len(beside))
        ours += rows[:count]
        theirs += beside[:count]
    return ours, theirs


def _by_key(sequences: Sequence[Symbols], keys: Keys) -> dict[Hashable, list[Symbols]]:
    """The sequences of each key, those of None left out."""
    found: dict[Hashable, list[Symbols]] = defaultdict(list)
    for sequence, key in zip(sequences, keys, strict=True):
        if key is not None:
            found[key].append(sequence)
    return found
