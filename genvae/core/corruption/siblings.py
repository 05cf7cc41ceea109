"""One item read in another's place: the encoder is given another item of the same group, and the decoder is asked for
the item itself, under the item's own conditions.

    -log p(x | z, c),  z ~ q(z | x'),

bounds the likelihood of x as any distribution over z does, so it is denoising whose noise is the data's own (Vincent et
al., "Extracting and Composing Robust Features with Denoising Autoencoders", 2008). Where a group is one thing said in
several ways and a condition says in which, a VAE trained by it rewrites one way into another: translation through a
latent that all of the ways share, one decoder for all (Johnson et al., "Google's Multilingual Neural Machine
Translation System", 2017).

Some items may be there to be read alone: what a model or a dictionary made of an item, as the source that the item
itself is to be said from (Sennrich, Haddow and Birch, "Improving Neural Machine Translation Models with Monolingual
Data", 2016).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import torch

from genvae.core.batch import Batch
from genvae.core.corruption.base import Corruption
from genvae.core.randomness import Stream
from genvae.core.schedules import Constant, Schedule, within
from genvae.core.terms.exchange import alike
from genvae.errors import SettingError
from genvae.settings import setting


@dataclass(frozen=True, kw_only=True)
class Siblings(Corruption):
    """A share of the items is read as another of their group that is in the batch; an item by itself stays. Of those
    that are ``read_only`` none is asked for, unless the batch has no other."""

    is_asked: ClassVar[bool] = True

    rate: Schedule = setting(Constant(value=0.9), help="share of items read as another", convert=within(0.0, 1.0))
    read_only: str | None = setting(None, help="a condition: items of which it is unknown are read and not asked for")

    def __call__(self, batch: Batch, step: int, stream: Stream) -> Batch:
        own = stream.at("siblings")
        other = alike(batch.groups.of_item, batch.items, own)
        rows = torch.arange(len(batch), device=other.device)
        read = torch.where(own.at("share").uniform(batch.items, 1)[:, 0] < self.rate.at(step), other, rows)
        # a view that is the same tensor as another must not change with it
        shown = batch.viewing(input=batch.views["input"][read])
        masks = {**batch.masks, "input": batch.masks["input"][read]} if "input" in batch.masks else batch.masks
        made = replace(shown, masks=masks)
        if self.read_only is None:
            return made
        if self.read_only not in batch.conditions:
            raise SettingError(f"corruption 'siblings': read_only = {self.read_only!r} is no condition of the items")
        asked = batch.conditions[self.read_only].flatten(1).any(1)
        return made.take(asked.nonzero()[:, 0]) if bool(asked.any()) else made
