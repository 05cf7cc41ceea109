"""The standard normal prior."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from genvae.core.distributions import Capability, DiagonalGaussian
from genvae.core.latents import Block
from genvae.core.priors.base import Prior


class StandardNormal(Prior):
    """N(0, I) for every block, whatever stands before it."""

    capabilities = frozenset(Capability)
    _anchor: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("_anchor", torch.zeros(()), persistent=False)  # knows the device

    def at(self, block: Block, before: Mapping[str, Tensor], rows: int) -> DiagonalGaussian:
        zeros = self._anchor.expand(rows, *block.shape)
        return DiagonalGaussian(zeros, zeros)


@dataclass(frozen=True, kw_only=True)
class StandardNormalSettings:
    """The standard normal prior has nothing to set."""

    def build(self, blocks: Sequence[Block]) -> StandardNormal:
        return StandardNormal()
