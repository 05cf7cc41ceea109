"""A diagonal Gaussian for each block, by a linear layer on the encoder's summary."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from torch import Tensor, nn

from genvae.core.distributions import DiagonalGaussian, Distribution
from genvae.core.latents import Block, Groups
from genvae.core.posteriors.base import Features, Posterior
from genvae.errors import LacksCapability
from genvae.settings import setting


class DiagonalGaussianPosterior(Posterior):
    """q(z|x) = N(mean(x), diag(exp(log_variance(x))))."""

    def __init__(self, blocks: Sequence[Block], features: int, floor: float) -> None:
        super().__init__()
        self.heads = nn.ModuleDict({block.name: nn.Linear(features, 2 * block.size) for block in blocks})
        self.floor = floor

    def at(
        self,
        block: Block,
        features: Features,
        before: Mapping[str, Tensor],
        prior: Distribution,
        groups: Groups,
    ) -> DiagonalGaussian:
        if block.shared:
            raise LacksCapability(
                f"block {block.name!r} is shared by a group, and the diagonal-gaussian posterior has no rule to "
                "pool a group's evidence"
            )
        # float32 under mixed precision too: a log variance in bfloat16 has two digits
        mean, log_variance = self.heads[block.name](features["summary"]).float().chunk(2, -1)
        shape = (-1, *block.shape)
        return DiagonalGaussian(mean.reshape(shape), log_variance.reshape(shape).clamp(min=self.floor))


@dataclass(frozen=True, kw_only=True)
class DiagonalGaussianSettings:
    """The diagonal Gaussian posterior."""

    log_variance_floor: float = setting(-12.0, help="smallest log variance of a dimension", ge=-40.0, le=0.0)

    def build(self, blocks: Sequence[Block], features: int) -> DiagonalGaussianPosterior:
        return DiagonalGaussianPosterior(blocks, features, self.log_variance_floor)
