"""What a posterior is: a distribution for each block, from the encoder's features."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping

from torch import Tensor, nn

from genvae.core.distributions import Distribution
from genvae.core.latents import Block, Groups

#: What an encoder gives: named features, one row an item. "summary" is one vector an item.
Features = dict[str, Tensor]


class Posterior(nn.Module, ABC):
    """q(z|x), block by block."""

    @abstractmethod
    def at(
        self,
        block: Block,
        features: Features,
        before: Mapping[str, Tensor],
        prior: Distribution,
        groups: Groups,
    ) -> Distribution:
        """q(block | x, blocks before): one row an item, or one a group for a shared block.

        ``prior`` is p(block | blocks before), so a posterior may share the prior's top-down path.
        """
