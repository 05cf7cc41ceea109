"""Distributions over one block, and what each can do.

A tool asks for a capability before it uses it, and refuses with the capability's name when it is
missing; so a prior without a density (an adversarial one, say) still trains and samples.
Transport of a mixture is the transform of Rosenblatt, "Remarks on a Multivariate Transformation" (1952).
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
        """Standard normal noise to a draw. A posterior's is differentiable in its parameters; a prior's need not be."""

    def pull(self, value: Float[Tensor, "n ..."]) -> Float[Tensor, "n ..."]:
        """The noise that ``push`` turns into ``value``."""
        raise LacksCapability(f"{type(self).__name__} does not pull a latent back to noise")

    def log_prob(self, value: Float[Tensor, "n ..."]) -> Float[Tensor, " n"]:
        """Log density of each row, in nats."""
        raise LacksCapability(f"{type(self).__name__} has no density")

    def take(self, rows: Tensor) -> Distribution:
        """Some of the rows."""
        raise LacksCapability(f"{type(self).__name__} cannot be taken row by row")

    def guided(self, without: Distribution, weight: float) -> Distribution:
        """What is in proportion to without ** (1 - weight) * self ** weight (classifier-free guidance: Ho and Salimans,
        2022), or comes near it in a family that can be drawn from; ``without`` is what would stand here if no condition
        were known."""
        raise LacksCapability(f"{type(self).__name__} takes no guidance: leave it out")


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

    def guided(self, without: Distribution, weight: float) -> DiagonalGaussian:
        """In the natural parameters; a mixture counts as the Gaussian of its mean and variance."""
        other = without.moments() if isinstance(without, Mixture) else without
        if not isinstance(other, DiagonalGaussian):
            raise LacksCapability(f"a Gaussian is not guided away from {type(without).__name__}: leave guidance out")
        return DiagonalGaussian(*product(self._mean, self.log_variance, other.mean, other.log_variance, weight))


def product(
    mean: Float[Tensor, "*n"],
    log_variance: Float[Tensor, "*n"],
    other_mean: Float[Tensor, "*n"],
    other_log_variance: Float[Tensor, "*n"],
    weight: float,
) -> tuple[Float[Tensor, "*n"], Float[Tensor, "*n"]]:
    """Mean and log variance of what is in proportion to other ** (1 - weight) * N(mean, variance) ** weight.

    Above a weight of 1 the other counts as no narrower than N(mean, variance): else there may be no such Gaussian. So
    none is wider than that, and the mean goes no farther than (weight - 1) (mean - other mean).
    """
    narrower = (log_variance - other_log_variance).exp()  # the other's precision, in units of this one's
    if weight > 1:
        narrower = narrower.clamp(max=1.0)
    precision = weight + (1 - weight) * narrower
    return mean + (weight - 1) * narrower / precision * (mean - other_mean), log_variance - precision.log()


class Mixture(Distribution):
    """A mixture of diagonal Gaussians, ``rows`` rows of it; r is 1 where all rows share components or weights.

    Noise becomes a draw one dimension after the other, each through the conditional distribution function of the
    mixture given those before it; so it is a smooth map that grows in each dimension's own noise. No gradient
    runs through ``push`` and ``pull``; ``log_prob`` is differentiable in everything.
    """

    capabilities = frozenset({Capability.DENSITY, Capability.TRANSPORT})

    def __init__(
        self,
        log_weights: Float[Tensor, "r k"],
        mean: Float[Tensor, "s k ..."],
        log_variance: Float[Tensor, "s k ..."],
        rows: int,
    ) -> None:
        self.log_weights = log_weights.log_softmax(1)
        self.means = mean
        self.log_variances = log_variance
        self.rows = rows

    @property
    def mean(self) -> Float[Tensor, "n ..."]:
        weights = self.log_weights.exp().reshape(*self.log_weights.shape, *[1] * (self.means.dim() - 2))
        return (weights * self.means).sum(1).expand(self.rows, *self.means.shape[2:])

    def moments(self) -> DiagonalGaussian:
        """The Gaussian of the same means and variances."""
        weights = self.log_weights.exp().reshape(*self.log_weights.shape, *[1] * (self.means.dim() - 2))
        mean = self.mean
        spread = self.log_variances.exp() + (self.means - mean[:, None]).square()
        return DiagonalGaussian(mean, (weights * spread).sum(1).log())

    def log_prob(self, value: Float[Tensor, "n ..."]) -> Float[Tensor, " n"]:
        return (self.log_weights + self.log_prob_of_each(value)).logsumexp(1)

    def log_prob_of_each(self, value: Float[Tensor, "n ..."]) -> Float[Tensor, "n k"]:
        """Log density of each row under each component alone, in nats."""
        gap = (value[:, None] - self.means) * (-0.5 * self.log_variances).exp()
        nats = 0.5 * (gap.square() + self.log_variances + math.log(2 * math.pi))
        return -nats.flatten(2).sum(2)

    def push(self, noise: Float[Tensor, "n ..."]) -> Float[Tensor, "n ..."]:
        return self._rosenblatt(noise, push=True)

    def pull(self, value: Float[Tensor, "n ..."]) -> Float[Tensor, "n ..."]:
        return self._rosenblatt(value, push=False)

    @torch.no_grad()
    def _rosenblatt(self, given: Tensor, *, push: bool) -> Tensor:
        means = self.means.double().flatten(2)
        scales = (0.5 * self.log_variances).double().exp().flatten(2)
        belief = self.log_weights.double().expand(len(given), -1)  # of each component, given the dimensions so far
        columns = []
        for d, column in enumerate(given.double().flatten(1).unbind(1)):
            mean, scale = means[:, :, d], scales[:, :, d]
            turn = quantile if push else noise_of
            columns.append(turn(belief, mean, scale, column))
            value = columns[-1] if push else column
            belief = belief - 0.5 * ((value[:, None] - mean) / scale).square() - scale.log()
        return torch.stack(columns, 1).reshape(given.shape).to(given.dtype)

    def take(self, rows: Tensor) -> Mixture:
        weights, means, log_variances = (
            part if len(part) == 1 else part[rows] for part in (self.log_weights, self.means, self.log_variances)
        )
        return Mixture(weights, means, log_variances, len(torch.arange(self.rows, device=rows.device)[rows]))


FARTHEST = 37.0  # standard deviations; float64 holds the normal distribution function down to about here
SMALLEST = 1e-300
ITERATIONS = 200  # bisection alone needs some 60


def noise_of(
    logits: Float[Tensor, "*#n k"],
    mean: Float[Tensor, "*#n k"],
    scale: Float[Tensor, "*#n k"],
    value: Float[Tensor, "*n"],
) -> Float[Tensor, "*n"]:
    """Where values stand in a mixture of one-dimensional Gaussians, as standard normal noise (within ``FARTHEST``)."""
    weights, apart = logits.softmax(-1), (value[..., None] - mean) / scale
    below, above = _share_below(weights, apart), _share_below(weights, -apart)
    # from the side of the nearer tail: next to 1 a share has lost its digits
    size = torch.special.ndtri(torch.minimum(below, above).clamp(min=SMALLEST)).clamp(min=-FARTHEST)
    return torch.where(below < above, size, -size)


def quantile(
    logits: Float[Tensor, "#n k"],
    mean: Float[Tensor, "#n k"],
    scale: Float[Tensor, "#n k"],
    noise: Float[Tensor, " n"],
) -> Float[Tensor, " n"]:
    """The inverse of ``noise_of``: Newton's steps inside a bracket, bisection where they do not serve.

    They run on the noise, in which one Gaussian is a straight line. A row stops by itself, so its value does not
    depend on the rows beside it. Float64 is expected.
    """
    weights = logits.softmax(-1)
    side = torch.where(noise > 0, -1.0, 1.0).to(noise.dtype)  # solved in the lower half, where shares are exact
    target, centre = -noise.abs().clamp(max=FARTHEST), side[:, None] * mean
    each = centre + scale * target[:, None]
    low, high = each.amin(1), each.amax(1)
    value, gap_before = (weights * each).sum(1), torch.full_like(noise, math.inf)
    for _ in range(ITERATIONS):
        apart = (value[:, None] - centre) / scale
        found = torch.special.ndtri(_share_below(weights, apart).clamp(SMALLEST, 1 - 1e-16))
        gap = found - target
        low, high = torch.where(gap < 0, value, low), torch.where(gap > 0, value, high)
        density = (weights * (-0.5 * apart.square()).exp() / scale).sum(1)
        newton = value - gap * (-0.5 * found.square()).exp() / density
        serves = (newton > low) & (newton < high) & (gap.abs() < 0.5 * gap_before)
        done = (gap.abs() < 1e-11) | (high - low <= 1e-14 * (low.abs() + high.abs()))
        value = torch.where(done, value, torch.where(serves, newton, 0.5 * (low + high)))
        gap_before = gap.abs()
        if done.all():
            break
    return side * value


def _share_below(weights: Float[Tensor, "*#n k"], apart: Float[Tensor, "*n k"]) -> Float[Tensor, "*n"]:
    """The distribution function of a mixture, values given in standard deviations from each component."""
    return (weights * (0.5 * torch.erfc(apart * -math.sqrt(0.5)))).sum(-1)


def kl(q: Distribution, p: Distribution) -> Float[Tensor, "n ..."] | None:
    """KL(q || p) of each dimension in nats, in closed form; None where there is none."""
    if not (isinstance(q, DiagonalGaussian) and isinstance(p, DiagonalGaussian)):
        return None
    gap = (q.mean - p.mean).square() / p.log_variance.exp()
    ratio = q.log_variance - p.log_variance
    return 0.5 * (gap + torch.expm1(ratio) - ratio)
