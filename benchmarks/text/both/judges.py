"""What samples are judged by. Only ``judge.txt`` trains the judges that samples are shown to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from benchmarks.text.both.lines import Lines
from genvae.data.batching import some
from genvae.evaluation.lstm import LSTMJudge, LSTMJudgeSettings
from genvae.evaluation.ngram import NGramJudge, SequenceJudge, frequent
from genvae.evaluation.sequences import copies, distinct
from genvae.progress import Reporter
from genvae_sentence.measures.judging import LEAST, ORDER, Charged, Judge
from genvae_sentence.measures.tokens import tokens

Figures = dict[str, Any]
Words = Sequence[Sequence[str]]

LSTM, NGRAM = "lstm", "ngram"
KINDS = (LSTM, NGRAM)


class Judges:
    """Judges of the kinds asked for; each is trained when it is first needed."""

    def __init__(
        self, lines: Lines, kinds: Sequence[str], seed: int, lstm: LSTMJudgeSettings, reporter: Reporter
    ) -> None:
        self.lines, self.kinds, self.seed, self.lstm, self.reporter = lines, tuple(kinds), seed, lstm, reporter
        self._judge = [tokens(line) for line in lines.judge]
        self._forward: dict[str, Judge] = {}
        self._charged: dict[tuple[Any, ...], Charged] = {}

    @property
    def first(self) -> str:
        """The kind that chooses among settings: the LSTM where there is one."""
        return LSTM if LSTM in self.kinds else self.kinds[0]

    def _trained(self, kind: str, sequences: Words, vocabulary: frozenset[Any] | None = None) -> SequenceJudge:
        if kind == NGRAM:
            return NGramJudge(sequences, ORDER, LEAST, vocabulary)
        return LSTMJudge(sequences, self.lstm, vocabulary, reporter=self.reporter)

    def _of_text(self, kind: str) -> Judge:
        if kind not in self._forward:
            self._forward[kind] = Judge(self._trained(kind, self._judge), self._judge)
        return self._forward[kind]

    def _real(self, kind: str, part: str) -> Charged:
        """What the held-out lines cost under a judge of text."""
        key = (kind, part)
        if key not in self._charged:
            self._charged[key] = self._of_text(kind).charge(self.lines.parts[part])
        return self._charged[key]

    def forward(self, samples: Sequence[str], part: str) -> Figures:
        """Perplexity of samples, per word and mark with ends counted, and its ratio to that of the held-out lines: an
        unknown word as one class, with its letters charged too (``spelt``), and of lines without one (``known``)."""
        figures: Figures = {"judged_samples": len(samples), "part": part}
        for kind in self.kinds:
            ours, real = self._of_text(kind).charge(samples), self._real(kind, part)
            figures |= {
                f"{kind}_perplexity": ours.perplexity, f"{kind}_perplexity_held": real.perplexity,
                f"{kind}_ratio": ours.perplexity / real.perplexity, f"{kind}_ratio_spelt": ours.spelt / real.spelt,
            }  # fmt: skip
            if ours.known and real.known:
                figures[f"{kind}_ratio_known"] = ours.known / real.known
            figures |= {"unknown": ours.unknown / ours.tokens, "unknown_held": real.unknown / real.tokens}
        return figures

    def reverse(self, samples: Sequence[str], part: str) -> Figures:
        """Perplexity of the held-out lines under a judge trained on samples, over that under one trained on as many
        raw training lines. Both know the words of ``judge.txt``: else who knows fewer words would pay less."""
        vocabulary = frequent(self._judge, LEAST)
        count = min(len(samples), len(self.lines.real))
        figures: Figures = {"reverse_samples": count}
        for kind in self.kinds:
            key = (kind, part, count)
            if key not in self._charged:
                rows = some(np.arange(len(self.lines.real)), count, self.seed)
                self._charged[key] = self._charge([self.lines.real[row] for row in rows], kind, vocabulary, part)
            ours, real = self._charge(samples[:count], kind, vocabulary, part), self._charged[key]
            figures |= {
                f"{kind}_reverse_perplexity": ours.perplexity, f"{kind}_reverse_perplexity_real": real.perplexity,
                f"{kind}_reverse_ratio": ours.perplexity / real.perplexity,
            }  # fmt: skip
        return figures

    def _charge(self, source: Sequence[str], kind: str, vocabulary: frozenset[Any], part: str) -> Charged:
        judge = self._trained(kind, [tokens(line) for line in source], vocabulary)
        return Judge(judge, self._judge).charge(self.lines.parts[part])


def variety(samples: Sequence[str], real: Sequence[str], seed: int) -> Figures:
    """Distinct-2 of samples and of as many held-out lines; it falls with their number."""
    count = min(len(samples), len(real))
    chosen = [real[row] for row in some(np.arange(len(real)), count, seed)]
    ours, theirs = (distinct([tokens(line) for line in lines], 2) for lines in (samples[:count], chosen))
    return {"distinct_lines": count, "distinct_2": ours, "distinct_2_held": theirs, "distinct_2_ratio": ours / theirs}


def copied(samples: Sequence[str], real: Sequence[str], train: Sequence[str]) -> Figures:
    """The share of whole sentences and of runs of four words and marks that occur in training text, beside the same
    shares of held-out lines."""
    found = copies([[tokens(line) for line in lines] for lines in (samples, real)], map(tokens, train))
    return {
        "copied_sentences": found[0].whole, "copied_sentences_held": found[1].whole,
        "copied_4grams": found[0].grams, "copied_4grams_held": found[1].grams,
    }  # fmt: skip
