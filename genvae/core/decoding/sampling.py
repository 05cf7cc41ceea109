"""Greedy decoding and sampling over the stepping interface.

One uniform number a symbol, through the inverse of the cumulative distribution: drawing a number for
each symbol of the vocabulary, as ``torch.multinomial`` does, costs several times as much.
"""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from genvae.core.decoding.constraints import constrain
from genvae.core.decoding.options import Decoding
from genvae.core.latents import Latents
from genvae.core.likelihoods.sequence import Stepper
from genvae.core.randomness import Stream
from genvae.core.symbols import Symbols

COLD = 1e-6  # below it only the likeliest could be drawn, and the logits would overflow
#: Rows whose logits are made, weighed and drawn from together. A product with a large table has a price of its own,
#: whatever the rows, on processors that pack the table anew for each (docs/results.md has figures).
TOGETHER = 512
#: A product of at least this many rows rounds each row alike, however many there are (small ones run other
#: kernels): so a row's symbols do not depend on the company it is decoded in.
FLOOR = 32
DROP = 0.75  # rows are dropped when no more than this share of them goes on
FIRST = 128  # symbols in which a nucleus is looked for first
WIDTH = 128  # symbols of a stretch, in the two levels of a draw
DRAWS = 2  # of all symbols, before a nucleus is looked for by its rank
WIDE = 0.5  # a nucleus of this probability or more is met by most draws
_ROUNDING = 1.0 - 2.0**-22  # below the total even after rounding, so a symbol of probability 0 is never met


def choose(
    logits: Float[Tensor, "n v"], uniform: Float[Tensor, " n"], temperature: float, top_k: int, top_p: float
) -> Int[Tensor, " n"]:
    """One symbol a row: the likeliest at temperature 0 (or next to it), else the one where the cumulative probability
    passes the uniform number."""
    if temperature < COLD:
        return _likeliest(logits)
    weights = logits - logits.amax(-1, keepdim=True)
    if temperature != 1.0:
        weights.div_(temperature)
    weights.exp_()
    if not top_k and top_p == 1.0:
        return _invert(weights, uniform)[0]
    if not top_k and top_p >= WIDE:
        return _met(weights, uniform, top_p)
    return _ranked(weights, uniform, top_k, top_p)


def _likeliest(logits: Float[Tensor, "n v"]) -> Int[Tensor, " n"]:
    """The place of each row's largest logit, the first of equals: the stretch it is in, then the place in that. What
    is largest is found several times as fast as where it is."""
    whole = logits.shape[1] // WIDTH * WIDTH
    tops = logits[:, :whole].unflatten(1, (-1, WIDTH)).amax(-1)
    rest = logits[:, whole:]
    if rest.shape[1]:
        tops = torch.cat([tops, rest.amax(-1, keepdim=True)], -1)
    first = tops.argmax(-1, keepdim=True) * WIDTH
    place = (first + torch.arange(WIDTH, device=logits.device)).clamp(max=logits.shape[1] - 1)
    return first[:, 0] + logits.gather(1, place).argmax(-1)


def _ranked(weights: Float[Tensor, "n v"], uniform: Float[Tensor, " n"], top_k: int, top_p: float) -> Int[Tensor, " n"]:
    best, symbols = _nucleus(weights, top_k, top_p)
    return symbols.gather(-1, _invert(best, uniform)[0][:, None])[:, 0]


def _met(weights: Float[Tensor, "n v"], uniform: Float[Tensor, " n"], top_p: float) -> Int[Tensor, " n"]:
    """A symbol of the nucleus by rejection: one is drawn of all, and is in the nucleus where those that are likelier
    (of equals, those before it, say) hold less than ``top_p``. That is a sum over the vocabulary, where finding the
    nucleus itself is a partial sort of it. Where in its share of the distribution the number fell is uniform again, so
    a rejected row draws anew with that; the few rows that are rejected time and again are done by rank."""
    found = torch.empty(len(weights), dtype=torch.int64, device=weights.device)
    place = torch.arange(weights.shape[1], device=weights.device)
    held = top_p * weights.sum(-1)
    rows = torch.arange(len(weights), device=weights.device)
    for _ in range(DRAWS):
        symbol, rest = _invert(weights, uniform)
        found[rows] = symbol
        weight = weights.gather(1, symbol[:, None])
        likelier = (weights > weight) | ((weights == weight) & (place < symbol[:, None]))
        missed = (weights * likelier).sum(-1) >= held
        # the likeliest is always in it
        missed &= likelier.any(-1)
        if not bool(missed.any()):
            return found
        rows, weights, uniform, held = rows[missed], weights[missed], rest[missed], held[missed]
    found[rows] = _ranked(weights, uniform, 0, top_p)
    return found


def _nucleus(
    weights: Float[Tensor, "n v"], top_k: int, top_p: float
) -> tuple[Float[Tensor, "n k"], Int[Tensor, "n k"]]:
    """The weights of the likeliest symbols that hold ``top_p`` of the probability (of the top k's, if asked), the
    others at 0. A few of the vocabulary usually hold it; sorting it all would be most of the work of a step."""
    most = min(top_k or weights.shape[-1], weights.shape[-1])
    count = most if top_k else min(FIRST, most)
    while True:
        best, symbols = weights.topk(count, -1)
        total = best.sum(-1, keepdim=True) if top_k else weights.sum(-1, keepdim=True)
        cumulative = best.cumsum(-1)
        if count == most or bool((cumulative[:, -1:] >= top_p * total).all()):
            break
        count = min(4 * count, most)
    # the first stays, whatever top_p is
    return best.masked_fill(cumulative - best >= top_p * total, 0.0), symbols


def _invert(
    weights: Float[Tensor, "n v"], uniform: Float[Tensor, " n"]
) -> tuple[Int[Tensor, " n"], Float[Tensor, " n"]]:
    """Where the cumulative weights pass ``uniform`` of their total, and the share of that symbol's weight that was
    passed: first the stretch of symbols, then the symbol in it, so that the long cumulative sum is never made."""
    count = weights.shape[1]
    if count <= 2 * WIDTH:
        symbol, rest = _pass(weights.cumsum(-1, dtype=torch.float64), uniform[:, None])
        return symbol[:, 0], _share(rest, weights.gather(1, symbol))
    whole = count // WIDTH * WIDTH
    sums = weights[:, :whole].unflatten(1, (-1, WIDTH)).sum(-1)
    sums = torch.cat([sums, weights[:, whole:].sum(-1, keepdim=True)], -1).double()
    stretch, rest = _pass(sums.cumsum(-1), uniform[:, None])
    place = stretch * WIDTH + torch.arange(WIDTH, device=weights.device)
    inside = weights.gather(1, place.clamp(max=count - 1)).masked_fill(place >= count, 0.0)
    cumulative = inside.cumsum(-1, dtype=torch.float64)
    symbol, rest = _pass(cumulative, (rest / cumulative[:, -1:]).clamp(min=0.0))
    return (stretch * WIDTH + symbol)[:, 0], _share(rest, inside.gather(1, symbol))


def _share(rest: Float[Tensor, "n 1"], weight: Float[Tensor, "n 1"]) -> Float[Tensor, " n"]:
    """How far into a symbol's weight a number fell, in [0, 1)."""
    return (rest / weight).clamp(0.0, _ROUNDING)[:, 0]


def _pass(
    cumulative: Float[Tensor, "n v"], share: Float[Tensor, "n 1"]
) -> tuple[Int[Tensor, "n 1"], Float[Tensor, "n 1"]]:
    """The first place where the cumulative weights pass a share of their total, and how much of it lies in there."""
    point = share.to(cumulative.dtype).clamp(max=_ROUNDING) * cumulative[:, -1:]
    place = torch.searchsorted(cumulative, point, right=True).clamp(max=cumulative.shape[-1] - 1)
    before = cumulative.gather(1, (place - 1).clamp(min=0)).masked_fill(place == 0, 0.0)
    return place, point - before


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

    Rows that have ended are dropped, down to ``FLOOR`` rows.
    """
    rows, device = len(items), items.device
    state = stepper.start(latents, rows)
    written = torch.full((rows, max_length), Symbols.PAD, dtype=torch.int64, device=device)
    uniform = stream.at("symbols").uniform(items, max_length)
    temperature = 1.0 if options.temperature is None else options.temperature
    live = torch.arange(rows, device=device)  # the rows that the state holds
    symbol = torch.full((rows,), Symbols.BEGIN, dtype=torch.int64, device=device)
    ended = torch.zeros(rows, dtype=torch.bool, device=device)
    for position in range(max_length):
        vectors, state = stepper.advance(symbol, state)
        drawn = []
        for part in torch.arange(len(live), device=device).tensor_split(max(1, len(live) // TOGETHER)):
            logits = constrain(stepper.logits(vectors[part]), written[live[part], :position], options)
            drawn.append(choose(logits, uniform[live[part], position], temperature, options.top_k, options.top_p))
        symbol = torch.cat(drawn)
        ended = ended | (symbol == Symbols.END)
        if bool(ended.all()):
            break
        written[live, position] = symbol.masked_fill(ended, Symbols.PAD)
        on = going_on(ended, FLOOR)
        if on is not None:
            live, symbol, ended, state = live[on], symbol[on], ended[on], stepper.reorder(state, on)
    return written


def going_on(ended: Bool[Tensor, " n"], least: int) -> Int[Tensor, " m"] | None:
    """The rows that go on, when enough have ended; some ended ones stay where they would be fewer than ``least``."""
    count = max(int((~ended).sum()), least)
    return None if count > DROP * len(ended) else ended.to(torch.int8).argsort(stable=True)[:count]
