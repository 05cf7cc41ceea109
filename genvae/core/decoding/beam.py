"""Beam search over the stepping interface."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
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
    """The best ended sequence of each row, by log p / length ** length_penalty."""
    written, ranked = beams(stepper, latents, rows, options, max_length)
    return written[torch.arange(rows, device=written.device), ranked.argmax(-1)]


@torch.no_grad()
def beams(
    stepper: Stepper, latents: Latents, rows: int, options: Decoding, max_length: int
) -> tuple[Int[Tensor, "n b t"], Float[Tensor, "n b"]]:
    """All beams of each row, padded after the end, and what each is ranked by: log p / length ** length_penalty in
    nats, far less for one that was cut.

    A beam that has ended stays among the beams at no further cost; the search ends when every beam
    of every row has.
    """
    count = options.beam
    state = stepper.start(repeat(latents, count), rows * count)
    device = state[0].device
    symbol = torch.full((rows * count,), Symbols.BEGIN, dtype=torch.int64, device=device)
    written = symbol.new_full((rows * count, max_length), Symbols.PAD)
    length = torch.zeros(rows * count, device=device)
    ended = torch.zeros(rows * count, dtype=torch.bool, device=device)
    score = torch.full((rows, count), NEVER, device=device)
    score[:, 0] = 0.0  # the beams start alike: let one of them branch
    origin = torch.arange(rows, device=device)[:, None] * count
    for position in range(max_length):
        logits, state = stepper.step(symbol, state)
        step = constrain(logits, written[:, :position], options).log_softmax(-1)
        step = step.masked_fill(ended[:, None], NEVER)
        step[:, Symbols.END] = step[:, Symbols.END].masked_fill(ended, 0.0)
        # one beam's sequences are of a length: none but its likeliest symbols can be among the best of the row
        likeliest = step.topk(min(count, step.shape[-1]), -1)
        total = (score.reshape(-1, 1) + likeliest.values).reshape(rows, -1)
        longer = (length + ~ended).clamp(min=1).repeat_interleave(likeliest.values.shape[1]).reshape(rows, -1)
        best = (total / longer**options.length_penalty).topk(count, -1).indices
        score = total.gather(-1, best)
        source = (origin + best // likeliest.values.shape[1]).reshape(-1)
        symbol = likeliest.indices.reshape(rows, -1).gather(-1, best).reshape(-1)
        state = stepper.reorder(state, source)
        written, length, was_ended = written[source], length[source], ended[source]
        length = length + (~was_ended)
        ended = was_ended | (symbol == Symbols.END)
        written[:, position] = symbol.masked_fill(ended, Symbols.PAD)
        if ended.all():
            break
    ranked = score / length.reshape(rows, count).clamp(min=1) ** options.length_penalty
    # an ended sequence goes before any that was cut
    ranked = ranked + torch.where(ended.reshape(rows, count), 0.0, -1e6)
    return written.unflatten(0, (rows, count)), ranked
