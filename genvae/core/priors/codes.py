"""A shared codebook of Gaussians and the LSTM that says how much each code weighs next."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from genvae.core.posteriors.base import Features
from genvae.core.priors.fitted import Context
from genvae.core.randomness import Stream

LOWEST = -10.0  # smallest log variance of a code, in the standardised block
EDGE = 2.0**-40  # uniform numbers stay this far from 0 and 1: their noise is finite
FEW = 256  # codes that are put in order first: most draws are among the likeliest


@dataclass(frozen=True)
class Listing:
    """The things that can stand at a place of a block, where an encoder can list them: ``count`` of them, their
    ``features`` as it gives them of items, place by place and row by row. ``last`` is the number of the one that
    stands at all places after the first it stands at; None: there is no such thing."""

    features: Features
    count: int
    last: int | None = None


class Codes(nn.Module):
    """An LSTM and its codebook: k Gaussians of d numbers. The LSTM reads ``read`` numbers a place, and a context."""

    centre: Tensor
    log_variance: Tensor

    def __init__(
        self, width: int, context: int, hidden: int, narrow: int, codes: int, dropout: float, read: int | None = None
    ) -> None:
        super().__init__()
        self.lstm = nn.LSTM((read or width) + context, hidden, batch_first=True)
        self.dropout = nn.Dropout(dropout)
        self.narrow = nn.Linear(hidden, narrow)
        self.wide = nn.Linear(narrow, codes)
        spread = Stream(torch.initial_seed(), "codes").normal(torch.arange(codes), width)
        # half of the variance lies between the codes and half within
        self.centre = nn.Parameter(spread * math.sqrt(0.5))
        self.log_variance = nn.Parameter(torch.full((codes, width), math.log(0.5)))

    @property
    def scale(self) -> Float[Tensor, "k d"]:
        """The codes' standard deviations."""
        return (0.5 * self.log_variance.clamp(min=LOWEST)).exp()

    def table(self) -> tuple[Float[Tensor, "k two_d"], Float[Tensor, " k"]]:
        """What a vector's squares and the vector are multiplied with for its log density under each code, in nats, and
        what is added: one product instead of n x k x d differences."""
        log_variance = self.log_variance.clamp(min=LOWEST)
        precision = (-log_variance).exp()
        constant = (self.centre.square() * precision + log_variance + math.log(2 * math.pi)).sum(1)
        return torch.cat([-0.5 * precision, self.centre * precision], 1), -0.5 * constant

    def scored(self, vectors: Float[Tensor, "n d"]) -> Float[Tensor, "n k"]:
        """Log density of each vector under each code, in nats."""
        table, constant = self.table()
        return torch.addmm(constant, torch.cat([vectors.square(), vectors], 1), table.T)

    def beside(self, vectors: Float[Tensor, "n p d"], context: Float[Tensor, "n c"] | None) -> Tensor:
        """The vectors, each with the context."""
        if context is None:
            return vectors
        return torch.cat([vectors, context[:, None].expand(-1, vectors.shape[1], -1)], -1)

    def states(self, read: Float[Tensor, "n p d"], context: Context) -> Float[Tensor, "n p h"]:
        """The LSTM's state at each place, given what it reads of those before it; logits are an affine map of it, so
        the step of guidance between states is that between logits."""
        before = F.pad(read[:, :-1], (0, 0, 1, 0))
        hidden, _ = self.lstm(self.beside(context.wide(self.dropout(before)), context.every))
        return context.step(self.dropout(hidden))

    def log_weights(self, vectors: Float[Tensor, "n p d"], context: Context) -> Float[Tensor, "n p k"]:
        """Log weight of each code at each place, given the vectors before it."""
        return self.logits(self.states(vectors, context)).log_softmax(-1)

    def logits(self, hidden: Float[Tensor, "*n h"]) -> Float[Tensor, "*n k"]:
        """The codes' weights, from the LSTM's state."""
        logits: Tensor = self.wide(self.narrow(hidden))
        return logits


class Walk:
    """The LSTM of some codes along the places of rows, whose state it keeps."""

    def __init__(self, net: Codes, context: Context) -> None:
        self.net, self.context = net, context
        self.state: tuple[Tensor, Tensor] | None = None

    def on(self, read: Float[Tensor, "n d"]) -> Float[Tensor, "n k"]:
        """The codes' weights at the next place, by what is read of the one before it."""
        context = self.context
        hidden, self.state = self.net.lstm(self.net.beside(context.wide(read)[:, None], context.every), self.state)
        return self.net.logits(context.step(hidden[:, 0]))

    def keep(self, rows: Int[Tensor, " m"]) -> None:
        """Go on with some of the rows."""
        assert self.state is not None
        each = rows if self.context.without is None else torch.cat([rows, rows + self.context.rows])
        self.state = (self.state[0][:, each], self.state[1][:, each])
        self.context = self.context.take(rows)


def choose(weights: Float[Tensor, "n k"], noise: Float[Tensor, " n"]) -> tuple[Int[Tensor, " n"], Float[Tensor, " n"]]:
    """The code that each row's noise stands for, the likelier the nearer to 0, and what is left of the noise: standard
    normal again. Codes in the order of their weights, ties by their number; only the few likeliest are put in order
    where that is enough."""
    within = torch.special.erf(noise.abs() * math.sqrt(0.5)).clamp(EDGE, 1 - EDGE)[:, None]
    point = within * weights.sum(1, keepdim=True, dtype=torch.float64)
    count = weights.shape[1]
    if count > 4 * FEW:
        order = weights.topk(FEW).indices.sort(-1).values
        code, before, share = _at(weights, order, point)
        # of those that weigh as much as the least of the few, some may be left out
        missing = (share <= weights.gather(1, order).amin(1, keepdim=True))[:, 0].nonzero()[:, 0]
        if len(missing):
            every = torch.arange(count, device=weights.device).expand(len(missing), -1)
            found = _at(weights[missing], every, point[missing])
            for part, rest in zip((code, before, share), found, strict=True):
                part[missing] = rest
    else:
        code, before, share = _at(weights, torch.arange(count, device=weights.device).expand(len(weights), -1), point)
    inside = ((point - before) / share)[:, 0].clamp(0.0, 1.0)
    return code[:, 0], torch.special.ndtri((0.5 + 0.5 * inside * noise.sign()).clamp(EDGE, 1 - EDGE))


def _at(
    weights: Float[Tensor, "n k"], some: Int[Tensor, "n m"], point: Float[Tensor, "n 1"]
) -> tuple[Int[Tensor, "n 1"], Float[Tensor, "n 1"], Float[Tensor, "n 1"]]:
    """Which of some codes (their numbers rise) the running sum of weights, the largest first, reaches a point with;
    the sum before it, and its own weight."""
    falling, order = weights.gather(1, some).double().sort(dim=-1, descending=True, stable=True)
    cumulative = falling.cumsum(-1)
    rank = torch.searchsorted(cumulative, point, right=True).clamp(max=some.shape[1] - 1)
    share = falling.gather(1, rank)
    return some.gather(1, order.gather(1, rank)), cumulative.gather(1, rank) - share, share


def origin(
    weights: Float[Tensor, "n k"], code: Int[Tensor, " n"], left: Float[Tensor, " n"], margin: float = 0.0
) -> Float[Tensor, " n"]:
    """The noise that stands for a code and leaves ``left``: the inverse of ``choose``. It keeps a ``margin``, a share
    of the code's own, from the code before it, so that rounding does not choose that; ``left`` pays for it."""
    share = weights.gather(1, code[:, None])
    place = torch.arange(weights.shape[1], device=weights.device)
    # codes before it in the order of their weights, ties by their number
    ahead = (weights > share) | ((weights == share) & (place < code[:, None]))
    inside = torch.special.erf(left.abs() * math.sqrt(0.5)).clamp(margin, 1 - margin / 500)
    within = ((weights * ahead).sum(1) + share[:, 0] * inside) / weights.sum(1)
    size = -torch.special.ndtri(((1 - within) / 2).clamp(EDGE, 0.5))
    return torch.where(left < 0, -size, size)
