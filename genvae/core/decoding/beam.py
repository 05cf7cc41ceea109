"""Beam search over the stepping interface."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor

from genvae.core.decoding.constraints import NEVER, constrain
from genvae.core.decoding.options import Decoding
from genvae.core.decoding.sampling import FLOOR, going_on
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

    A beam that has ended stays among the beams at no further cost. A row is done when all its beams have ended, and
    rows that are done are dropped, as in ``sample``; the search ends with the last of them.
    """
    count = options.beam
    state = stepper.start(repeat(latents, count), rows * count)
    device = state[0].device
    symbol = torch.full((rows * count,), Symbols.BEGIN, dtype=torch.int64, device=device)
    written = symbol.new_full((rows, count, max_length), Symbols.PAD)
    length = torch.zeros(rows, count, device=device)
    ended = torch.zeros(rows, count, dtype=torch.bool, device=device)
    score = torch.full((rows, count), NEVER, device=device)
    score[:, 0] = 0.0  # the beams start alike: let one of them branch
    live = torch.arange(rows, device=device)  # the rows that the state holds
    for position in range(max_length):
        logits, state = stepper.step(symbol, state)
        step = constrain(logits, written[live, :, :position].flatten(0, 1), options).log_softmax(-1)
        over = ended[live].flatten()
        step = step.masked_fill(over[:, None], NEVER)
        step[:, Symbols.END] = step[:, Symbols.END].masked_fill(over, 0.0)
        # one beam's sequences are of a length: none but its likeliest symbols can be among the best of the row
        likeliest = step.topk(min(count, step.shape[-1]), -1)
        each = likeliest.values.shape[1]
        total = (score[live].reshape(-1, 1) + likeliest.values).reshape(len(live), -1)
        longer = (length[live] + ~ended[live]).clamp(min=1).repeat_interleave(each, 1)
        best = (total / longer**options.length_penalty).topk(count, -1).indices
        source = best // each  # the beam that each of the best goes on from
        chosen = likeliest.indices.reshape(len(live), -1).gather(-1, best)
        was_ended = ended[live].gather(-1, source)
        score[live] = total.gather(-1, best)
        length[live] = length[live].gather(-1, source) + ~was_ended
        ended[live] = was_ended | (chosen == Symbols.END)
        written[live] = written[live].gather(1, source[..., None].expand(-1, -1, max_length))
        written[live, :, position] = chosen.masked_fill(ended[live], Symbols.PAD)
        done = ended[live].all(-1)
        if bool(done.all()):
            break
        place = torch.arange(len(live), device=device)[:, None] * count + source
        on = going_on(done, -(-FLOOR // count))
        if on is not None:
            live, chosen, place = live[on], chosen[on], place[on]
        symbol, state = chosen.flatten(), stepper.reorder(state, place.flatten())
    ranked = score / length.clamp(min=1) ** options.length_penalty
    # an ended sequence goes before any that was cut
    return written, ranked + torch.where(ended, 0.0, -1e6)
