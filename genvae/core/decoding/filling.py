"""Blanks filled in: a symbol is drawn where a sequence has a mask, and everything else stays as it is."""

from __future__ import annotations

import torch
from jaxtyping import Int
from torch import Tensor

from genvae.core.decoding.constraints import NEVER, constrain
from genvae.core.decoding.options import Decoding
from genvae.core.decoding.sampling import TOGETHER, choose
from genvae.core.latents import Latents
from genvae.core.likelihoods.sequence import Stepper
from genvae.core.randomness import Stream
from genvae.core.symbols import Symbols


@torch.no_grad()
def fill(
    stepper: Stepper,
    latents: Latents,
    symbols: Int[Tensor, "n t"],
    items: Int[Tensor, " n"],
    options: Decoding,
    stream: Stream,
) -> Int[Tensor, "n t"]:
    """The sequences with an ordinary symbol at each blank, one after another, so that later ones see earlier ones. How
    long a sequence is does not change. The latents know what is to be kept; ``items`` are the keys of the draws."""
    filled, blanks = symbols.clone(), symbols == Symbols.MASK
    uniform = stream.at("symbols").uniform(items, symbols.shape[1])
    temperature = 1.0 if options.temperature is None else options.temperature
    state = stepper.start(latents, len(symbols))
    before = symbols.new_full((len(symbols),), Symbols.BEGIN)
    for position in range(int(blanks.any(0).nonzero().max()) + 1 if bool(blanks.any()) else 0):
        vectors, state = stepper.advance(before, state)
        for rows in blanks[:, position].nonzero()[:, 0].split(TOGETHER):
            logits = constrain(stepper.logits(vectors[rows]), filled[rows, :position], options)
            logits[:, Symbols.END] = NEVER
            drawn = choose(logits, uniform[rows, position], temperature, options.top_k, options.top_p)
            filled[rows, position] = drawn
        before = filled[:, position]
    return filled
