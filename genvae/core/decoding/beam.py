"""Beam search over the stepping interface."""

from __future__ import annotations

import torch
from jaxtyping import Int
from torch import Tensor

from genvae.core.decoding.constraints import NEVER, constrain
from genvae.core.decoding.options import Decoding
from genvae.core.latents import Latents, repeat
from genvae.core.likelihoods.sequence import Stepper
from genvae.core.symbols import Symbols


@torch.no_grad()
def beam_search(
    stepper: Stepper, latents: Latents, rows: int, options: Decoding, max_length: int
) -> Int[Tensor, "n t"]:
    """The best ended sequence of each row, by log p / length ** length_penalty.

    A beam that has ended stays among the beams at no further cost; the search ends when every beam
    of every row has.
    """
    beams = options.beam
    state = stepper.start(repeat(latents, beams), rows * beams)
    device = state[0].device
    symbol = torch.full((rows * beams,), Symbols.BEGIN, dtype=torch.int64, device=device)
    written = symbol.new_full((rows * beams, max_length), Symbols.PAD)
    length = torch.zeros(rows * beams, device=device)
    ended = torch.zeros(rows * beams, dtype=torch.bool, device=device)
    score = torch.full((rows, beams), NEVER, device=device)
    score[:, 0] = 0.0  # the beams start alike: let one of them branch
    origin = torch.arange(rows, device=device)[:, None] * beams
    for position in range(max_length):
        logits, state = stepper.step(symbol, state)
        step = constrain(logits, written[:, :position], options).log_softmax(-1)
        step = step.masked_fill(ended[:, None], NEVER)
        step[:, Symbols.END] = step[:, Symbols.END].masked_fill(ended, 0.0)
        vocabulary = step.shape[-1]
        total = (score[..., None] + step.reshape(rows, beams, vocabulary)).reshape(rows, -1)
        longer = length.reshape(rows, beams, 1).expand(-1, -1, vocabulary).reshape(rows, -1)
        longer = longer + (~ended).reshape(rows, beams, 1).expand(-1, -1, vocabulary).reshape(rows, -1)
        best = (total / longer.clamp(min=1) ** options.length_penalty).topk(beams, -1).indices
        score = total.gather(-1, best)
        source = (origin + best // vocabulary).reshape(-1)
        symbol = (best % vocabulary).reshape(-1)
        state = stepper.reorder(state, source)
        written, length, was_ended = written[source], length[source], ended[source]
        length = length + (~was_ended)
        ended = was_ended | (symbol == Symbols.END)
        written[:, position] = symbol.masked_fill(ended, Symbols.PAD)
        if ended.all():
            break
    ranked = score / length.reshape(rows, beams).clamp(min=1) ** options.length_penalty
    # an ended sequence goes before any that was cut
    ranked = ranked + torch.where(ended.reshape(rows, beams), 0.0, -1e6)
    return written[origin[:, 0] + ranked.argmax(-1)]
