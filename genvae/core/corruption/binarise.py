"""Dynamic binarisation (Burda, Grosse and Salakhutdinov, "Importance Weighted Autoencoders", 2016, after Salakhutdinov
and Murray, "On the Quantitative Analysis of Deep Belief Networks", 2008): the data are binary, each element 1 with the
probability that its number in [0, 1] gives, and every step sees them drawn anew."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from jaxtyping import Float
from torch import Tensor

from genvae.core.batch import Batch
from genvae.core.corruption.base import Corruption
from genvae.core.likelihoods.base import FactorisedLikelihood
from genvae.core.randomness import Stream
from genvae.core.schedules import Constant, Schedule, within
from genvae.core.vae import VAE
from genvae.errors import LacksCapability
from genvae.settings import setting


def binarised(values: Float[Tensor, "n ..."], items: Tensor, stream: Stream) -> Float[Tensor, "n ..."]:
    """Each number in [0, 1] as 1 with that probability, else 0; a function of the stream and the item's number."""
    return (stream.uniform(items, *values.shape[1:]) < values).to(values.dtype)


@dataclass(frozen=True, kw_only=True)
class Binarise(Corruption):
    """Elements are drawn as 0 or 1 anew at each step, for the encoder and the likelihood alike."""

    redraws_target: ClassVar[bool] = True
    is_asked: ClassVar[bool] = True

    rate: Schedule = setting(Constant(value=1.0), help="share of the items that are drawn; the others stay as they are",
                             convert=within(0.0, 1.0))  # fmt: skip

    def build(self, model: VAE) -> Corruption:
        if not isinstance(model.likelihood, FactorisedLikelihood):
            raise LacksCapability(
                f"corruption 'binarise' draws elements between 0 and 1; a {type(model.likelihood).__name__} has none"
            )
        return self

    def __call__(self, batch: Batch, step: int, stream: Stream) -> Batch:
        read, scored = batch.views["input"], batch.views["target"]
        own, rate = stream.at("binarise"), self.rate.at(step)
        drawn = binarised(scored, batch.items, own)
        if rate < 1.0:
            spared = own.at("item").uniform(batch.items, 1)[:, 0] >= rate
            drawn = scored.where(spared.reshape(-1, *[1] * (scored.dim() - 1)), drawn)
        # where the encoder reads what is scored, both are one draw
        return batch.viewing(input=drawn if read is scored else read, target=drawn)
