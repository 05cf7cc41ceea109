"""A language model of latents: an LSTM over a block's vectors, one after another, that says of the next one a mixture
over a shared codebook of Gaussians (the mixture density network of Bishop, 1994, made recurrent by Graves,
"Generating Sequences With Recurrent Neural Networks", 2013; the codes are shared by all contexts, as words are)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from genvae.core.clusters import k_means
from genvae.core.latents import Block
from genvae.core.priors.fitted import (
    AFTER,
    SMALLEST_SCALE,
    WHEN,
    WITH,
    Conditioned,
    ConditionedPrior,
    ConditionedSettings,
    Standard,
)
from genvae.core.randomness import Stream
from genvae.errors import SettingError
from genvae.settings import setting

LOWEST = -10.0  # smallest log variance of a code, in the standardised block
SEEN = 150_000  # vectors that the codes are sought in
EDGE = 2.0**-40  # uniform numbers stay this far from 0 and 1: their noise is finite


class Codes(nn.Module):
    """An LSTM and its codebook: k Gaussians of d numbers."""

    def __init__(self, width: int, context: int, settings: RecurrentSettings) -> None:
        super().__init__()
        hidden, codes = settings.hidden, settings.codes
        narrow = settings.narrow or max(hidden // 2, 1)
        self.lstm = nn.LSTM(width + context, hidden, batch_first=True)
        self.dropout = nn.Dropout(settings.dropout)
        self.narrow = nn.Linear(hidden, narrow)
        self.wide = nn.Linear(narrow, codes)
        spread = Stream(torch.initial_seed(), "codes").normal(torch.arange(codes), width)
        # half of the variance lies between the codes and half within
        self.centre = nn.Parameter(spread * math.sqrt(0.5))
        self.log_variance = nn.Parameter(torch.full((codes, width), math.log(0.5)))

    def scored(self, vectors: Float[Tensor, "n d"]) -> Float[Tensor, "n k"]:
        """Log density of each vector under each code, in nats: two products instead of n x k x d differences."""
        log_variance = self.log_variance.clamp(min=LOWEST)
        precision = (-log_variance).exp()
        square = vectors.square() @ precision.T - 2 * vectors @ (self.centre * precision).T
        constant = (self.centre.square() * precision + log_variance + math.log(2 * math.pi)).sum(1)
        return -0.5 * (square + constant)

    def beside(self, vectors: Float[Tensor, "n p d"], context: Float[Tensor, "n c"] | None) -> Tensor:
        """The vectors, each with the context."""
        if context is None:
            return vectors
        return torch.cat([vectors, context[:, None].expand(-1, vectors.shape[1], -1)], -1)

    def log_weights(
        self, vectors: Float[Tensor, "n p d"], context: Float[Tensor, "n c"] | None
    ) -> Float[Tensor, "n p k"]:
        """Log weight of each code at each place, given the vectors before it."""
        before = F.pad(vectors[:, :-1], (0, 0, 1, 0))
        hidden, _ = self.lstm(self.dropout(self.beside(before, context)))
        return self.logits(self.dropout(hidden)).log_softmax(-1)

    def logits(self, hidden: Float[Tensor, "*n h"]) -> Float[Tensor, "*n k"]:
        """The codes' weights, from the LSTM's state."""
        logits: Tensor = self.wide(self.narrow(hidden))
        return logits


class Recurrent(Conditioned):
    """A block's vectors, each from the mixture that those before it give.

    Noise becomes a vector thus: how far the first number lies from 0 chooses the code, the likeliest being the
    nearest; where in the code's share it fell, with its sign, is noise again. So any noise gives one latent, exactly by
    the prior, and less noise gives likelier latents. A latent has as many origins as codes that reach it; ``pull``
    gives the one of the likeliest.
    """

    def __init__(self, net: Codes, standard: Standard, context: Float[Tensor, "n c"] | None, rows: int) -> None:
        super().__init__(standard, context, rows)
        self.net = net

    def with_context(self, context: Float[Tensor, "n c"] | None, rows: int) -> Recurrent:
        return Recurrent(self.net, self.standard, context, rows)

    def _vectors(self, value: Float[Tensor, "n ..."]) -> Float[Tensor, "n p d"]:
        return self.standard(value).reshape(len(value), -1, self.net.centre.shape[1])

    def log_prob(self, value: Float[Tensor, "n ..."]) -> Float[Tensor, " n"]:
        with torch.autocast(value.device.type, enabled=False):
            vectors = self._vectors(value)
            weights = self.net.log_weights(vectors, None if self.given is None else self.given.float())
            each = weights + self.net.scored(vectors.flatten(0, 1)).reshape_as(weights)
            return each.logsumexp(-1).sum(1) - self.standard.scale.log().sum()

    @torch.no_grad()
    def push(self, noise: Float[Tensor, "n ..."]) -> Float[Tensor, "n ..."]:
        flat = noise.reshape(len(noise), -1, self.net.centre.shape[1])
        scale = (0.5 * self.net.log_variance.clamp(min=LOWEST)).exp()
        vector = torch.zeros_like(flat[:, :1])
        state: tuple[Tensor, Tensor] | None = None
        vectors = []
        for place in range(flat.shape[1]):
            hidden, state = self.net.lstm(self.net.beside(vector, self.given), state)
            weights = self.net.logits(hidden[:, 0]).softmax(-1).double()
            code, inside = _choose(weights, flat[:, place, 0].double())
            rest = torch.cat([inside[:, None].to(flat.dtype), flat[:, place, 1:]], 1)
            vector = (self.net.centre[code] + scale[code] * rest)[:, None]
            vectors.append(vector)
        return self.standard.back(torch.cat(vectors, 1).flatten(1))

    @torch.no_grad()
    def pull(self, value: Float[Tensor, "n ..."]) -> Float[Tensor, "n ..."]:
        vectors = self._vectors(value)
        weights = self.net.log_weights(vectors, self.given)
        code = (weights + self.net.scored(vectors.flatten(0, 1)).reshape_as(weights)).argmax(-1)
        scale = (0.5 * self.net.log_variance.clamp(min=LOWEST)).exp()
        noise = (vectors - self.net.centre[code]) / scale[code]
        first = _origin(weights.double().exp().flatten(0, 1), code.flatten(), noise[..., 0].double().flatten())
        noise[..., 0] = first.reshape(noise.shape[:-1]).to(noise.dtype)
        return noise.reshape(value.shape).to(value.dtype)


def _choose(weights: Float[Tensor, "n k"], noise: Float[Tensor, " n"]) -> tuple[Int[Tensor, " n"], Float[Tensor, " n"]]:
    """The code that each row's noise stands for, and what is left of the noise: standard normal again."""
    weights, order = weights.sort(dim=-1, descending=True, stable=True)
    cumulative = weights.cumsum(-1)
    within = torch.special.erf(noise.abs() * math.sqrt(0.5)).clamp(EDGE, 1 - EDGE)[:, None]
    rank = torch.searchsorted(cumulative, within * cumulative[:, -1:], right=True).clamp(max=weights.shape[1] - 1)
    share = weights.gather(1, rank)
    inside = ((within * cumulative[:, -1:] - cumulative.gather(1, rank) + share) / share)[:, 0].clamp(0.0, 1.0)
    return order.gather(1, rank)[:, 0], torch.special.ndtri((0.5 + 0.5 * inside * noise.sign()).clamp(EDGE, 1 - EDGE))


def _origin(weights: Float[Tensor, "n k"], code: Int[Tensor, " n"], left: Float[Tensor, " n"]) -> Float[Tensor, " n"]:
    """The noise that stands for a code and leaves ``left``: the inverse of ``_choose``."""
    share = weights.gather(1, code[:, None])
    place = torch.arange(weights.shape[1], device=weights.device)
    # codes before it in the order of their weights, ties by their number
    ahead = (weights > share) | ((weights == share) & (place < code[:, None]))
    inside = torch.special.erf(left.abs() * math.sqrt(0.5))
    within = ((weights * ahead).sum(1) + share[:, 0] * inside) / weights.sum(1)
    size = -torch.special.ndtri(((1 - within) / 2).clamp(EDGE, 0.5))
    return torch.where(left < 0, -size, size)


def _width(block: Block) -> int:
    return block.shape[-1] if len(block.shape) > 1 else 1


class RecurrentPrior(ConditionedPrior):
    """A codebook and an LSTM for each block, along all its axes but the last; a plain vector is read number by
    number."""

    def __init__(self, settings: RecurrentSettings, blocks: Sequence[Block], before: Sequence[Block] = ()) -> None:
        super().__init__(blocks, settings.when, before)
        self.nets = nn.ModuleDict({
            block.name: Codes(_width(block), self.width(block), settings)
            for block in blocks
        })  # fmt: skip

    def net(self, block: Block) -> Codes:
        """The network of a block."""
        found = self.nets[block.name]
        assert isinstance(found, Codes)
        return found

    def learned(self, block: Block, before: Mapping[str, Tensor], rows: int) -> Recurrent:
        return Recurrent(self.net(block), self.standard(block), self.context(block, before), rows)

    @torch.no_grad()
    def initialise(self, values: Float[Tensor, "n ..."], block: Block) -> None:
        """Standardise the block and find its codes by k-means, whose seeds are chosen by their distance: so vectors
        which are rare and far from others get codes of their own. A code that stands for a hundred rare things draws
        any of them, whatever comes before. Raises SettingError when there are fewer vectors than codes."""
        super().initialise(values, block)
        if block.name not in self.nets:  # one that it only sees
            return
        net = self.net(block)
        count, width = net.centre.shape
        vectors = self.standard(block)(values).reshape(-1, width)
        if len(vectors) < count:
            raise SettingError(
                f"{count} codes need as many vectors to start from; there are {len(vectors)}: lower the prior's codes"
            )
        stream = Stream(0, "codes")
        order = stream.uniform(torch.arange(len(vectors), device=vectors.device), 1)[:, 0].argsort()
        some = vectors[order[:SEEN]]
        centre, label = k_means(some, count, stream.at("seeds"))
        seen = torch.bincount(label, minlength=count).float()
        spread = (some - centre[label]).square()
        # a code of few vectors borrows the spread of all
        within = torch.zeros_like(centre).index_add(0, label, spread) + 4 * spread.mean(0)
        net.centre.copy_(centre)
        net.log_variance.copy_((within / (seen[:, None] + 4)).clamp(min=SMALLEST_SCALE**2).log())
        net.wide.bias.copy_(((seen + 1) / (seen + 1).sum()).log())


@dataclass(frozen=True, kw_only=True)
class RecurrentSettings(ConditionedSettings):
    """An LSTM over a block's vectors with a mixture over a shared codebook."""

    hidden: int = setting(384, help="width of the LSTM's state", ge=2, le=16_384)
    narrow: int | None = setting(
        None,
        help="width between the state and the codes, whose table is most of the weights; default: hidden / 2",
        ge=1,
    )
    codes: int = setting(1024, help="Gaussians in the codebook", ge=1, le=100_000)
    dropout: float = setting(0.0, help="dropout of what the LSTM reads and says", ge=0.0, lt=1.0)
    when: str = setting(AFTER, help=WHEN, choices=(WITH, AFTER))

    def build(self, blocks: Sequence[Block], before: Sequence[Block] = ()) -> RecurrentPrior:
        return RecurrentPrior(self, blocks, before)
