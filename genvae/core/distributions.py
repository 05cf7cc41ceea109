"""Distributions over one block, and what each can do.

A tool asks for a capability before it uses it, and refuses with the capability's name when it is
missing; so a prior without a density (an adversarial one, say) still trains and samples.
"""

from __future__ import annotations

import enum
import math
from abc import ABC, abstractmethod

import torch
from jaxtyping import Float
from torch import Tensor

from genvae.errors import LacksCapability


class Capability(enum.Enum):
    DENSITY = "has a density"
    CLOSED_FORM_KL = "has a closed-form KL from a diagonal Gaussian"
    FACTORISED = "factorises over dimensions (for coding)"
    TRANSPORT = "pushes noise to a latent and pulls a latent to noise"


class Distribution(ABC):
    """A distribution over a block, one row a draw."""

    capabilities: frozenset[Capability] = frozenset()

    @property
    @abstractmethod
    def mean(self) -> Float[Tensor, "n ..."]:
        """The mean of each row."""

    @abstractmethod
    def push(self, noise: Float[Tensor, "n ..."]) -> Float[Tensor, "n ..."]:
        """Standard normal noise to a draw; differentiable in the distribution's parameters."""

    def pull(self, value: Float[Tensor, "n ..."]) -> Float[Tensor, "n ..."]:
        """The noise that ``push`` turns into ``value``."""
        raise LacksCapability(f"{type(self).__name__} does not pull a latent back to noise")

    def log_prob(self, value: Float[Tensor, "n ..."]) -> Float[Tensor, " n"]:
        """Log density of each row, in nats."""
        raise LacksCapability(f"{type(self).__name__} has no density")

    def take(self, rows: Tensor) -> Distribution:
        """Some of the rows."""
        raise LacksCapability(f"{type(self).__name__} cannot be taken row by row")


class DiagonalGaussian(Distribution):
    """Independent normal distributions, by mean and log variance."""

    capabilities = frozenset(Capability)

    def __init__(self, mean: Float[Tensor, "n ..."], log_variance: Float[Tensor, "n ..."]) -> None:
        self._mean = mean
        self.log_variance = log_variance

    @property
    def mean(self) -> Float[Tensor, "n ..."]:
        return self._mean

    @property
    def scale(self) -> Float[Tensor, "n ..."]:
        """The standard deviation of each dimension."""
        return (0.5 * self.log_variance).exp()

    def push(self, noise: Float[Tensor, "n ..."]) -> Float[Tensor, "n ..."]:
        """The reparameterisation of Kingma and Welling (2014): mean + scale * noise."""
        return self._mean + self.scale * noise

    def pull(self, value: Float[Tensor, "n ..."]) -> Float[Tensor, "n ..."]:
        return (value - self._mean) / self.scale

    def log_prob(self, value: Float[Tensor, "n ..."]) -> Float[Tensor, " n"]:
        nats = 0.5 * (self.pull(value).square() + self.log_variance + math.log(2 * math.pi))
        return -nats.flatten(1).sum(1)

    def take(self, rows: Tensor) -> DiagonalGaussian:
        return DiagonalGaussian(self._mean[rows], self.log_variance[rows])


def kl(q: Distribution, p: Distribution) -> Float[Tensor, "n ..."] | None:
    """KL(q || p) of each dimension in nats, in closed form; None where there is none."""
    if not (isinstance(q, DiagonalGaussian) and isinstance(p, DiagonalGaussian)):
        return None
    gap = (q.mean - p.mean).square() / p.log_variance.exp()
    ratio = q.log_variance - p.log_variance
    return 0.5 * (gap + torch.expm1(ratio) - ratio)
