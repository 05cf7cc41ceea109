"""Measures of sentence models."""

from __future__ import annotations

import math
from typing import Any

import torch

from genvae.core.decoding.options import Decoding
from genvae.core.randomness import Stream
from genvae.evaluation.evaluation import Evaluation


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
