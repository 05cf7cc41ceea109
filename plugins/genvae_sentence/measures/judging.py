"""Are samples like text? Perplexity under judges that neither the model nor its training knows.

Unknown words are handled alike on both sides of every ratio, in three ways. *Class*: a word that is not in the
judge's vocabulary is charged as one class, whatever it is; words seen once in the judge's lines stand for it there.
*Spelt*: its letters are charged, too, under a 4-gram judge of letters trained on the words seen once, so a model that
makes up words pays for what they look like. *Known*: only lines without any unknown word count.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from genvae.data.batching import some
from genvae.errors import LacksCapability
from genvae.evaluation.evaluation import Evaluation
from genvae.evaluation.ngram import NGramJudge, SequenceJudge, frequent
from genvae_sentence.measures.tokens import portions, tokens

ORDER, LETTERS = 5, 4
LEAST = 2  # a word seen fewer times is unknown
FEWEST = 100  # lines that a judge of reverse perplexity is trained on


@dataclass
class Charged:
    """What lines cost under a judge, in nats; ``known`` are those without an unknown word."""

    tokens: int = 0
    nats: float = 0.0
    spelling: float = 0.0
    unknown: int = 0
    known_tokens: int = 0
    known_nats: float = 0.0

    @property
    def perplexity(self) -> float:
        """Per token, ends counted; an unknown word is one class."""
        return math.exp(self.nats / self.tokens)

    @property
    def spelt(self) -> float:
        """The same with the letters of unknown words charged, too."""
        return math.exp((self.nats + self.spelling) / self.tokens)

    @property
    def known(self) -> float | None:
        """Of the lines without an unknown word; None where there are none."""
        return math.exp(self.known_nats / self.known_tokens) if self.known_tokens else None


class Judge:
    """A judge of words and marks, and a 4-gram judge of letters for the words it does not know."""

    def __init__(self, words: SequenceJudge, lines: Sequence[Sequence[str]]) -> None:
        seen = Counter(token for line in lines for token in line)
        once = [word for word, count in seen.items() if count < LEAST]
        self.words = words
        self.letters = NGramJudge(once or list(seen), LETTERS)

    def charge(self, lines: Iterable[str]) -> Charged:
        """What the lines cost, read a part at a time."""
        total = Charged()
        for part in portions(lines, 1_000):
            split = [tokens(line) for line in part]
            for line, nats in zip(split, self.words.score(split), strict=True):
                strange = [token for token in line if token not in self.words.vocabulary]
                total.tokens += len(line) + 1
                total.nats += nats
                total.unknown += len(strange)
                total.spelling += sum(self.letters.nats(word) for word in strange)
                if not strange:
                    total.known_tokens += len(line) + 1
                    total.known_nats += nats
        return total


def trained(
    kind: str, lines: Sequence[Sequence[str]], evaluation: Evaluation, vocabulary: frozenset[Any] | None = None
) -> SequenceJudge:
    """A judge of a kind, trained on the lines; its vocabulary is theirs where none is given."""
    if kind == "ngram":
        return NGramJudge(lines, ORDER, LEAST, vocabulary)
    from genvae.evaluation.lstm import LSTMJudge, LSTMJudgeSettings

    return LSTMJudge(lines, LSTMJudgeSettings(least=LEAST), vocabulary, reporter=evaluation.reporter)


def _asked(evaluation: Evaluation, kind: str) -> bool:
    return bool(evaluation.judge is not None and evaluation.generated and kind in evaluation.judges)


def _forward(evaluation: Evaluation, kind: str, name: str) -> dict[str, Any]:
    if not _asked(evaluation, kind):
        return {}
    assert evaluation.judge is not None
    lines = [tokens(line) for line in evaluation.judge]
    judge = Judge(trained(kind, lines, evaluation), lines)
    ours, real = judge.charge(evaluation.drawn), judge.charge(evaluation.items)
    figures: dict[str, Any] = {
        f"{name}_perplexity_samples": ours.perplexity, f"{name}_perplexity_data": real.perplexity,
        f"{name}_ratio": ours.perplexity / real.perplexity, f"{name}_ratio_spelt": ours.spelt / real.spelt,
    }  # fmt: skip
    if ours.known and real.known:
        figures[f"{name}_ratio_known"] = ours.known / real.known
    else:
        evaluation.left_out[f"{name}_ratio_known"] = "the samples or the lines all have a word that the judge lacks"
    if kind == "ngram" or "ngram" not in evaluation.judges:  # all kinds know the same words: said once
        figures["judge_samples"] = len(evaluation.drawn)
        figures["judge_unknown_samples"] = ours.unknown / ours.tokens
        figures["judge_unknown_data"] = real.unknown / real.tokens
    return figures


def _reverse(evaluation: Evaluation, kind: str, name: str) -> dict[str, Any]:
    if not _asked(evaluation, kind):
        return {}
    assert evaluation.judge is not None
    count = min(evaluation.generated, len(evaluation.judge))
    if count < FEWEST:
        raise LacksCapability(
            f"reverse perplexity trains a judge on at least {FEWEST} samples and as many of the judge's lines; there "
            f"are {evaluation.generated:,} samples and {len(evaluation.judge):,} lines"
        )
    lines = [tokens(line) for line in evaluation.judge]
    vocabulary = frequent(lines, LEAST)  # one for both: else the judge that knows fewer words would pay less
    chosen = some(np.arange(len(lines)), count, evaluation.seed)
    sources = ([tokens(line) for line in evaluation.drawn[:count]], [lines[row] for row in chosen])
    ours, real = (
        Judge(trained(kind, source, evaluation, vocabulary), lines).charge(evaluation.items) for source in sources
    )
    figures: dict[str, Any] = {
        f"{name}_samples": count, f"{name}_perplexity_samples": ours.perplexity,
        f"{name}_perplexity_data": real.perplexity, f"{name}_ratio": ours.perplexity / real.perplexity,
    }  # fmt: skip
    if ours.known and real.known:
        figures[f"{name}_ratio_known"] = ours.known / real.known
    return figures


def judge(evaluation: Evaluation) -> dict[str, Any]:
    """Forward perplexity, per word and mark with ends counted, under an interpolated modified Kneser-Ney 5-gram judge
    trained on the judge's lines: of ``judge_samples`` samples, of the evaluated lines, and ``judge_ratio``, the first
    over the second, with unknown words charged as one class. ``judge_ratio_spelt`` charges their letters, too;
    ``judge_ratio_known`` is of the lines without any; ``judge_unknown_...`` is their share, ends counted."""
    return _forward(evaluation, "ngram", "judge")


def judge_lstm(evaluation: Evaluation) -> dict[str, Any]:
    """``judge_lstm_...``: the same as ``judge_...``, under an LSTM judge trained on the same lines."""
    return _forward(evaluation, "lstm", "judge_lstm")


def reverse(evaluation: Evaluation) -> dict[str, Any]:
    """Reverse perplexity: that of the evaluated lines under a 5-gram judge trained on ``reverse_samples`` samples, over
    that under one trained on as many of the judge's lines. Both have one vocabulary, that of all the judge's lines.
    Far above 1, the samples lack what text has, however fluent each is; with few samples neither judge knows much, so
    draw as many as there are judge's lines. Unknown words are one class;
    ``reverse_ratio_known`` is of the lines without any. (Spelt, the ratio is the same: both judges read the same
    lines and know the same words.)"""
    return _reverse(evaluation, "ngram", "reverse")


def reverse_lstm(evaluation: Evaluation) -> dict[str, Any]:
    """``reverse_lstm_...``: the same as ``reverse_...``, with LSTM judges."""
    return _reverse(evaluation, "lstm", "reverse_lstm")
