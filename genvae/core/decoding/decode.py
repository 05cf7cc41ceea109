"""One door to every way of decoding."""

from __future__ import annotations

from jaxtyping import Int
from torch import Tensor

from genvae.core.decoding.beam import beam_search
from genvae.core.decoding.options import Decoding
from genvae.core.decoding.sampling import sample
from genvae.core.latents import Latents
from genvae.core.likelihoods.sequence import Stepper
from genvae.core.randomness import Stream
from genvae.core.symbols import Symbols


def decode(
    stepper: Stepper,
    latents: Latents,
    items: Int[Tensor, " n"],
    options: Decoding,
    stream: Stream,
    *,
    longest: int,
) -> list[list[int]]:
    """The symbols of each row, without padding and end. ``items`` are the keys of the rows' draws;
    ``longest`` holds where the options set no maximum."""
    max_length = options.max_length or longest
    if options.beam > 1:
        written = beam_search(stepper, latents, len(items), options, max_length)
    else:
        written = sample(stepper, latents, items, options, stream, max_length)
    return [[symbol for symbol in row if symbol != Symbols.PAD] for row in written.tolist()]
