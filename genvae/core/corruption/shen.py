"""Denoising (Shen, Mueller, Barzilay and Jaakkola, "Educating Text Autoencoders", 2020): the encoder reads a
perturbed sequence and the decoder is asked for the whole one, so that similar sequences lie near each other.

Their four perturbations are symbol masking ("blank"), deletion, substitution and local shuffling.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import torch
from jaxtyping import Int
from torch import Tensor

from genvae.core.batch import Batch
from genvae.core.corruption.base import Corruption, OfSymbols, hit
from genvae.core.randomness import Stream
from genvae.core.schedules import Constant, Schedule, within
from genvae.core.symbols import Symbols
from genvae.core.vae import VAE
from genvae.settings import setting


@dataclass(frozen=True, kw_only=True)
class SymbolMasking(OfSymbols):
    """Symbols that the encoder reads are masked, so that it has to infer them from the others."""

    id: ClassVar[str] = "symbol-masking"
    hides_symbols: ClassVar[bool] = True

    rate: Schedule = setting(Constant(value=0.15), help="share of symbols masked", convert=within(0.0, 1.0))

    def __call__(self, batch: Batch, step: int, stream: Stream) -> Batch:
        read = batch.views["input"]
        uniform = stream.at("symbol-masking").uniform(batch.items, read.shape[1])
        return batch.viewing(input=read.masked_fill(hit(read, uniform, self.rate.at(step)), Symbols.MASK))


@dataclass(frozen=True, kw_only=True)
class Deletion(OfSymbols):
    """Symbols that the encoder reads are left out and those behind them move up; one is always left."""

    id: ClassVar[str] = "deletion"

    rate: Schedule = setting(Constant(value=0.15), help="share of symbols left out", convert=within(0.0, 1.0))

    def __call__(self, batch: Batch, step: int, stream: Stream) -> Batch:
        read, mask = batch.views["input"], batch.masks["input"]
        uniform = stream.at("deletion").uniform(batch.items, read.shape[1])
        # the symbol with the largest number is spared: at a rate of 1 it alone
        largest = uniform.masked_fill(~mask, -1.0).argmax(1, keepdim=True)
        kept = (uniform >= self.rate.at(step)).scatter(1, largest, True) & mask
        order = (~kept).to(torch.int8).argsort(dim=1, stable=True)
        left = torch.arange(read.shape[1], device=read.device) < kept.sum(1, keepdim=True)
        moved = read.gather(1, order).masked_fill(~left, Symbols.PAD)
        return replace(batch.viewing(input=moved), masks={**batch.masks, "input": left})


@dataclass(frozen=True, kw_only=True)
class Substitution(OfSymbols):
    """Symbols that the encoder reads are replaced by others, drawn evenly from all ordinary symbols."""

    id: ClassVar[str] = "substitution"

    rate: Schedule = setting(Constant(value=0.15), help="share of symbols replaced", convert=within(0.0, 1.0))

    def build(self, model: VAE) -> Corruption:
        return _Substitution(self.rate, self.symbols(model))

    def __call__(self, batch: Batch, step: int, stream: Stream) -> Batch:
        raise TypeError("a substitution must be built for a model: it draws from its symbols")


@dataclass(frozen=True)
class _Substitution(Corruption):
    """Substitution where the number of symbols is known."""

    rate: Schedule
    symbols: int

    def __call__(self, batch: Batch, step: int, stream: Stream) -> Batch:
        read = batch.views["input"]
        own = stream.at("substitution")
        chosen = hit(read, own.uniform(batch.items, read.shape[1]), self.rate.at(step))
        other = own.at("other").uniform(batch.items, read.shape[1]) * (self.symbols - Symbols.COUNT)
        return batch.viewing(input=torch.where(chosen, self._ordinary(other).to(read.dtype), read))

    @staticmethod
    def _ordinary(number: Tensor) -> Int[Tensor, "n t"]:
        return number.floor().to(torch.int64) + Symbols.COUNT


@dataclass(frozen=True, kw_only=True)
class Shuffle(OfSymbols):
    """Symbols that the encoder reads change places, none by more than ``distance``.

    Each position gets a number in [0, distance + 1) added and the row is sorted by the sums: a symbol that is more
    than ``distance`` behind another cannot pass it.
    """

    id: ClassVar[str] = "shuffle"

    distance: int = setting(3, help="most places a symbol moves", ge=0)

    def __call__(self, batch: Batch, step: int, stream: Stream) -> Batch:
        read, mask = batch.views["input"], batch.masks["input"]
        uniform = stream.at("shuffle").uniform(batch.items, read.shape[1])
        place = torch.arange(read.shape[1], device=read.device) + uniform * (self.distance + 1)
        order = place.masked_fill(~mask, float("inf")).argsort(dim=1, stable=True)
        return batch.viewing(input=read.gather(1, order))
