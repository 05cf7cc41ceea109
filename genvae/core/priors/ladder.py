"""Learned conditional Gaussians, block by block: the prior of a ladder (Sønderby, Raiko, Maaløe, Sønderby and Winther,
"Ladder Variational Autoencoders", 2016).

p(z) = p(z_L) p(z_{L-1} | z_L) ... p(z_1 | z_2 ... z_L): the first block is N(0, I), each of the others
N(mean(blocks before), diag(exp(log variance(blocks before)))). Every block sees all blocks before it, as in Maaløe et
al., "BIVA: A Very Deep Hierarchy of Latent Variables for Generative Modeling" (2019), so a step needs no state but
the latents themselves.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from genvae.core.distributions import Capability, DiagonalGaussian
from genvae.core.latents import Block
from genvae.core.priors.base import Prior
from genvae.core.priors.fitted import ConditionedSettings
from genvae.core.randomness import Stream
from genvae.errors import SettingError
from genvae.settings import setting

LOG_VARIANCE = 8.0  # log variances stay within this of where they are counted from
FIRST = 0.1  # share of the last layer's usual first weights: means near 0, variances near 1
CONVOLUTIONS: dict[int, type[nn.Conv1d | nn.Conv2d | nn.Conv3d]] = {1: nn.Conv1d, 2: nn.Conv2d, 3: nn.Conv3d}


def bounded(log_variance: Float[Tensor, "n ..."]) -> Float[Tensor, "n ..."]:
    """Within LOG_VARIANCE of 0, smoothly."""
    return LOG_VARIANCE * torch.tanh(log_variance / LOG_VARIANCE)


def seen(blocks: Sequence[Block], block: Block) -> list[Block]:
    """The blocks that one may depend on: those before it, and for a shared one only the shared among them."""
    return [other for other in blocks[: blocks.index(block)] if other.shared or not block.shared]


class Reading(nn.Module):
    """A linear layer from a tensor of shape (*places, d) to ``width`` numbers at each place of a block.

    From as many axes of places: place by place, resized to the nearest where they differ. From anything else: as one
    vector, the same for every place.
    """

    def __init__(self, shape: Sequence[int], places: Sequence[int], width: int) -> None:
        super().__init__()
        self.places = tuple(places)
        self.by_place = len(shape) - 1 == len(self.places)
        self.shape = tuple(shape)
        self.layer = nn.Linear(shape[-1] if self.by_place else torch.Size(shape).numel(), width)

    def forward(self, value: Float[Tensor, "n ..."]) -> Float[Tensor, "n ..."]:
        if not self.by_place:
            found: Tensor = self.layer(value.flatten(1))
            return found.reshape(len(found), *[1] * len(self.places), -1)
        found = self.layer(value)
        if self.shape[:-1] != self.places:
            found = functional.interpolate(found.movedim(-1, 1), self.places, mode="nearest").movedim(1, -1)
        return found


class Conditional(nn.Module):
    """``outputs`` tensors of a block's shape from blocks before it, and from further tensors where ``given`` has the
    shape of some, (*places, d).

    The places of a block of shape (*places, d) are joined by convolutions of 3 places; a block of shape (d,) has
    linear layers. All layers but the first are residual.
    """

    def __init__(
        self,
        block: Block,
        before: Sequence[Block],
        width: int,
        layers: int,
        outputs: int,
        given: Sequence[int] | None = None,
    ) -> None:
        super().__init__()
        self.shape, self.outputs = block.shape, outputs
        places = block.shape[:-1]
        if places and len(places) not in CONVOLUTIONS:
            raise SettingError(f"a ladder's block has at most 3 axes of places; {block.name!r} has shape {block.shape}")
        self.names = [other.name for other in before]
        self.before = nn.ModuleDict({other.name: Reading(other.shape, places, width) for other in before})
        self.given = None if given is None else Reading(given, places, width)
        # what differs from place to place where all that is read is the same for every place
        self.start = None
        if places:
            number = torch.arange(math.prod(places))
            spread = Stream(torch.initial_seed(), "ladder").at(block.name).normal(number, width)
            self.start = nn.Parameter(0.1 * spread.reshape(*places, width))
        self.layers = nn.ModuleList(
            CONVOLUTIONS[len(places)](width, width, 3, padding=1) if places else nn.Linear(width, width)
            for _ in range(layers)
        )
        self.last = nn.Linear(width, outputs * block.shape[-1])
        with torch.no_grad():
            self.last.weight *= FIRST
            self.last.bias.zero_()

    def forward(
        self, before: Mapping[str, Tensor], given: Float[Tensor, "n ..."] | None = None
    ) -> tuple[Float[Tensor, "n ..."], ...]:
        parts = [self.before[name](before[name]) for name in self.names]
        if self.given is not None and given is not None:
            parts.append(self.given(given))
        if self.start is not None:
            parts.append(self.start)
        hidden = sum(parts[1:], parts[0])
        if self.start is not None:
            hidden = hidden.movedim(-1, 1)
        for layer in self.layers:
            hidden = hidden + layer(functional.silu(hidden))
        if self.start is not None:
            hidden = hidden.movedim(1, -1)
        found = self.last(functional.silu(hidden)).float()
        return tuple(part.reshape(-1, *self.shape) for part in found.chunk(self.outputs, -1))


class LadderPrior(Prior):
    """A network for each block but the first. A block that has nothing before it that it may see is N(0, I)."""

    capabilities = frozenset(Capability)
    _anchor: Tensor

    def __init__(self, blocks: Sequence[Block], width: int, layers: int, before: Sequence[Block] = ()) -> None:
        super().__init__()
        known = [*before, *blocks]
        self.steps = nn.ModuleDict({
            block.name: Conditional(block, seen(known, block), width, layers, 2)
            for block in blocks
            if seen(known, block)
        })  # fmt: skip
        self.register_buffer("_anchor", torch.zeros(()), persistent=False)  # knows the device

    def hears(self, block: Block) -> bool:
        return block.name in self.steps

    def at(self, block: Block, before: Mapping[str, Tensor], rows: int) -> DiagonalGaussian:
        if block.name not in self.steps:
            zeros = self._anchor.expand(rows, *block.shape)
            return DiagonalGaussian(zeros, zeros)
        mean, log_variance = self.steps[block.name](before)
        return DiagonalGaussian(mean, bounded(log_variance))


@dataclass(frozen=True, kw_only=True)
class LadderPriorSettings(ConditionedSettings):
    """Learned Gaussians of each block given those before it."""

    width: int = setting(128, help="width of each block's network", ge=1, le=8192)
    layers: int = setting(2, help="residual layers of each block's network", ge=0, le=32)

    def build(self, blocks: Sequence[Block], before: Sequence[Block] = ()) -> LadderPrior:
        return LadderPrior(blocks, self.width, self.layers, before)
