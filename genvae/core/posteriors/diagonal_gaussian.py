"""A diagonal Gaussian for each block, by a linear layer on the encoder's features."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from genvae.core.distributions import DiagonalGaussian, Distribution
from genvae.core.latents import Block, Groups
from genvae.core.posteriors.base import BlockHeads, Features, Own, Posterior, refuse_shared
from genvae.settings import setting


class DiagonalGaussianPosterior(Posterior):
    """q(z|x) = N(mean(x), diag(exp(log_variance(x)))); with a ``scale``, that standard deviation everywhere."""

    def __init__(
        self, blocks: Sequence[Block], features: int, own: Own, floor: float, scale: float | None = None,
        first: float = 0.0,
    ) -> None:  # fmt: skip
        super().__init__()
        outputs = 2 if scale is None else 1
        self.heads = BlockHeads(blocks, features, own, outputs)
        if scale is None and first:
            with torch.no_grad():
                for block in blocks:
                    self.heads.log_variances(block).add_(first)
        self.floor = floor
        self.scale = scale

    def at(
        self,
        block: Block,
        features: Features,
        before: Mapping[str, Tensor],
        prior: Distribution,
        groups: Groups,
    ) -> DiagonalGaussian:
        refuse_shared(block, "diagonal-gaussian")
        if self.scale is not None:
            (mean,) = self.heads.parts(block, features)
            return DiagonalGaussian(mean, torch.full_like(mean, 2 * math.log(self.scale)))
        mean, log_variance = self.heads.parts(block, features)
        return DiagonalGaussian(mean, log_variance.clamp(min=self.floor))


@dataclass(frozen=True, kw_only=True)
class DiagonalGaussianSettings:
    """The diagonal Gaussian posterior."""

    log_variance_floor: float = setting(-12.0, help="smallest log variance of a dimension", ge=-40.0, le=0.0)
    first_log_variance: float = setting(
        0.0, help="log variance that dimensions begin near: below 0 for latents that are to lie apart from the start",
        ge=-40.0, le=0.0,
    )  # fmt: skip
    scale: float | None = setting(
        None, help="one fixed standard deviation for every dimension; default: learned, by item", gt=0.0, le=100.0
    )

    def build(self, blocks: Sequence[Block], features: int, own: Own | None = None) -> DiagonalGaussianPosterior:
        return DiagonalGaussianPosterior(
            blocks, features, own or {}, self.log_variance_floor, self.scale, self.first_log_variance
        )
