"""How much of the latent is used: KL, mutual information, active units."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import torch
from jaxtyping import Float
from torch import Tensor

from genvae.core.distributions import DiagonalGaussian
from genvae.core.latents import Block
from genvae.core.vae import VAE, Draw
from genvae.errors import LacksCapability
from genvae.evaluation.moments import Moments

ROWS = 1024  # rows of the (n, n) table of pairs that are in memory at once
ACTIVE = 0.01  # variance of the posterior mean above which a dimension counts as active (Burda et al. 2016)


@dataclass(frozen=True)
class Usage:
    """How much of the latent is used, in nats per item."""

    kl: float
    mutual_information: float
    active_units: int
    latent_dim: int


def active_units(means: Float[Tensor, "n d"]) -> int:
    """Dimensions whose posterior mean varies over the data by more than ``ACTIVE``."""
    if len(means) < 2:
        return 0
    return int((means.var(0) > ACTIVE).sum())


def mutual_information(
    means: Float[Tensor, "n d"], log_variances: Float[Tensor, "n d"], drawn: Float[Tensor, "n d"]
) -> float:
    """I(x; z) under q, in nats (Hoffman and Johnson 2016): the mean of log q(z|x) - log q(z), where q(z) is
    the mixture of the n posteriors. It cannot exceed log n, which is its bias when the truth is larger."""
    count = len(means)
    # float64: the square, expanded, is a small difference of large numbers where a posterior is narrow
    means, log_variances, drawn = means.double(), log_variances.double(), drawn.double()
    precision = (-log_variances).exp()
    weighted = means * precision
    # log q(z_i | x_j) by its expanded square, matrix products instead of (n, n, d) numbers
    constant = -0.5 * (log_variances + means * weighted).sum(1)
    total = 0.0
    for rows in torch.arange(count).split(ROWS):
        z = drawn[rows]
        pairs = constant - 0.5 * z.square() @ precision.T + z @ weighted.T
        own = pairs[torch.arange(len(rows)), rows]
        total += float((own - pairs.logsumexp(1) + math.log(count)).sum())
    return max(0.0, total / count)


def gaussian_parts(draw: Draw) -> tuple[Tensor, Tensor, Tensor] | None:
    """Means, log variances and drawn values of every block, side by side, one row an item; None when a
    posterior is no diagonal Gaussian."""
    means, log_variances, drawn = [], [], []
    for name, of_rows in draw.posteriors.items():
        value = draw.latents[name]
        if not isinstance(of_rows, DiagonalGaussian):
            return None
        shared = len(of_rows.mean) != len(value)
        posterior = of_rows.take(draw.groups.of_item) if shared else of_rows  # each item has its group's
        means.append(posterior.mean.flatten(1))
        log_variances.append(posterior.log_variance.flatten(1))
        drawn.append(value.flatten(1))
    if not means:
        return None
    return torch.cat(means, 1), torch.cat(log_variances, 1), torch.cat(drawn, 1)


def usage_of(kl: float, parts: list[tuple[Tensor, Tensor, Tensor]], latent_dim: int) -> Usage:
    """The figures of several batches' ``gaussian_parts`` together."""
    if not parts:
        return Usage(kl, 0.0, 0, latent_dim)
    means, log_variances, drawn = (torch.cat(column) for column in zip(*parts, strict=True))
    return Usage(kl, mutual_information(means, log_variances, drawn), active_units(means), latent_dim)


class Pass:
    """The posteriors of items that come in batches.

    Of the rows that the mutual information is to be of, means, variances and draws are kept; of all others running
    sums alone, so memory does not grow with their number.
    """

    def __init__(self, model: VAE) -> None:
        self.model = model
        self.items = 0
        self.lacking = ""  # why there is no KL, if there is none
        self._parts: list[tuple[Tensor, Tensor, Tensor]] = []
        self._means = Moments(full=False)
        self._rates: dict[str, Tensor] = {}
        self._closed = True

    def add(self, draw: Draw, items: int, kept: Tensor | None) -> None:
        """Take in a batch of ``items`` items; ``kept`` (bool, one an item) are those kept, all where it is None."""
        self.items += items
        for block in self.model.blocks:
            if block.name in draw.posteriors and not self.lacking:
                self._add_rate(draw, block)
        gaussian = gaussian_parts(draw)
        if gaussian is None:
            return
        self._means.add(gaussian[0])
        means, log_variances, drawn = gaussian if kept is None else [part[kept] for part in gaussian]
        self._parts.append((means, log_variances, drawn))

    def _add_rate(self, draw: Draw, block: Block) -> None:
        try:
            rate = draw.rate(block).double().sum(0)
        except LacksCapability as error:  # information and active units need no prior
            self.lacking = str(error)
            return
        self._rates[block.name] = self._rates.get(block.name, 0.0) + rate
        self._closed = self._closed and block.name in draw.kl

    @property
    def gaussian(self) -> bool:
        """Whether every posterior was a diagonal Gaussian, as information and active units need."""
        return bool(self._parts) or not self.model.latent_dim

    @property
    def rates(self) -> dict[str, list[float]]:
        """KL of each block's dimensions in nats per item; {} where there is none."""
        return {} if self.lacking else {name: (rate / self.items).tolist() for name, rate in self._rates.items()}

    @property
    def by_dimension(self) -> bool:
        """Whether ``rates`` has a number a dimension, rather than one of the whole block."""
        return self._closed and not self.lacking

    @cached_property
    def usage(self) -> Usage:
        """How much of the latent is used; the KL is not a number where there is none."""
        kl = math.nan if self.lacking else sum(sum(rate) for rate in self.rates.values())
        if not self._parts:
            return Usage(kl, 0.0, 0, self.model.latent_dim)
        means, log_variances, drawn = (torch.cat(column) for column in zip(*self._parts, strict=True))
        active = int((self._means.variance > ACTIVE).sum()) if self._means.count > 1 else 0
        return Usage(kl, mutual_information(means, log_variances, drawn), active, self.model.latent_dim)
