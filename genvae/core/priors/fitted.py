"""Priors that can be learned after training, from the latents of a model that is done."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from genvae.core.distributions import Capability, DiagonalGaussian, Distribution
from genvae.core.latents import Block
from genvae.core.priors.base import Prior
from genvae.core.randomness import Stream
from genvae.errors import LacksCapability

#: the choices of the setting ``when``
AFTER, WITH = "after", "with"
WHEN = "learned with the model, or after training by a phase that fits it (until then the prior is N(0, I))"

SMALLEST_SCALE = 1e-3  # of a dimension that hardly varies


class FittedPrior(Prior):
    """A prior that is N(0, I), closed-form KL and all, until it is fitted; or, ``when`` is "with", one that is
    learned with the model and in use from the start.

    A phase fits it by ``initialise`` and ``loss`` and ends with ``mark_fitted``. The buffer ``fitted`` is saved.
    """

    learned_capabilities: ClassVar[frozenset[Capability]] = frozenset({Capability.DENSITY, Capability.TRANSPORT})
    fitted: Tensor

    def __init__(self, when: str = AFTER) -> None:
        super().__init__()
        self.when = when
        self.register_buffer("fitted", torch.tensor(False))

    @property
    def in_use(self) -> bool:
        """Whether the learned distribution stands, not N(0, I)."""
        return self.when == WITH or bool(self.fitted)

    @property
    def awaits(self) -> bool:
        return not self.in_use

    @property
    def capabilities(self) -> frozenset[Capability]:
        return self.learned_capabilities if self.in_use else frozenset(Capability)

    def mark_fitted(self, fitted: bool = True) -> None:
        """From here on the learned distribution is the prior."""
        self.fitted.fill_(fitted)

    @abstractmethod
    def learned(self, block: Block, before: Mapping[str, Tensor], rows: int) -> Distribution:
        """The learned p(block | blocks before), fitted or not."""

    def at(self, block: Block, before: Mapping[str, Tensor], rows: int) -> Distribution:
        if self.in_use:
            return self.learned(block, before, rows)
        zeros = torch.zeros((), device=self.fitted.device).expand(rows, *block.shape)
        return DiagonalGaussian(zeros, zeros)

    def loss(
        self,
        block: Block,
        values: Float[Tensor, "n ..."],
        before: Mapping[str, Tensor],
        stream: Stream,
        items: Int[Tensor, " n"],
    ) -> Float[Tensor, " n"]:
        return -self.learned(block, before, len(values)).log_prob(values)


class Standard(nn.Module):
    """A block's numbers as one vector, brought to mean 0 and standard deviation 1 once ``measure`` has seen some."""

    mean: Tensor
    scale: Tensor

    def __init__(self, block: Block) -> None:
        super().__init__()
        self.shape = block.shape
        self.register_buffer("mean", torch.zeros(block.size))
        self.register_buffer("scale", torch.ones(block.size))

    def measure(self, values: Float[Tensor, "n ..."], alike: bool = False) -> None:
        """Mean and scale of each number; ``alike``: of each along the last axis, the same for all vectors."""
        flat = values.detach().double().flatten(1)
        seen = flat.reshape(-1, self.shape[-1]) if alike else flat
        times = flat.shape[1] // seen.shape[1]
        self.mean.copy_(seen.mean(0).repeat(times))
        self.scale.copy_(seen.std(0, correction=0).clamp(min=SMALLEST_SCALE).repeat(times))

    def forward(self, values: Float[Tensor, "n ..."]) -> Float[Tensor, "n size"]:
        # float32 under mixed precision; float64 where a transport asks for it
        flat = values.flatten(1)
        flat = flat if flat.dtype == torch.float64 else flat.float()
        return (flat - self.mean) / self.scale

    def back(self, flat: Float[Tensor, "n size"]) -> Float[Tensor, "n ..."]:
        return (flat * self.scale + self.mean).reshape(-1, *self.shape)


class ConditionedPrior(FittedPrior):
    """A learned prior whose blocks see the blocks before them, all standardised and side by side. It may be the prior
    of some blocks only and see others, which come ``before``."""

    def __init__(self, blocks: Sequence[Block], when: str, before: Sequence[Block] = ()) -> None:
        super().__init__(when)
        self.standards = nn.ModuleDict({block.name: Standard(block) for block in (*before, *blocks)})
        # a shared block can depend on shared blocks alone. What comes before stands last, so that more of it (a
        # condition, say) leaves the columns of a network's matrices where they are
        self.seen = {
            block.name: [other for other in (*blocks[:place], *before) if other.shared or not block.shared]
            for place, block in enumerate(blocks)
        }

    def width(self, block: Block) -> int:
        """How many numbers a block is given."""
        return sum(other.size for other in self.seen[block.name])

    def standard(self, block: Block) -> Standard:
        """What standardises a block."""
        found = self.standards[block.name]
        assert isinstance(found, Standard)
        return found

    def hears(self, block: Block) -> bool:
        return bool(self.seen.get(block.name))

    def context(self, block: Block, before: Mapping[str, Tensor], rows: int) -> Context:
        """The blocks before one, of so many rows."""
        parts = [self.standard(other)(before[other.name]) for other in self.seen[block.name]]
        return Context(torch.cat(parts, 1) if parts else None, rows)

    def initialise(
        self, values: Float[Tensor, "n ..."], block: Block, before: Mapping[str, Tensor] | None = None
    ) -> None:
        """Standardise a block by the mean and scale of its latents."""
        self.standard(block).measure(values)


class ConditionedSettings(ABC):
    """Base of the settings of every prior whose blocks can see blocks before them: conditions among these."""

    @abstractmethod
    def build(self, blocks: Sequence[Block], before: Sequence[Block] = ()) -> Prior:
        """The prior of some blocks that sees those before them."""


@dataclass(frozen=True)
class Context:
    """What ``rows`` rows are told of the blocks before them, (n, c); None where there are no such blocks.

    Under guidance a network is asked twice: ``without`` is what the rows are told where no condition is known, and
    ``weight`` times the step from what is said of that to what is said of ``told`` is made. A network then has 2n rows,
    those that are told first.
    """

    told: Float[Tensor, "n c"] | None
    rows: int
    without: Float[Tensor, "n c"] | None = None
    weight: float = 1.0

    def of(self, change: Callable[[Tensor], Tensor]) -> Context:
        """With what is told changed, its rows apart."""
        told, without = (None if part is None else change(part) for part in (self.told, self.without))
        return replace(self, told=told, without=without)

    def take(self, rows: Tensor) -> Context:
        """Some of the rows."""
        count = len(torch.arange(self.rows, device=rows.device)[rows])
        return replace(self.of(lambda part: part[rows]), rows=count)

    @property
    def every(self) -> Float[Tensor, "m c"] | None:
        """What a network's rows are told."""
        return self.told if self.told is None or self.without is None else torch.cat([self.told, self.without])

    def wide(self, value: Float[Tensor, "n ..."]) -> Float[Tensor, "m ..."]:
        """A value of each row for each of the network's."""
        return value if self.without is None else torch.cat([value, value])

    def parted(self, value: Float[Tensor, "m ..."]) -> tuple[Tensor, Tensor]:
        """What the network's rows say: told, and without."""
        told, without = value.chunk(2)
        return told, without

    def step(self, value: Float[Tensor, "m ..."]) -> Float[Tensor, "n ..."]:
        """What the network's rows say as one number a row: the step is made in these numbers."""
        if self.without is None:
            return value
        told, without = self.parted(value)
        return without + self.weight * (told - without)


class Conditioned(Distribution):
    """What the distributions of a ``ConditionedPrior`` share: rows that differ by their context alone, and no mean
    in closed form."""

    capabilities = frozenset({Capability.DENSITY, Capability.TRANSPORT})

    def __init__(self, standard: Standard, context: Context) -> None:
        self.standard = standard
        self.context = context

    @abstractmethod
    def with_context(self, context: Context) -> Conditioned:
        """The same distribution, of other rows."""

    def take(self, rows: Tensor) -> Conditioned:
        return self.with_context(self.context.take(rows))

    def guided(self, without: Distribution, weight: float) -> Conditioned:
        """The network's own numbers are guided, wherever it is asked."""
        assert isinstance(without, type(self))  # of the same prior and block
        return self.with_context(replace(self.context, without=without.context.told, weight=weight))

    @property
    def mean(self) -> Float[Tensor, "n ..."]:
        """None in closed form: raises LacksCapability."""
        raise LacksCapability(f"the mean of {type(self).__name__} has no closed form: average what it draws")
