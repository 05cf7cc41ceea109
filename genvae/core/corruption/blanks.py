"""Blanks: of each sequence another share is hidden, from nothing to all of it, so that one model learns what stands at
any blanks, given any of the rest (Uria, Murray and Larochelle, "A Deep and Tractable Density Estimator", 2014; as the
noise of a diffusion: Austin et al., "Structured Denoising Diffusion Models in Discrete State-Spaces", 2021)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch

from genvae.core.batch import Batch
from genvae.core.corruption.base import OfSymbols, hit
from genvae.core.randomness import Stream
from genvae.core.schedules import Constant, Schedule, within
from genvae.core.symbols import Symbols
from genvae.settings import setting


@dataclass(frozen=True, kw_only=True)
class Blanks(OfSymbols):
    """Symbols that the encoder reads are masked: all of some sequences, of each other one a share of its own, drawn
    evenly between none and all."""

    id: ClassVar[str] = "blanks"
    hides_symbols: ClassVar[bool] = True

    whole: Schedule = setting(
        Constant(value=0.2), help="share of the items that are masked whole", convert=within(0.0, 1.0)
    )

    def __call__(self, batch: Batch, step: int, stream: Stream) -> Batch:
        read = batch.views["input"]
        own = stream.at("blanks")
        share = own.at("share").uniform(batch.items, 2)
        rate = torch.where(share[:, :1] < self.whole.at(step), 1.0, share[:, 1:])
        hidden = hit(read, own.uniform(batch.items, read.shape[1]), rate)
        return batch.viewing(input=read.masked_fill(hidden, Symbols.MASK))
