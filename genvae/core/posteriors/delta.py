"""The delta-VAE's posterior, its independent version (Razavi et al., "Preventing Posterior Collapse with delta-VAEs",
2019).

KL(N(m, s^2) || N(0, 1)) = (m^2 + s^2 - 1 - ln s^2) / 2. The standard deviation is held where it costs at most delta,
and the mean pays at least the rest: every dimension has at least delta nats against N(0, 1), for every item.
"""

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

SMALLEST_SQUARE = 1e-6  # of a mean: the slope of the root is infinite at 0


def scales(delta: float) -> tuple[float, float]:
    """The least and the greatest standard deviation whose own cost, (s^2 - 1 - ln s^2) / 2, is delta nats."""
    least, greatest = 0.0, 1.0 + 2.0 * delta
    for _ in range(10_000):  # v = 1 + 2 delta + ln v, by the form of it that contracts on each side of 1
        before = least, greatest
        least, greatest = math.exp(least - 1.0 - 2.0 * delta), 1.0 + 2.0 * delta + math.log(greatest)
        if before == (least, greatest):
            break
    return math.sqrt(least), math.sqrt(greatest)


class DeltaPosterior(Posterior):
    """q(z|x) with at least delta nats a dimension against N(0, 1). Under another prior the floor does not hold."""

    def __init__(self, blocks: Sequence[Block], features: int, own: Own, delta: float) -> None:
        super().__init__()
        self.heads = BlockHeads(blocks, features, own, 2)
        self.delta = delta
        self.least, self.greatest = scales(delta)

    def at(
        self,
        block: Block,
        features: Features,
        before: Mapping[str, Tensor],
        prior: Distribution,
        groups: Groups,
    ) -> DiagonalGaussian:
        refuse_shared(block, "delta")
        more, share = self.heads.parts(block, features)
        log_variance = 2 * (self.least + (self.greatest - self.least) * share.sigmoid()).log()
        owed = 2 * self.delta - (torch.expm1(log_variance) - log_variance)
        mean = (owed.clamp(min=SMALLEST_SQUARE) + more.relu()).sqrt()
        return DiagonalGaussian(mean, log_variance)


@dataclass(frozen=True, kw_only=True)
class DeltaSettings:
    """A posterior that cannot come nearer to N(0, 1) than delta."""

    delta: float = setting(0.1, help="least KL of each dimension, in nats", gt=1e-6, le=100.0)

    def build(self, blocks: Sequence[Block], features: int, own: Own | None = None) -> DeltaPosterior:
        return DeltaPosterior(blocks, features, own or {}, self.delta)
