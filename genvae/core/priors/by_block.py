"""A prior of its own for each block: a standard normal for what is said of the whole item, say, and a language model
for what comes after it, given that."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from jaxtyping import Float, Int
from torch import Tensor, nn

from genvae.core.distributions import Capability, Distribution
from genvae.core.latents import Block, block_named
from genvae.core.priors.base import Prior
from genvae.core.priors.fitted import ConditionedPrior, ConditionedSettings
from genvae.core.priors.standard_normal import StandardNormal
from genvae.core.randomness import Stream
from genvae.errors import SettingError
from genvae.settings import setting


class ByBlock(Prior):
    """Hands each block to the prior it was given; it can do what all of them can."""

    def __init__(self, priors: Mapping[str, Prior]) -> None:
        super().__init__()
        self.priors = nn.ModuleDict(priors)

    def of(self, block: Block) -> Prior:
        """The prior of a block."""
        found = self.priors[block.name]
        assert isinstance(found, Prior)
        return found

    def each(self) -> list[Prior]:
        """All of them."""
        return [prior for prior in self.priors.values() if isinstance(prior, Prior)]

    @property
    def capabilities(self) -> frozenset[Capability]:
        return frozenset(Capability).intersection(*(prior.capabilities for prior in self.each()))

    @property
    def costly(self) -> bool:
        return any(prior.costly for prior in self.each())

    @property
    def awaits(self) -> bool:
        return any(prior.awaits for prior in self.each())

    @property
    def least(self) -> int:
        return max(prior.least for prior in self.each())

    def at(self, block: Block, before: Mapping[str, Tensor], rows: int) -> Distribution:
        return self.of(block).at(block, before, rows)

    def hears(self, block: Block) -> bool:
        return self.of(block).hears(block)

    def bind(self, model: nn.Module) -> None:
        for prior in self.each():
            prior.bind(model)

    def initialise(
        self, values: Float[Tensor, "n ..."], block: Block, before: Mapping[str, Tensor] | None = None
    ) -> None:
        own = self.of(block)
        own.initialise(values, block, before)
        for prior in self.each():  # those that see it standardise what they see
            if prior is not own and isinstance(prior, ConditionedPrior) and block.name in prior.standards:
                prior.initialise(values, block, before)

    def mark_fitted(self, fitted: bool = True) -> None:
        for prior in self.each():
            prior.mark_fitted(fitted)

    def loss(
        self,
        block: Block,
        values: Float[Tensor, "n ..."],
        before: Mapping[str, Tensor],
        stream: Stream,
        items: Int[Tensor, " n"],
    ) -> Float[Tensor, " n"]:
        return self.of(block).loss(block, values, before, stream, items)


@dataclass(frozen=True, kw_only=True)
class ByBlockSettings(ConditionedSettings):
    """A prior for each block, {block: {prior: ID, ...}}; N(0, I) for one that is not named."""

    blocks: Mapping[str, Any] = setting({}, help="the blocks' priors, {block: {prior: ID, ...}}")

    def build(self, blocks: Sequence[Block], before: Sequence[Block] = ()) -> ByBlock:
        made: dict[str, Prior] = {}
        for name, chosen in self.blocks.items():
            block_named(blocks, name, "prior 'by-block'")
            if not hasattr(chosen, "build"):
                raise SettingError(
                    f"prior 'by-block': the prior of block {name!r} is given as {{prior: ID, ...}}; got {chosen!r}"
                )
        for place, block in enumerate(blocks):
            settings = self.blocks.get(block.name)
            if settings is None:
                made[block.name] = StandardNormal()
            elif isinstance(settings, ConditionedSettings):
                made[block.name] = settings.build([block], [*blocks[:place], *before])
            else:
                made[block.name] = settings.build([block])
        return ByBlock(made)
