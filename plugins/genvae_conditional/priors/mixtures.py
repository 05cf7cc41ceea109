"""A mixture of Gaussians with whole covariances for each value of a condition: as Ghosh et al., "From Variational to
Deterministic Autoencoders" (2020) fit one to the latents of a trained model, which is the model of pictures of
Richardson and Weiss, "On GANs and GMMs" (2018), where the decoder is linear.

It is fitted by expectation maximisation in seconds, a value by itself; training may go on from there by gradient.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from genvae.core.clusters import k_means
from genvae.core.distributions import Capability, Distribution, noise_of, quantile
from genvae.core.latents import Block, block_named
from genvae.core.priors.fitted import AFTER, WHEN, WITH, ConditionedSettings, FittedPrior
from genvae.core.randomness import Stream
from genvae.errors import LacksCapability, SettingError
from genvae.settings import setting

ROUNDS = 6  # of expectation maximisation: in many dimensions a latent soon belongs to one Gaussian
NARROWEST = 1e-4  # of a covariance's mean variance: what every direction has at least
RARE = 1e-6  # weight of a Gaussian that no latent belongs to


@dataclass(frozen=True)
class Gaussians:
    """One mixture: log weights, means and factors, whose products with their transposes are the covariances."""

    log_weights: Float[Tensor, " k"]
    mean: Float[Tensor, "k d"]
    factor: Float[Tensor, "k d d"]  # lower triangular

    def log_prob(self, values: Float[Tensor, "n d"]) -> Float[Tensor, "n k"]:
        """Log weight plus log density of each row under each Gaussian, in nats."""
        apart = (values - self.mean[:, None]).transpose(1, 2)
        noise = torch.linalg.solve_triangular(self.factor, apart, upper=False)
        sizes = self.factor.diagonal(dim1=1, dim2=2).log().sum(1)
        nats = 0.5 * (noise.square() + math.log(2 * math.pi)).sum(1) + sizes[:, None]
        return (self.log_weights[:, None] - nats).T

    def guided(self, without: Gaussians, weight: float) -> Gaussians:
        """self * (self / without) ** (weight - 1), that ratio taken as the same all over each Gaussian."""
        likelier = self.log_prob(self.mean).logsumexp(1) - without.log_prob(self.mean).logsumexp(1)
        return replace(self, log_weights=(self.log_weights + (weight - 1) * likelier).log_softmax(0))

    def rosenblatt(self, given: Float[Tensor, "n d"], *, push: bool) -> Float[Tensor, "n d"]:
        """Noise to values, or back: dimension by dimension through the conditional distribution function of the mixture
        given those before it (Rosenblatt, "Remarks on a Multivariate Transformation", 1952), in float64."""
        mean, factor = self.mean.double(), self.factor.double()
        belief = self.log_weights.double().expand(len(given), -1)  # of each Gaussian, given the dimensions so far
        noise = given.new_zeros(len(mean), len(given), given.shape[1])  # each Gaussian's own
        columns = []
        turn = quantile if push else noise_of
        for d, column in enumerate(given.unbind(1)):
            scale = factor[:, d, d].expand(len(given), -1)
            middle = mean[:, d] + (noise[:, :, :d] @ factor[:, d, :d, None])[:, :, 0].T
            columns.append(turn(belief, middle, scale, column))
            apart = ((columns[-1] if push else column)[:, None] - middle) / scale
            noise[:, :, d] = apart.T
            belief = belief - 0.5 * apart.square() - scale.log()
        return torch.stack(columns, 1)


class ByValue(Distribution):
    """Rows of one mixture or another: ``of`` says of which. No gradient runs through ``push`` and ``pull``."""

    capabilities = frozenset({Capability.DENSITY, Capability.TRANSPORT})

    def __init__(self, mixtures: Sequence[Gaussians], of: Int[Tensor, " n"], shape: tuple[int, ...]) -> None:
        self.mixtures, self.of, self.shape = tuple(mixtures), of, shape

    @property
    def mean(self) -> Float[Tensor, "n ..."]:
        means = [(mixture.log_weights.exp()[:, None] * mixture.mean).sum(0) for mixture in self.mixtures]
        return torch.stack(means)[self.of].reshape(-1, *self.shape)

    def log_prob(self, value: Float[Tensor, "n ..."]) -> Float[Tensor, " n"]:
        found = value.new_zeros(len(value))
        for rows, mixture in self._each():
            found = found.index_copy(0, rows, mixture.log_prob(value[rows].flatten(1)).logsumexp(1))
        return found

    def push(self, noise: Float[Tensor, "n ..."]) -> Float[Tensor, "n ..."]:
        return self._turned(noise, push=True)

    def pull(self, value: Float[Tensor, "n ..."]) -> Float[Tensor, "n ..."]:
        return self._turned(value, push=False)

    @torch.no_grad()
    def _turned(self, given: Tensor, *, push: bool) -> Tensor:
        found = torch.empty_like(given)
        for rows, mixture in self._each():
            turned = mixture.rosenblatt(given[rows].double().flatten(1), push=push)
            found[rows] = turned.reshape(-1, *self.shape).to(given.dtype)
        return found

    def _each(self) -> list[tuple[Tensor, Gaussians]]:
        """The rows of each mixture that has any."""
        parts = [((self.of == number).nonzero()[:, 0], mixture) for number, mixture in enumerate(self.mixtures)]
        return [(rows, mixture) for rows, mixture in parts if len(rows)]

    def take(self, rows: Tensor) -> ByValue:
        return ByValue(self.mixtures, self.of[rows], self.shape)

    def guided(self, without: Distribution, weight: float) -> ByValue:
        """The Gaussians stay; each weighs as its own centre is likelier or less likely than ``without`` the label."""
        assert isinstance(without, ByValue)  # of the same prior and block
        pairs, of = torch.stack([self.of, without.of]).unique(dim=1, return_inverse=True)
        made = [self.mixtures[one].guided(without.mixtures[other], weight) for one, other in pairs.T.tolist()]
        return ByValue(made, of, self.shape)


class Components(nn.Module):
    """The Gaussians of one block, (values, components): of each value of the label, and last of one that is not known.
    Near N(0, I) together at first. A factor is kept as its diagonal, by its logarithm, and what stands left of it, in
    units of the diagonal."""

    def __init__(self, block: Block, values: int, count: int) -> None:
        super().__init__()
        size = block.size
        spread = Stream(torch.initial_seed(), "mixtures").at(block.name).normal(torch.arange(values), count, size)
        # half of the variance lies between the Gaussians and half within
        self.logits = nn.Parameter(torch.zeros(values, count))
        self.mean = nn.Parameter(spread * math.sqrt(0.5))
        self.log_scale = nn.Parameter(torch.full((values, count, size), 0.5 * math.log(0.5)))
        self.left = nn.Parameter(torch.zeros(values, count, size, size))

    def of(self, value: int) -> Gaussians:
        """The mixture of one value."""
        scale = self.log_scale[value].exp()
        eye = torch.eye(scale.shape[1], dtype=scale.dtype, device=scale.device)
        factor = scale[..., None] * (self.left[value].tril(-1) + eye)
        return Gaussians(self.logits[value].log_softmax(0), self.mean[value], factor)

    def forward(self, shares: Float[Tensor, " v"]) -> Gaussians:
        """The mixture of a row: that of its value, or of several values by their shares."""
        several = shares.nonzero()[:, 0].tolist()
        found = [self.of(value) for value in several]
        weights = [shares[value].log() + mixture.log_weights for value, mixture in zip(several, found, strict=True)]
        return Gaussians(torch.cat(weights), torch.cat([m.mean for m in found]), torch.cat([m.factor for m in found]))

    @torch.no_grad()
    def set(self, value: int, fitted: Gaussians) -> None:
        """Take over a mixture."""
        scale = fitted.factor.diagonal(dim1=1, dim2=2)
        self.logits[value] = fitted.log_weights.float()
        self.mean[value] = fitted.mean.float()
        self.log_scale[value] = scale.log().float()
        self.left[value] = (fitted.factor / scale[..., None]).tril(-1).float()


class MixturesPrior(FittedPrior):
    """p(block | label), each block by itself: a mixture for each value, and one for an unknown one (a row of zeros)."""

    def __init__(
        self, label: Block | None, blocks: Sequence[Block], components: int, pull: float, when: str
    ) -> None:  # fmt: skip
        super().__init__(when)
        self.label, self.pull = label, pull
        values = 1 if label is None else label.size + 1
        self.components = nn.ModuleDict({block.name: Components(block, values, components) for block in blocks})

    def _shares(self, before: Mapping[str, Tensor], rows: int) -> Float[Tensor, "n v"]:
        """Of each value, and last of the unknown one."""
        label = None if self.label is None else before.get(self.label.name)
        if self.label is None or label is None:
            known = 0 if self.label is None else self.label.size
            label = torch.zeros(rows, known, device=self.fitted.device)
        if (label < 0).any() or (label.sum(1) > 1 + 1e-4).any():
            raise LacksCapability("prior 'mixtures' is for a class of few values, and its label is none")
        return torch.cat([label, 1.0 - label.sum(1, keepdim=True).clamp(max=1.0)], 1)

    def hears(self, block: Block) -> bool:
        return self.label is not None

    def learned(self, block: Block, before: Mapping[str, Tensor], rows: int) -> ByValue:
        there, of = self._shares(before, rows).unique(dim=0, return_inverse=True)
        return ByValue([self.components[block.name](shares) for shares in there], of, block.shape)

    @torch.no_grad()
    def initialise(
        self, values: Float[Tensor, "n ..."], block: Block, before: Mapping[str, Tensor] | None = None
    ) -> None:
        """Fit every value's mixture to its latents; where no latent is of a value, or of none, to all."""
        part = self.components[block.name]
        assert isinstance(part, Components)
        flat = values.detach().double().flatten(1).cpu()
        shares = self._shares(before or {}, len(flat)).cpu()
        whole = covariance(flat, flat.new_ones(len(flat)), flat.mean(0))
        for value in range(shares.shape[1]):
            own = flat[shares[:, value] == 1.0]
            stream = Stream(value, "mixtures")
            fitted = em(own if len(own) else flat, whole, part.logits.shape[1], self.pull, stream)
            part.set(value, fitted)


def covariance(
    values: Float[Tensor, "n d"], weights: Float[Tensor, " n"], mean: Float[Tensor, " d"]
) -> Float[Tensor, "d d"]:
    """Of weighted vectors around a mean."""
    apart = values - mean
    return (apart * weights[:, None]).T @ apart / weights.sum().clamp(min=RARE)


def em(values: Float[Tensor, "n d"], wider: Float[Tensor, "d d"], count: int, pull: float, stream: Stream) -> Gaussians:
    """A mixture of ``count`` Gaussians by expectation maximisation, from k-means on.

    A covariance is drawn towards that of all values as if ``pull`` of them had it, and that towards ``wider``: the mode
    under an inverse Wishart prior, so a Gaussian of few vectors, or of one, is no needle.
    """
    size = len(values)
    all_of = covariance(values, values.new_ones(size), values.mean(0))
    all_of = (size * all_of + pull * wider) / (size + pull)
    floor = NARROWEST * all_of.diagonal().mean() * torch.eye(values.shape[1], dtype=values.dtype)
    _, nearest = k_means(values, min(count, size), stream)
    share = nn.functional.one_hot(nearest, count).to(values)
    for left in reversed(range(ROUNDS)):
        held = share.sum(0)
        mean = share.T @ values / held.clamp(min=RARE)[:, None]
        mean = torch.where(held[:, None] > 0, mean, values.mean(0))
        each = [covariance(values, share[:, k], mean[k]) for k in range(count)]
        pulled = [(n * own + pull * all_of) / (n + pull) + floor for n, own in zip(held, each, strict=True)]
        log_weights = (held / size).clamp(min=RARE).log().log_softmax(0)
        found = Gaussians(log_weights, mean, torch.linalg.cholesky(torch.stack(pulled)))
        if left:
            share = found.log_prob(values).softmax(1)
    return found


@dataclass(frozen=True, kw_only=True)
class MixturesSettings(ConditionedSettings):
    """A mixture of Gaussians with whole covariances for each value of a condition."""

    label: str | None = setting(None, help="the condition whose values have a mixture each; default: one for all")
    components: int = setting(10, help="Gaussians in the mixture of a value", ge=1, le=1_000)
    pull: float = setting(
        8.0,
        help="each covariance is drawn towards that of all latents of its value as if so many of them had it",
        gt=0.0,
    )
    when: str = setting(AFTER, help=WHEN, choices=(WITH, AFTER))

    def build(self, blocks: Sequence[Block], before: Sequence[Block] = ()) -> MixturesPrior:
        label = None if self.label is None else block_named(before, self.label, "prior 'mixtures'")
        if label is not None and any(block.shared for block in blocks):
            raise SettingError("prior 'mixtures' has no label for blocks that a group shares: its items may differ")
        return MixturesPrior(label, blocks, self.components, self.pull, self.when)
