"""Corruption of sequences of symbols: noise on what the networks read in training.

What a symbol is, the core does not know; it knows the few that mean something in any sequence.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

from jaxtyping import Float, Int
from torch import Tensor

from genvae.core.batch import Batch
from genvae.core.randomness import Stream
from genvae.core.schedules import Constant, Schedule, within
from genvae.settings import setting


class Symbols:
    """The symbols every vocabulary begins with."""

    PAD, BEGIN, END, UNKNOWN, MASK = range(5)
    COUNT: ClassVar[int] = 5


class Corruption(ABC):
    """Noise on a batch, as a function of the step."""

    @abstractmethod
    def __call__(self, batch: Batch, step: int, stream: Stream) -> Batch:
        """The batch with some views changed; the target view never is."""


def _replace(symbols: Int[Tensor, "n t"], uniform: Float[Tensor, "n t"], rate: float, by: int) -> Int[Tensor, "n t"]:
    """``by`` in place of a share ``rate`` of the ordinary symbols (special ones stay)."""
    return symbols.masked_fill((uniform < rate) & (symbols >= Symbols.COUNT), by)


@dataclass(frozen=True, kw_only=True)
class WordDropout(Corruption):
    """Word dropout (Bowman et al. 2016): symbols that the decoder is fed become unknown, so that it
    has to ask the latent for them."""

    rate: Schedule = setting(Constant(value=0.3), help="share of symbols dropped", convert=within(0.0, 1.0))

    def __call__(self, batch: Batch, step: int, stream: Stream) -> Batch:
        context = batch.views["context"]
        uniform = stream.at("word-dropout").uniform(batch.items, context.shape[1])
        return batch.viewing(context=_replace(context, uniform, self.rate.at(step), Symbols.UNKNOWN))


@dataclass(frozen=True, kw_only=True)
class SymbolMasking(Corruption):
    """Symbols that the encoder reads are masked, so that it has to infer them from the others."""

    rate: Schedule = setting(Constant(value=0.15), help="share of symbols masked", convert=within(0.0, 1.0))

    def __call__(self, batch: Batch, step: int, stream: Stream) -> Batch:
        read = batch.views["input"]
        uniform = stream.at("symbol-masking").uniform(batch.items, read.shape[1])
        return batch.viewing(input=_replace(read, uniform, self.rate.at(step), Symbols.MASK))
