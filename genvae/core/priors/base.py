"""What a prior is: a conditional distribution for each block, given the blocks before it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping

from jaxtyping import Float, Int
from torch import Tensor, nn

from genvae.core.distributions import Capability, Distribution
from genvae.core.latents import Block
from genvae.core.randomness import Stream
from genvae.errors import LacksCapability


class Prior(nn.Module, ABC):
    """p(z), block by block. ``capabilities`` hold for every block."""

    @property
    def capabilities(self) -> frozenset[Capability]:
        """What its distributions can do: a class attribute, or a property where that changes."""
        return frozenset()

    @property
    def costly(self) -> bool:
        """Whether what it learns has a density without a gradient, and one that costs so much more than all else that
        who asks for it should look at few items."""
        return False

    @property
    def awaits(self) -> bool:
        """Whether it is to be fitted after training, and has not been: it is N(0, I) until then."""
        return False

    @property
    def least(self) -> int:
        """The fewest latents that it can be fitted to."""
        return 1

    @abstractmethod
    def at(self, block: Block, before: Mapping[str, Tensor], rows: int) -> Distribution:
        """p(block | blocks before), ``rows`` rows. ``before`` holds the blocks drawn or observed so far, as
        many rows of each; for a shared block, those of them that are shared."""

    def hears(self, block: Block) -> bool:
        """Whether the blocks before one change what it says of that. By default they do not."""
        return False

    def bind(self, model: nn.Module) -> None:
        """Told of the VAE it is part of, when that is made. It must not make the model a submodule."""

    def initialise(
        self, values: Float[Tensor, "n ..."], block: Block, before: Mapping[str, Tensor] | None = None
    ) -> None:
        """A start from the data: latents of a block, (n, *shape), and what the same items have in the blocks before it.
        By default none is needed."""

    def mark_fitted(self, fitted: bool = True) -> None:
        """Told that it has been fitted to latents. By default there is nothing to remember."""

    def loss(
        self,
        block: Block,
        values: Float[Tensor, "n ..."],
        before: Mapping[str, Tensor],
        stream: Stream,
        items: Int[Tensor, " n"],
    ) -> Float[Tensor, " n"]:
        """What a phase that fits the prior to given latents minimises, a row each: -log p(value | before) in
        nats, unless the prior says otherwise. ``items`` key the draws it may need from ``stream``."""
        return -self.at(block, before, len(values)).log_prob(values)

    def require(self, capability: Capability, tool: str) -> None:
        """Raise LacksCapability when this prior lacks what a tool needs."""
        if capability not in self.capabilities:
            raise LacksCapability(f"{tool} needs a prior that {capability.value}; {type(self).__name__} does not")
