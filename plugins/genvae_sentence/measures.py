"""Measures of sentence models."""

from __future__ import annotations

import math
import re
from typing import Any

import torch

from genvae.core.decoding.options import Decoding
from genvae.core.randomness import Stream
from genvae.evaluation.evaluation import Evaluation
from genvae.evaluation.ngram import NGramJudge
from genvae_sentence.modality import Sentence

SAMPLES = 2_000  # sentences that a judge reads
TILE = 64

_TOKEN = re.compile(r"\w+(?:['’]\w+)*|[^\w\s]")


def words(evaluation: Evaluation) -> dict[str, Any]:
    """``perplexity`` per word (split at white space, the end of the sentence counted) and
    ``bits_per_character`` of the raw line, both from the importance-weighted NLL.

    For a word or character tokenizer an unknown symbol is charged as one symbol, not by its spelling;
    a bpe tokenizer knows no unknown.
    """
    texts = [str(example["text"]) for example in evaluation.examples]
    nats = -float(evaluation.bound.log_likelihood.sum())
    counted = sum(len(text.split()) + 1 for text in texts)
    characters = sum(map(len, texts))
    return {"perplexity": math.exp(nats / counted), "bits_per_character": nats / math.log(2) / characters}


@torch.no_grad()
def exact_match(evaluation: Evaluation) -> dict[str, Any]:
    """``exact_match``: the share of lines that greedy decoding of the posterior mean gives back, string for
    string; a model without a latent has none."""
    if not evaluation.model.blocks:
        return {"exact_match": 0.0}
    modality = evaluation.modality
    right = 0
    for batch in evaluation.batches.in_order():
        latents = evaluation.model.infer(batch).latents
        said = modality.render(
            evaluation.model,
            latents,
            batch.items,
            Decoding(),
            Stream(evaluation.seed, "exact"),
            faithful=True,
        )
        rows = evaluation.batches.examples[[int(item) for item in batch.items]]["text"]
        right += sum(a == b for a, b in zip(said, rows, strict=True))
    return {"exact_match": right / len(evaluation.batches.rows)}


def tokens(text: str) -> list[str]:
    """Words and marks, for the judge."""
    return _TOKEN.findall(text)


@torch.no_grad()
def judge(evaluation: Evaluation) -> dict[str, Any]:
    """Perplexity per word or mark of ``judge_samples`` samples (temperature 1, prior scale 1) and of the data
    under a 5-gram judge trained on the judge's lines, and their ratio; nothing when there is no judge."""
    if not evaluation.judge or not isinstance(evaluation.modality, Sentence):
        return {}
    judging = NGramJudge(tokens(str(line)) for line in evaluation.judge)
    stream = Stream(evaluation.seed, "judge")
    samples: list[str] = []
    for first in range(0, SAMPLES, TILE):
        items = torch.arange(first, first + TILE)
        latents = evaluation.model.sample_prior(items, stream)
        samples += evaluation.modality.render(evaluation.model, latents, items, Decoding(), stream, faithful=False)
    of_samples = judging.perplexity([tokens(line) for line in samples])
    of_data = judging.perplexity([tokens(str(example["text"])) for example in evaluation.examples])
    return {
        "judge_samples": len(samples), "judge_perplexity_samples": of_samples,
        "judge_perplexity_data": of_data, "judge_ratio": of_samples / of_data,
    }  # fmt: skip
