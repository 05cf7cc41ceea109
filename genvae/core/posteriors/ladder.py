"""The posterior of a ladder, which shares the prior's way down: what was seen of an item corrects, block by block, what
the prior says after the blocks before.

By "residual" (Vahdat and Kautz, "NVAE: A Deep Hierarchical Variational Autoencoder", 2020) the network gives the
change of the prior's mean and of its log variance; at no change a block costs nothing. By "precision" (Sønderby,
Raiko, Maaløe, Sønderby and Winther, "Ladder Variational Autoencoders", 2016) it gives a Gaussian of its own, and the
posterior is its product with the prior:

    1 / v = 1 / v_seen + 1 / v_prior,        m = v (m_seen / v_seen + m_prior / v_prior).

In both, the network sees the blocks before, as in Kingma et al., "Improved Variational Inference with Inverse
Autoregressive Flow" (2016).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from genvae.core.distributions import DiagonalGaussian, Distribution
from genvae.core.latents import Block, Groups
from genvae.core.posteriors.base import Features, Own, Posterior, refuse_shared
from genvae.core.priors.ladder import Conditional, bounded, seen
from genvae.settings import setting

RESIDUAL, PRECISION = "residual", "precision"


def product(
    mean: Float[Tensor, "n ..."], log_variance: Float[Tensor, "n ..."], prior: DiagonalGaussian
) -> DiagonalGaussian:
    """The product of a Gaussian with the prior: precisions add."""
    found = -torch.logaddexp(-log_variance, -prior.log_variance)
    share = (found - log_variance).exp()
    return DiagonalGaussian(share * mean + (found - prior.log_variance).exp() * prior.mean, found)


class LadderPosterior(Posterior):
    """q(block | x, blocks before), relative to p(block | blocks before). Where the prior is no diagonal Gaussian it is
    relative to N(0, I)."""

    def __init__(
        self, blocks: Sequence[Block], features: int, own: Own, width: int, layers: int, merge: str, floor: float
    ) -> None:
        super().__init__()
        self.sources = {block.name: block.name if block.name in own else "summary" for block in blocks}
        shapes = {
            block.name: (*block.shape[:-1], own[block.name]) if block.name in own else (features,) for block in blocks
        }
        # a shared block is refused when it is asked for; an observed one never is
        self.steps = nn.ModuleDict({
            block.name: Conditional(block, seen(blocks, block), width, layers, 2, shapes[block.name])
            for block in blocks
        })  # fmt: skip
        self.merge = merge
        self.floor = floor

    def at(
        self,
        block: Block,
        features: Features,
        before: Mapping[str, Tensor],
        prior: Distribution,
        groups: Groups,
    ) -> DiagonalGaussian:
        refuse_shared(block, "ladder")
        mean, log_variance = self.steps[block.name](before, features[self.sources[block.name]])
        log_variance = bounded(log_variance)
        if not isinstance(prior, DiagonalGaussian):
            zeros = torch.zeros_like(mean)
            prior = DiagonalGaussian(zeros, zeros)
        if self.merge == PRECISION:
            found = product(mean, log_variance, prior)
        else:
            found = DiagonalGaussian(prior.mean + mean, prior.log_variance + log_variance)
        return DiagonalGaussian(found.mean, found.log_variance.clamp(min=self.floor))


@dataclass(frozen=True, kw_only=True)
class LadderPosteriorSettings:
    """Gaussians that correct the prior's, block by block."""

    merge: str = setting(
        RESIDUAL, help="how what is seen meets the prior: as a change of its mean and log variance, or as a product of "
        "Gaussians", choices=(RESIDUAL, PRECISION),
    )  # fmt: skip
    width: int = setting(128, help="width of each block's network", ge=1, le=8192)
    layers: int = setting(2, help="residual layers of each block's network", ge=0, le=32)
    log_variance_floor: float = setting(-16.0, help="smallest log variance of a dimension", ge=-40.0, le=0.0)

    def build(self, blocks: Sequence[Block], features: int, own: Own | None = None) -> LadderPosterior:
        return LadderPosterior(
            blocks, features, own or {}, self.width, self.layers, self.merge, self.log_variance_floor
        )
