"""A posterior of what a group shares from a summary of its items (Zaheer, Kottur, Ravanbakhsh, Poczos, Salakhutdinov
and Smola, "Deep Sets", 2017; as the encoder of a latent: Garnelo et al., "Neural Processes", 2018).

A product of Gaussians adds up what each item says by itself. Here a network reads what they say together:

    m = (1 - v) f(s),        1 / v = 1 + sum over i of p_i,

with p_i from each item's features h_i, and the summary s either their average, each weighed by how sure it is, or
their sum. The width v is still that of a product: an item more never widens it, and a group without evidence has
N(0, 1).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from genvae.core.distributions import DiagonalGaussian, Distribution
from genvae.core.latents import Block, Groups
from genvae.core.posteriors.base import BlockHeads, Features, Own, Posterior
from genvae.errors import LacksCapability
from genvae.settings import setting

SUREST = 12.0  # log weight of one item, at most
FIRST = 2.0  # log precision of one item where training begins: with less, a decoder learns to do without the block
AVERAGE, SUM = "average", "sum"


class Average(nn.Module):
    """sum over i of w_i g_i / (1 + sum over i of w_i), and the logarithm of the weights, each ``width`` numbers."""

    def __init__(self, features: int, width: int) -> None:
        super().__init__()
        self.width = 2 * width
        self.said = nn.Linear(features, 2 * width)

    def forward(self, heard: Float[Tensor, "n f"], groups: Groups) -> Float[Tensor, "g w"]:
        what, sure = self.said(heard).float().chunk(2, 1)
        weight = sure.clamp(max=SUREST).exp()
        total = groups.evidence(weight)
        return torch.cat([groups.evidence(weight * what) / (1.0 + total), total.log1p()], 1)


class Sum(nn.Module):
    """sum over i of h_i: the first layer of a network that reads all items side by side, where each item's features
    are a matrix of its own on what it is."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.width = features

    def forward(self, heard: Float[Tensor, "n f"], groups: Groups) -> Float[Tensor, "g f"]:
        return groups.evidence(heard.float())


class Pool(nn.Module):
    """One shared block from the features of a group's given items."""

    def __init__(self, block: Block, features: int, own: Own, settings: PooledSettings) -> None:
        super().__init__()
        if block.name in own and len(block.shape) > 1:
            raise LacksCapability(f"the pooled posterior shares vectors; block {block.name!r} is {block.shape}")
        self.source = block.name if block.name in own else "summary"
        self.shape, self.floor = block.shape, settings.log_variance_floor
        width = own.get(block.name, features)
        self.precise = nn.Linear(width, block.size)
        with torch.no_grad():
            self.precise.bias.add_(FIRST)
        hidden = settings.pooled_dim
        self.summary = Average(width, hidden) if settings.pooling == AVERAGE else Sum(width)
        self.read = nn.Linear(self.summary.width, hidden)
        self.layers = nn.ModuleList(nn.Linear(hidden, hidden) for _ in range(settings.pooled_layers))
        self.norms = nn.ModuleList(nn.LayerNorm(hidden) for _ in range(settings.pooled_layers + 1))
        self.straight = nn.Linear(self.summary.width, block.size)
        self.last = nn.Linear(hidden, block.size)
        self.dropout = nn.Dropout(settings.pooled_dropout)

    def forward(self, features: Features, groups: Groups) -> DiagonalGaussian:
        heard = features[self.source]
        if groups.given is not None:
            heard, groups = heard[groups.given], Groups(groups.of_item[groups.given], groups.count)
        # sums and variances in float32 under mixed precision, too
        precision = groups.evidence(self.precise(heard).float().clamp(max=-self.floor).exp())
        summary = self.summary(heard, groups)
        hidden = self.norms[0](self.read(summary))
        for layer, norm in zip(self.layers, self.norms[1:], strict=True):
            hidden = hidden + norm(layer(self.dropout(functional.silu(hidden))))
        found = (self.straight(summary) + self.last(self.dropout(functional.silu(hidden)))).float()
        mean = precision / (1.0 + precision) * found
        return DiagonalGaussian(mean.reshape(-1, *self.shape), -precision.log1p().reshape(-1, *self.shape))


class PooledPosterior(Posterior):
    """q(shared block | the given items of a group) by ``Pool``; the other blocks have a diagonal Gaussian an item."""

    def __init__(self, blocks: Sequence[Block], features: int, own: Own, settings: PooledSettings) -> None:
        super().__init__()
        self.floor = settings.log_variance_floor
        self.pools = nn.ModuleDict({b.name: Pool(b, features, own, settings) for b in blocks if b.shared})
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

    pooling: str = setting(
        AVERAGE, help="what the network reads: the items' average, each weighed by how sure it is, or their sum",
        choices=(AVERAGE, SUM),
    )  # fmt: skip
    pooled_dim: int = setting(256, help="width of what reads the summary", ge=1, le=8192)
    pooled_layers: int = setting(2, help="layers that read the summary, each beside what it reads", ge=0, le=16)
    pooled_dropout: float = setting(0.0, help="dropout of the layers that read the summary", ge=0.0, lt=1.0)
    log_variance_floor: float = setting(-12.0, help="smallest log variance that an item gives", ge=-40.0, le=0.0)

    def build(self, blocks: Sequence[Block], features: int, own: Own | None = None) -> PooledPosterior:
        return PooledPosterior(blocks, features, own or {}, self)
