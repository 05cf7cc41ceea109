"""The evidence of a group multiplied (Bouchacourt, Tomioka and Nowozin, "Multi-Level Variational Autoencoder: Learning
Disentangled Representations from Grouped Observations", 2018).

Each item of a group gives a Gaussian N(m_i, v_i) for the shared block. Their product is N(m, v) with

    1 / v = e + sum over i of 1 / v_i,        m = v * sum over i of m_i / v_i,

where e is 1 with N(0, 1) as one more expert, counted once however many items there are, and 0 in the paper's own
rule. With it, a group that says nothing has the posterior N(0, 1), and the first item narrows it as every other does;
experts of that kind are those of Wu and Goodman, "Multimodal Generative Models for Scalable Weakly-Supervised
Learning" (2018).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

from genvae.core.distributions import DiagonalGaussian, Distribution
from genvae.core.latents import Block, Groups
from genvae.core.posteriors.base import BlockHeads, Features, Own, Posterior
from genvae.settings import setting

WIDEST = 20.0  # log variance of an item's expert that says nothing: without a prior expert it must not be infinite


def product(
    mean: Float[Tensor, "n ..."], log_variance: Float[Tensor, "n ..."], groups: Groups, prior_expert: bool
) -> DiagonalGaussian:
    """The product of the experts of each group's given items, a row a group."""
    precision = (-log_variance).exp()
    total = groups.evidence(precision) + (1.0 if prior_expert else 0.0)
    total = total.clamp(min=math.exp(-WIDEST))  # of a group without evidence and without the prior's
    return DiagonalGaussian(groups.evidence(precision * mean) / total, -total.log())


class ProductOfGaussiansPosterior(Posterior):
    """q(shared block | a group's items) by ``product``; the other blocks have a diagonal Gaussian an item.

    One item is a group of one, so a shared block is inferred from one item or from many by the same rule, and more
    items never widen it.
    """

    def __init__(self, blocks: Sequence[Block], features: int, own: Own, floor: float, prior_expert: bool) -> None:
        super().__init__()
        self.heads = BlockHeads(blocks, features, own, 2)
        self.floor = floor
        self.prior_expert = prior_expert

    def at(
        self,
        block: Block,
        features: Features,
        before: Mapping[str, Tensor],
        prior: Distribution,
        groups: Groups,
    ) -> DiagonalGaussian:
        mean, log_variance = self.heads.parts(block, features)
        if not block.shared:
            return DiagonalGaussian(mean, log_variance.clamp(min=self.floor))
        return product(mean, log_variance.clamp(min=self.floor, max=WIDEST), groups, self.prior_expert)


@dataclass(frozen=True, kw_only=True)
class ProductOfGaussiansSettings:
    """Gaussians whose evidence is multiplied over a group for shared blocks."""

    prior_expert: bool = setting(True, help="N(0, 1) is one more expert of each group, counted once")
    log_variance_floor: float = setting(-12.0, help="smallest log variance that an item gives", ge=-40.0, le=0.0)

    def build(self, blocks: Sequence[Block], features: int, own: Own | None = None) -> ProductOfGaussiansPosterior:
        return ProductOfGaussiansPosterior(blocks, features, own or {}, self.log_variance_floor, self.prior_expert)
