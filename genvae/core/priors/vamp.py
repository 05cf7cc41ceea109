"""The VampPrior (Tomczak and Welling, "VAE with a VampPrior", 2018): a mixture of the posteriors of learned inputs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from genvae.core.distributions import Capability, DiagonalGaussian, Mixture
from genvae.core.latents import Block, Groups
from genvae.core.posteriors.base import Features
from genvae.core.priors.base import Prior
from genvae.errors import SettingError
from genvae.settings import setting


@runtime_checkable
class ReadsPseudoInputs(Protocol):
    """What an encoder brings for this prior."""

    def pseudo(self, count: int) -> Tensor:
        """Pseudo-inputs to start from, (count, ...): real numbers in whatever space the encoder reads."""

    def read(self, pseudo: Tensor) -> Features:
        """The features of pseudo-inputs, one row each, as the encoder gives them of items."""


class VampPrior(Prior):
    """p(z) = 1/K sum over k of q(z | u_k), the pseudo-inputs u_k learned and read by the model's own encoder.

    The mixture is one of whole latents: given the blocks before, a block's components weigh as much as they
    explain those. A posterior that builds on the prior of a block is given N(0, I) for it.
    """

    capabilities = frozenset({Capability.DENSITY, Capability.TRANSPORT})

    def __init__(self, blocks: Sequence[Block], components: int) -> None:
        super().__init__()
        self.blocks = tuple(blocks)
        self.count = components
        self.register_parameter("pseudo", None)  # its shape is the encoder's to say
        # in tuples, that neither the model nor what it reads become submodules; and a copied model's prior
        # reads by the copied model's encoder
        self._bound: tuple[Any, ...] = ()
        self._kept: tuple[Any, ...] = ()

    def bind(self, model: nn.Module) -> None:
        """Make the pseudo-inputs; raises SettingError when the model's encoder or posterior do not serve."""
        if not self.blocks:
            return
        encoder, posterior = model.encoder, model.posterior
        if not isinstance(encoder, ReadsPseudoInputs):
            raise SettingError(
                f"the vamp prior needs an encoder that reads pseudo-inputs; {type(encoder).__name__} does not: "
                "choose prior=mixture or another architecture"
            )
        assert isinstance(posterior, nn.Module)
        if any(isinstance(module, nn.modules.batchnorm._BatchNorm) for module in posterior.modules()):
            raise SettingError(
                "the vamp prior reads pseudo-inputs beside the batch, so a posterior that depends on its batch does "
                "not serve: choose posterior=diagonal-gaussian or prior=mixture"
            )
        self._bound = (model,)
        self.pseudo = nn.Parameter(encoder.pseudo(self.count).detach().clone())

    def at(self, block: Block, before: Mapping[str, Tensor], rows: int) -> Mixture:
        if not self._bound:
            raise SettingError("the vamp prior is part of no model: give it to a VAE first")
        features = self._features()
        belief = self.pseudo.new_zeros(1, self.count)
        given: dict[str, Tensor] = {}
        for other in self.blocks[: self.blocks.index(block)]:
            if other.name in before and (other.shared or not block.shared):
                value = before[other.name]
                belief = belief + self._mixture(other, features, given, rows, belief).log_prob_of_each(value)
                given[other.name] = value
        return self._mixture(block, features, given, rows, belief)

    def _mixture(
        self, block: Block, features: Features, given: Mapping[str, Tensor], rows: int, belief: Tensor
    ) -> Mixture:
        """The posteriors of a block at each pseudo-input, given the blocks before: (1 or rows, K, *shape)."""
        times, before = 1, dict(given)
        if given:  # a posterior may look at the blocks before: every row meets every pseudo-input
            times = rows
            before = {name: value.repeat_interleave(self.count, 0) for name, value in given.items()}
            features = {name: value.repeat(rows, *[1] * (value.dim() - 1)) for name, value in features.items()}
        total = times * self.count
        zeros = self.pseudo.new_zeros(()).expand(total, *block.shape)
        groups = Groups.each(total, self.pseudo.device)
        q = self._bound[0].posterior.at(block, features, before, DiagonalGaussian(zeros, zeros), groups)
        if not isinstance(q, DiagonalGaussian):
            raise SettingError("the vamp prior mixes diagonal Gaussians; the posterior of this model is another")
        shape = (times, self.count, *block.shape)
        return Mixture(belief, q.mean.reshape(shape), q.log_variance.reshape(shape), rows)

    def _features(self) -> Features:
        """The encoder's features of the pseudo-inputs; read once while no weight moves."""
        model = self._bound[0]
        if self.training or torch.is_grad_enabled():
            self._kept = ()
            return model.encoder.read(self.pseudo)
        weights = (self.pseudo, *model.encoder.parameters(), *model.encoder.buffers())
        version = tuple((weight.data_ptr(), weight._version) for weight in weights)
        if not self._kept or self._kept[0] != version:
            self._kept = (version, model.encoder.read(self.pseudo))
        return self._kept[1]


@dataclass(frozen=True, kw_only=True)
class VampSettings:
    """A mixture of the posteriors of learned pseudo-inputs."""

    components: int = setting(500, help="pseudo-inputs", ge=1, le=10_000)

    def build(self, blocks: Sequence[Block]) -> VampPrior:
        return VampPrior(blocks, self.components)
