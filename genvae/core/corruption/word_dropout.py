"""Word dropout (Bowman et al. 2016)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from genvae.core.batch import Batch
from genvae.core.corruption.base import OfSymbols, hit
from genvae.core.randomness import Stream
from genvae.core.schedules import Constant, Schedule, within
from genvae.core.symbols import Symbols
from genvae.settings import setting


@dataclass(frozen=True, kw_only=True)
class WordDropout(OfSymbols):
    """Symbols that the decoder is fed become unknown, so that it has to ask the latent for them."""

    id: ClassVar[str] = "word-dropout"

    rate: Schedule = setting(Constant(value=0.3), help="share of symbols dropped", convert=within(0.0, 1.0))

    def __call__(self, batch: Batch, step: int, stream: Stream) -> Batch:
        context = batch.views["context"]
        uniform = stream.at("word-dropout").uniform(batch.items, context.shape[1])
        return batch.viewing(context=context.masked_fill(hit(context, uniform, self.rate.at(step)), Symbols.UNKNOWN))
