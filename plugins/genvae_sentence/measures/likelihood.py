"""The likelihood in the units of text."""

from __future__ import annotations

import math
from typing import Any

from genvae.evaluation.evaluation import Evaluation

MOST_NATS = 700.0  # the exponential of more is no float


def words(evaluation: Evaluation) -> dict[str, Any]:
    """``perplexity`` per word (split at white space, the end of the sentence counted) and
    ``bits_per_character`` of the raw line, both from the importance-weighted NLL.

    For a word or character tokenizer an unknown symbol is charged as one symbol, not by its spelling;
    a bpe tokenizer knows no unknown.
    """
    nats = -float(evaluation.bound.log_likelihood.sum())
    counted = characters = 0
    for text in evaluation.items:
        counted += len(text.split()) + 1
        characters += len(text)
    figures = {"perplexity": math.inf, "bits_per_character": nats / math.log(2) / characters}
    if nats / counted > MOST_NATS:
        evaluation.left_out["perplexity"] = f"{nats / counted:,.0f} nats per word are more than a number holds"
        del figures["perplexity"]
    else:
        figures["perplexity"] = math.exp(nats / counted)
    return figures
