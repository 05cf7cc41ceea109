"""Are samples like text? Their perplexity under an n-gram judge that neither the model nor its training knows."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from typing import Any

import torch

from genvae.core.decoding.options import Decoding
from genvae.core.randomness import Stream
from genvae.evaluation.evaluation import Evaluation
from genvae.evaluation.ngram import NGramJudge
from genvae_sentence.modality import Sentence

SAMPLES = 2_000  # sentences that the judge reads
TILE = 64  # sentences decoded at once

_TOKEN = re.compile(r"\w+(?:['’]\w+)*|[^\w\s]")


def tokens(text: str) -> list[str]:
    """Words and marks."""
    return _TOKEN.findall(text)


class Judge:
    """A 5-gram judge of words and marks, and a 4-gram judge of letters for the words it does not know.

    Words seen once in the judge's lines stand for the words it does not know, there and in what it judges.
    """

    def __init__(self, lines: Sequence[str]) -> None:
        split = [tokens(line) for line in lines]
        seen = Counter(token for line in split for token in line)
        self.words = NGramJudge(split, 5, least=2)
        once = [word for word, count in seen.items() if count == 1]
        self.letters = NGramJudge(once or list(seen), 4)

    def figures(self, lines: Sequence[str]) -> tuple[float, float, float]:
        """Perplexity per token (ends counted) with unknown words charged as one class; the same with their
        spelling charged, too; and the share of tokens that are unknown words."""
        split = [tokens(line) for line in lines]
        strange = [token for line in split for token in line if token not in self.words.vocabulary]
        count = sum(len(line) + 1 for line in split)
        nats = sum(self.words.nats(line) for line in split)
        spelling = sum(self.letters.nats(word) for word in strange)
        return math.exp(nats / count), math.exp((nats + spelling) / count), len(strange) / count


@torch.no_grad()
def judge(evaluation: Evaluation) -> dict[str, Any]:
    """How ``judge_samples`` samples (temperature 1, prior scale 1) and the data fare under a judge trained on the
    judge's lines; nothing when there are none.

    ``judge_ratio`` is the samples' perplexity over the data's with unknown words charged as one class,
    ``judge_ratio_spelt`` with their letters charged, too, and ``judge_unknown_*`` how many there are: a model that
    makes up words cannot hide them.
    """
    if not evaluation.judge or not isinstance(evaluation.modality, Sentence):
        return {}
    judging = Judge([str(line) for line in evaluation.judge])
    stream = Stream(evaluation.seed, "judge")
    samples: list[str] = []
    for first in range(0, SAMPLES, TILE):
        items = torch.arange(first, first + TILE)
        latents = evaluation.model.sample_prior(items, stream)
        samples += evaluation.modality.render(evaluation.model, latents, items, Decoding(), stream, faithful=False)
    ours, ours_spelt, ours_strange = judging.figures(samples)
    real, real_spelt, real_strange = judging.figures([str(example["text"]) for example in evaluation.examples])
    return {
        "judge_samples": len(samples), "judge_perplexity_samples": ours, "judge_perplexity_data": real,
        "judge_ratio": ours / real, "judge_ratio_spelt": ours_spelt / real_spelt,
        "judge_unknown_samples": ours_strange, "judge_unknown_data": real_strange,
    }  # fmt: skip
