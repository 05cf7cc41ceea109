"""Of the ways in which beams say a sequence anew, the one that is likely and from which the sequence comes back.

    log p(y | x, c') / |y|^a  +  w log p(x | y, c) / |x|,

the second read by the same model in the other direction: a noisy channel (Yee, Dauphin and Auli, "Simple and Effective
Noisy Channel Modeling for Neural Machine Translation", 2019), against words that are lost or made up on the way.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from genvae.core.decoding.beam import beams
from genvae.core.decoding.options import Decoding
from genvae.core.latents import Latents, take
from genvae.core.likelihoods import CategoricalSequence, SequenceDecoder
from genvae.core.sequences import batch_of
from genvae.core.symbols import Symbols
from genvae.core.vae import VAE
from genvae.errors import LacksCapability

TOGETHER = 64  # sequences of about a length that are searched at once: a search goes on until the last has ended
LONGER = 1.5  # a way is no longer than this many times the longest that is said with it

Line = tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class Returning:
    """Sequences said anew by ``teller``, who may be the ``model`` itself or between two conditions, and read back by
    the model. ``own`` and ``wanted`` have a row of each condition for every sequence."""

    model: VAE
    teller: VAE
    own: Latents
    wanted: Latents
    weight: float  # w
    options: Decoding

    def best(self, lines: Sequence[Line], latents: Latents) -> list[Line]:
        """What becomes of each sequence, of which the teller is given the latents."""
        made: list[Line] = [()] * len(lines)
        order = sorted(range(len(lines)), key=lambda row: len(lines[row]))
        for first in range(0, len(order), TOGETHER):
            rows = order[first : first + TOGETHER]
            at = torch.tensor(rows)
            read = [lines[row] for row in rows]
            told, score = self.candidates(take(latents, at), read)
            score = score - self.weight * self.lost(read, told, at)
            for row, ways, best in zip(rows, told, score.argmax(1).tolist(), strict=True):
                made[row] = ways[best]
        return made

    def candidates(self, latents: Latents, lines: Sequence[Line]) -> tuple[list[list[Line]], Float[Tensor, "n b"]]:
        """The ways that are found, and what each is ranked by."""
        likelihood, decoder = self.teller.likelihood, self.teller.decoder
        if not isinstance(likelihood, CategoricalSequence) or not isinstance(decoder, SequenceDecoder):
            raise LacksCapability("only sequences of symbols are searched by beams, of which one comes back")
        longest = self.options.max_length or int(LONGER * max(map(len, lines))) + 2
        written, ranked = beams(likelihood.stepper(decoder), latents, len(lines), self.options, longest)
        told = [[tuple(symbol for symbol in way if symbol != Symbols.PAD) for way in row] for row in written.tolist()]
        return told, ranked

    def lost(self, lines: Sequence[Line], told: Sequence[Sequence[Line]], rows: Tensor) -> Float[Tensor, "n b"]:
        """-log p(x | y, c) of each way y, in nats for each symbol of x and its end."""
        count = len(told[0])
        again = rows.repeat_interleave(count)
        ways = batch_of([way or (Symbols.UNKNOWN,) for row in told for way in row], again)
        found = self.model.infer(ways.knowing(**take(self.wanted, again))).latents
        back = batch_of(list(lines), rows).take(torch.arange(len(lines)).repeat_interleave(count))
        nats = self.model.distortion({**found, **take(self.own, again)}, back)
        return (nats / back.cost).unflatten(0, (len(lines), count))
