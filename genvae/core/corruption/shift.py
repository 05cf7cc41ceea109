"""Items moved by a few places along their last axes, anew at each step: what a thing is does not depend on where it
lies (LeCun, Bottou, Bengio and Haffner, "Gradient-Based Learning Applied to Document Recognition", 1998, who moved
digits). It is the data that grow, so encoder and likelihood see the same."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float, Int
from torch import Tensor

from genvae.core.batch import Batch
from genvae.core.corruption.base import Corruption
from genvae.core.likelihoods.base import FactorisedLikelihood
from genvae.core.randomness import Stream
from genvae.core.schedules import Constant, Schedule, within
from genvae.core.vae import VAE
from genvae.errors import LacksCapability
from genvae.settings import setting


def moved(values: Float[Tensor, "n ..."], by: Int[Tensor, "n k"]) -> Float[Tensor, "n ..."]:
    """Each row moved along its last k axes; what comes in at a border is the border again."""
    for number in range(by.shape[1]):
        axis = values.dim() - by.shape[1] + number
        size = values.shape[axis]
        place = torch.arange(size, device=values.device) - by[:, number, None]
        index = place.clamp(0, size - 1)
        index = index.reshape(len(values), *[size if d == axis else 1 for d in range(1, values.dim())])
        values = values.gather(axis, index.expand(values.shape))
    return values


@dataclass(frozen=True, kw_only=True)
class Shift(Corruption):
    """Items are moved by some places along their last two axes (or the last, where there is one)."""

    redraws_target: ClassVar[bool] = True

    rate: Schedule = setting(Constant(value=0.5), help="share of the items that are moved", convert=within(0.0, 1.0))
    most: int = setting(1, help="places by which one is moved at most, each way", ge=1, le=1024)

    def build(self, model: VAE) -> Corruption:
        if not isinstance(model.likelihood, FactorisedLikelihood):
            raise LacksCapability(
                f"corruption 'shift' moves elements from place to place; a {type(model.likelihood).__name__} has none"
            )
        return self

    def __call__(self, batch: Batch, step: int, stream: Stream) -> Batch:
        read, scored = batch.views["input"], batch.views["target"]
        axes = min(2, scored.dim() - 1)
        uniform = stream.at("shift").uniform(batch.items, axes + 1)
        by = ((2 * self.most + 1) * uniform[:, 1:]).long() - self.most
        by = torch.where(uniform[:, :1] < self.rate.at(step), by, torch.zeros_like(by))
        target = moved(scored, by)
        return batch.viewing(input=target if read is scored else moved(read, by), target=target)
