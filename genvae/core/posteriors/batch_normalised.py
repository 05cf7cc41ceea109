"""Batch-normalised posterior means (Zhu et al., "A Batch Normalized Inference Network Keeps the KL Vanishing Away",
2020).

Against N(0, I) the KL of d dimensions, averaged over the items, is at least half the sum of the squared means'
average, so with means of standard deviation gamma around a shift b it is at least (d gamma^2 + |b|^2) / 2 nats.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from genvae.core.distributions import DiagonalGaussian, Distribution
from genvae.core.latents import Block, Groups
from genvae.core.posteriors.base import BlockHeads, Features, Own, Posterior, refuse_shared
from genvae.settings import setting

SMALLEST_VARIANCE = 1e-10  # of a mean over the batch, below which gamma is not reached


class BatchNormalisedPosterior(Posterior):
    """q(z|x) = N(gamma * normalised mean(x) + shift, diag(exp(log_variance(x)))).

    In training the means are normalised over the batch (so an accumulated batch is not exactly the large one), in
    evaluation, and for a batch of one item, by running averages.
    """

    def __init__(self, blocks: Sequence[Block], features: int, own: Own, gamma: float, floor: float) -> None:
        super().__init__()
        # normalising takes away any bias
        self.means = BlockHeads(blocks, features, own, bias=False)
        self.log_variances = BlockHeads(blocks, features, own)
        self.norms = nn.ModuleDict({
            block.name: nn.BatchNorm1d(block.size, eps=SMALLEST_VARIANCE, affine=False) for block in blocks
        })  # fmt: skip
        self.shifts = nn.ParameterDict({block.name: nn.Parameter(torch.zeros(block.size)) for block in blocks})
        self.gamma = gamma
        self.floor = floor

    def at(
        self,
        block: Block,
        features: Features,
        before: Mapping[str, Tensor],
        prior: Distribution,
        groups: Groups,
    ) -> DiagonalGaussian:
        refuse_shared(block, "batch-normalised")
        norm = self.norms[block.name]
        assert isinstance(norm, nn.BatchNorm1d)
        mean = self.means.parts(block, features)[0].flatten(1)
        if self.training and len(mean) == 1:
            mean = F.batch_norm(mean, norm.running_mean, norm.running_var, eps=norm.eps)
        else:
            mean = norm(mean)
        mean = self.gamma * mean + self.shifts[block.name]
        log_variance = self.log_variances.parts(block, features)[0].clamp(min=self.floor)
        return DiagonalGaussian(mean.reshape_as(log_variance), log_variance)


@dataclass(frozen=True, kw_only=True)
class BatchNormalisedSettings:
    """Posterior means normalised over the batch: the KL cannot vanish."""

    gamma: float = setting(0.6, help="standard deviation of the means over the data", gt=0.0, le=10.0)
    log_variance_floor: float = setting(-12.0, help="smallest log variance of a dimension", ge=-40.0, le=0.0)

    def build(self, blocks: Sequence[Block], features: int, own: Own | None = None) -> BatchNormalisedPosterior:
        return BatchNormalisedPosterior(blocks, features, own or {}, self.gamma, self.log_variance_floor)
