"""What a posterior is: a distribution for each block, from the encoder's features."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence

from jaxtyping import Float
from torch import Tensor, nn

from genvae.core.distributions import Distribution
from genvae.core.latents import Block, Groups
from genvae.errors import LacksCapability

#: What an encoder gives: named features, one row an item. "summary" is one vector an item; a feature with the name of
#: a block of shape (*places, d) is that block's own: (n, *places, width), what was seen at each place.
Features = dict[str, Tensor]

#: The widths of features of blocks' own, by the block's name.
Own = Mapping[str, int]


class BlockHead(nn.Linear):
    """A linear layer from the encoder's features to ``outputs`` tensors of a block's shape: from the block's own
    feature, place by place, where the encoder gives one, else from the summary."""

    def __init__(self, block: Block, features: int, own: Own, outputs: int = 1, bias: bool = True) -> None:
        self.source = block.name if block.name in own else "summary"
        size = block.shape[-1] if block.name in own else block.size
        super().__init__(own.get(block.name, features), outputs * size, bias)
        self.shape = block.shape
        self.outputs = outputs

    def parts(self, features: Features) -> tuple[Float[Tensor, "n ..."], ...]:
        """The tensors, (n, *shape) each; in float32 under mixed precision too: a log variance in bfloat16 has two
        digits."""
        found = self(features[self.source]).float()
        return tuple(part.reshape(-1, *self.shape) for part in found.chunk(self.outputs, -1))


class BlockHeads(nn.ModuleDict):
    """A head for each block, by the block's name."""

    def __init__(self, blocks: Sequence[Block], features: int, own: Own, outputs: int = 1, bias: bool = True) -> None:
        super().__init__({block.name: BlockHead(block, features, own, outputs, bias) for block in blocks})

    def parts(self, block: Block, features: Features) -> tuple[Float[Tensor, "n ..."], ...]:
        """What the block's head gives."""
        head = self[block.name]
        assert isinstance(head, BlockHead)
        return head.parts(features)

    def log_variances(self, block: Block) -> Tensor:
        """The biases of the second of a block's tensors."""
        head = self[block.name]
        assert isinstance(head, BlockHead)
        return head.bias.chunk(2)[1]


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


def refuse_shared(block: Block, posterior_id: str) -> None:
    """Raise LacksCapability for a shared block: for a posterior that looks at items one by one."""
    if block.shared:
        raise LacksCapability(
            f"block {block.name!r} is shared by a group, and the {posterior_id} posterior has no rule to pool a "
            "group's evidence; set posterior=product-of-gaussians"
        )
