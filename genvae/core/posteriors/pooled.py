"""A posterior of what a group shares from a summary of its items (Zaheer, Kottur, Ravanbakhsh, Poczos, Salakhutdinov
and Smola, "Deep Sets", 2017; as the encoder of a latent: Garnelo et al., "Neural Processes", 2018).

A product of Gaussians adds up what each item says by itself. Here the items' statements are averaged by how sure each
is, and a network reads the average, so that it may hear what they say together:

    s = sum over i of w_i h_i / (1 + sum over i of w_i),        m = (1 - v) f(s, log(1 + sum over i of w_i)),
    1 / v = 1 + sum over i of p_i,

with w_i, h_i and p_i from each item's features. The width v is still that of a product: an item more never widens it,
and a group without evidence has N(0, 1).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from genvae.core.distributions import DiagonalGaussian, Distribution
from genvae.core.latents import Block, Groups
from genvae.core.posteriors.base import BlockHeads, Features, Own, Posterior
from genvae.errors import LacksCapability
from genvae.settings import setting

SUREST = 12.0  # log precision, or log weight, of one item


class Pool(nn.Module):
    """One shared block from the features of a group's given items."""

    def __init__(self, block: Block, features: int, own: Own, width: int, layers: int, floor: float) -> None:
        super().__init__()
        if block.name in own and len(block.shape) > 1:
            raise LacksCapability(f"the pooled posterior shares vectors; block {block.name!r} is {block.shape}")
        self.source = block.name if block.name in own else "summary"
        self.shape, self.size, self.width, self.floor = block.shape, block.size, width, floor
        self.said = nn.Linear(own.get(block.name, features), 2 * width + block.size)
        self.first = nn.Linear(2 * width, width)
        self.layers = nn.ModuleList(nn.Linear(width, width) for _ in range(layers))
        self.last = nn.Linear(width, block.size)

    def forward(self, features: Features, groups: Groups) -> DiagonalGaussian:
        # sums and variances in float32 under mixed precision, too
        said = self.said(features[self.source]).float()
        what, sure, precise = said.split([self.width, self.width, self.size], 1)
        weight = sure.clamp(max=SUREST).exp()
        total = groups.evidence(weight)
        read = torch.cat([groups.evidence(weight * what) / (1.0 + total), total.log1p()], 1)
        hidden = self.first(read)
        for layer in self.layers:
            hidden = hidden + layer(functional.silu(hidden))
        precision = groups.evidence(precise.clamp(max=-self.floor).exp())
        log_variance = -precision.log1p()
        mean = precision / (1.0 + precision) * self.last(functional.silu(hidden)).float()
        return DiagonalGaussian(mean.reshape(-1, *self.shape), log_variance.reshape(-1, *self.shape))


class PooledPosterior(Posterior):
    """q(shared block | the given items of a group) by ``Pool``; the other blocks have a diagonal Gaussian an item."""

    def __init__(self, blocks: Sequence[Block], features: int, own: Own, settings: PooledSettings) -> None:
        super().__init__()
        width, layers, self.floor = settings.pooled_dim, settings.pooled_layers, settings.log_variance_floor
        self.pools = nn.ModuleDict(
            {b.name: Pool(b, features, own, width, layers, self.floor) for b in blocks if b.shared}
        )
        self.heads = BlockHeads([block for block in blocks if not block.shared], features, own, 2)

    def at(
        self,
        block: Block,
        features: Features,
        before: Mapping[str, Tensor],
        prior: Distribution,
        groups: Groups,
    ) -> DiagonalGaussian:
        if block.shared:
            found: DiagonalGaussian = self.pools[block.name](features, groups)
            return found
        mean, log_variance = self.heads.parts(block, features)
        return DiagonalGaussian(mean, log_variance.clamp(min=self.floor))


@dataclass(frozen=True, kw_only=True)
class PooledSettings:
    """Gaussians of shared blocks by a network on what a group's items say together."""

    pooled_dim: int = setting(256, help="width of the summary of a group", ge=1, le=8192)
    pooled_layers: int = setting(2, help="layers that read the summary, each beside what it reads", ge=0, le=16)
    log_variance_floor: float = setting(-12.0, help="smallest log variance that an item gives", ge=-40.0, le=0.0)

    def build(self, blocks: Sequence[Block], features: int, own: Own | None = None) -> PooledPosterior:
        return PooledPosterior(blocks, features, own or {}, self)
