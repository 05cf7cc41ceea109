"""Greedy decoding and ancestral sampling by the inverse distribution function.

One uniform number a symbol, keyed by (item, position): an item's text does not depend on the items
decoded beside it. Nucleus: Holtzman et al., "The Curious Case of Neural Text Degeneration" (2020).
"""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor

from genvae.core.corruption import Symbols
from genvae.core.decoding.constraints import constrain
from genvae.core.decoding.options import Decoding
from genvae.core.latents import Latents
from genvae.core.likelihoods.sequence import Stepper
from genvae.core.randomness import Stream

COLD = 1e-6  # below it only the likeliest could be drawn, and the logits would overflow


def choose(
    logits: Float[Tensor, "n v"], uniform: Float[Tensor, " n"], temperature: float, top_k: int, top_p: float
) -> Int[Tensor, " n"]:
    """One symbol a row: the likeliest at temperature 0 (or next to it), else the one where the cumulative probability
    passes the uniform number."""
    if temperature < COLD:
        return logits.argmax(-1)
    logits = logits / temperature
    if not top_k and top_p == 1.0:
        return _invert(logits.softmax(-1), uniform)
    count = min(top_k, logits.shape[-1]) if top_k else logits.shape[-1]
    best, symbols = logits.topk(count, -1)
    probability = best.softmax(-1)
    before = probability.cumsum(-1) - probability
    probability = probability.masked_fill(before >= top_p, 0.0)  # the first stays, whatever top_p is
    return symbols.gather(-1, _invert(probability, uniform)[:, None])[:, 0]


def _invert(probability: Float[Tensor, "n v"], uniform: Float[Tensor, " n"]) -> Int[Tensor, " n"]:
    cumulative = probability.cumsum(-1)
    # below the total even after rounding, so a symbol of probability 0 is never met
    point = uniform.to(cumulative.dtype).clamp(max=1.0 - 2.0**-22) * cumulative[:, -1]
    return torch.searchsorted(cumulative, point[:, None], right=True)[:, 0].clamp(max=probability.shape[-1] - 1)


@torch.no_grad()
def sample(
    stepper: Stepper,
    latents: Latents,
    items: Int[Tensor, " n"],
    options: Decoding,
    stream: Stream,
    max_length: int,
) -> Int[Tensor, "n t"]:
    """Symbols for each row of the latents, padded after the end, which is not among them.

    All rows go on in step until the last has ended, so a row's arithmetic is the same whatever the
    others do.
    """
    rows = len(items)
    state = stepper.start(latents, rows)
    symbol = torch.full((rows,), Symbols.BEGIN, dtype=torch.int64, device=items.device)
    written = symbol.new_full((rows, max_length), Symbols.PAD)
    ended = torch.zeros(rows, dtype=torch.bool, device=items.device)
    uniform = stream.at("symbols").uniform(items, max_length)
    temperature = 1.0 if options.temperature is None else options.temperature
    for position in range(max_length):
        logits, state = stepper.step(symbol, state)
        logits = constrain(logits, written[:, :position], options)
        symbol = choose(logits, uniform[:, position], temperature, options.top_k, options.top_p)
        ended = ended | (symbol == Symbols.END)
        if ended.all():
            break
        written[:, position] = symbol.masked_fill(ended, Symbols.PAD)
    return written
