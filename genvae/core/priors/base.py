"""What a prior is: a conditional distribution for each block, given the blocks before it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping

from torch import Tensor, nn

from genvae.core.distributions import Capability, Distribution
from genvae.core.latents import Block
from genvae.errors import LacksCapability


class Prior(nn.Module, ABC):
    """p(z), block by block. ``capabilities`` hold for every block."""

    capabilities: frozenset[Capability] = frozenset()

    @abstractmethod
    def at(self, block: Block, before: Mapping[str, Tensor], rows: int) -> Distribution:
        """p(block | blocks before), ``rows`` rows. ``before`` holds the blocks drawn or observed so far, as
        many rows of each; for a shared block, those of them that are shared."""

    def require(self, capability: Capability, tool: str) -> None:
        """Raise LacksCapability when this prior lacks what a tool needs."""
        if capability not in self.capabilities:
            raise LacksCapability(f"{tool} needs a prior that {capability.value}; {type(self).__name__} does not")
