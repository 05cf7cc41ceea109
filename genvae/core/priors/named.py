"""A language model of latents whose codes are the posteriors of things that an encoder can list: a code for each, as a
language model has a symbol for each word. Where those things lie apart, a vector of the latent names its code for
certain, and what is learned is a language model of names (as over the codes of a VQ-VAE: van den Oord, Vinyals and
Kavukcuoglu, "Neural Discrete Representation Learning", 2017), while the latent stays a real vector with a density."""

from __future__ import annotations

import math

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from genvae.core.likelihoods.linear_cross_entropy import linear_cross_entropy
from genvae.core.priors.codes import LOWEST, Codes, Walk, choose, origin
from genvae.core.priors.fitted import Conditioned, Context, Standard

ROWS = 256  # vectors whose density under all codes is worked out at once
AT_ONCE = 64  # vectors that are named at once: what is compared stays near the processor
MARGIN = 0.05  # of a code's share of the noise: a posterior's mean is its code's centre, and that lies at the edge
STEP = 4  # places that are named before it is asked which rows have ended


class NamedCodes(Codes):
    """Codes with names. The LSTM reads of a vector the weights by which its code is chosen (one table for both, as in
    Press and Wolf, "Using the Output Embedding to Improve Language Models", 2017)."""

    def __init__(
        self, width: int, context: int, hidden: int, narrow: int, codes: int, dropout: float, *,
        last: int | None, sampled: float,
    ) -> None:  # fmt: skip
        super().__init__(width, context, hidden, narrow, codes, dropout, read=narrow)
        # they are what the posterior says. Learned, those of things that never occur would go where others are
        for name in ("centre", "log_variance"):
            value = getattr(self, name).detach()
            delattr(self, name)
            self.register_buffer(name, value)
        self.last = last
        self.sampled = sampled

    @torch.no_grad()
    def names(self, vectors: Float[Tensor, "n d"]) -> Int[Tensor, " n"]:
        """The code under which each vector is likeliest."""
        table, constant = self.table()
        seen = torch.cat([vectors.square(), vectors], 1).to(table.dtype)
        found = [torch.addmm(constant, part, table.T).argmax(1) for part in seen.split(AT_ONCE)]
        return torch.cat(found) if found else torch.zeros(0, dtype=torch.int64, device=vectors.device)

    @torch.no_grad()
    def along(self, vectors: Float[Tensor, "n p d"]) -> Int[Tensor, "n p"]:
        """The names of vectors along their places; after a row's first last thing no more is looked for."""
        rows, places = vectors.shape[:2]
        named = torch.full((rows, places), self.last or 0, dtype=torch.int64, device=vectors.device)
        on = torch.arange(rows, device=vectors.device)
        step = places if self.last is None else STEP
        for first in range(0, places, step):
            some = vectors[on, first : first + step]
            found = self.names(some.flatten(0, 1)).reshape(some.shape[:2])
            if self.last is not None:
                found = found.masked_fill(self.ended(found), self.last)
            named[on, first : first + step] = found
            on = on[found[:, -1] != self.last] if self.last is not None else on
            if not len(on):
                break
        return named

    def read(self, names: Int[Tensor, "*n"]) -> Float[Tensor, "*n narrow"]:
        """What the LSTM reads of codes."""
        return self.wide.weight[names]

    def within(self, vectors: Float[Tensor, "n d"], names: Int[Tensor, " n"]) -> Float[Tensor, " n"]:
        """Log density of each vector under one code, in nats."""
        log_variance = self.log_variance[names].clamp(min=LOWEST)
        square = (vectors - self.centre[names]).square() * (-log_variance).exp()
        return -0.5 * (square + log_variance + math.log(2 * math.pi)).sum(1)

    def ended(self, names: Int[Tensor, "n p"]) -> Bool[Tensor, "n p"]:
        """The places after a row's first last thing: it stands there for certain."""
        if self.last is None:
            return torch.zeros_like(names, dtype=torch.bool)
        there = names == self.last
        return (there.cumsum(1) - there.long()) > 0


class Named(Conditioned):
    """A block's vectors, each from the mixture that the names of those before it give.

    Noise becomes a vector as in ``Recurrent``. In training mode the density is that of each vector's own code alone, a
    bound that is tight where codes lie apart, and as cheap as a language model; otherwise it is that of the mixture.
    """

    def __init__(self, net: NamedCodes, standard: Standard, context: Context) -> None:
        super().__init__(standard, context)
        self.net = net

    def with_context(self, context: Context) -> Named:
        return Named(self.net, self.standard, context)

    def _vectors(self, value: Float[Tensor, "n ..."]) -> Float[Tensor, "n p d"]:
        return self.standard(value).float().reshape(len(value), -1, self.net.centre.shape[1])

    def _states(self, names: Int[Tensor, "n p"], open_: Bool[Tensor, "n p"]) -> Float[Tensor, "m h"]:
        """The LSTM's states at the places that are not certain; nothing is spent on the others."""
        longest = int(open_.sum(1).max()) if len(open_) else 0
        context = self.context.of(Tensor.float)
        return self.net.states(self.net.read(names[:, :longest]), context)[open_[:, :longest]]

    def log_prob(self, value: Float[Tensor, "n ..."]) -> Float[Tensor, " n"]:
        net = self.net
        with torch.autocast(value.device.type, enabled=False):
            vectors = self._vectors(value)
            names = net.along(vectors)
            ended = net.ended(names)
            hidden, mine, own = self._states(names, ~ended), vectors[~ended], names[~ended]
            if net.training:
                narrow = net.narrow(hidden)
                nats = linear_cross_entropy(narrow, net.wide.weight, net.wide.bias, own, net.sampled)
                found = net.within(mine, own) - nats
            else:
                found = torch.cat([
                    (net.logits(part).log_softmax(-1) + net.scored(some)).logsumexp(-1)
                    for part, some in zip(hidden.split(ROWS), mine.split(ROWS), strict=True)
                ])  # fmt: skip
            total = found.new_zeros(len(vectors)).index_add(0, (~ended).nonzero()[:, 0], found)
            if net.last is not None:
                rest = vectors[ended]
                sure = net.within(rest, torch.full((len(rest),), net.last, device=rest.device))
                total = total.index_add(0, ended.nonzero()[:, 0], sure)
            return total - self.standard.scale.log().sum()

    @torch.no_grad()
    def push(self, noise: Float[Tensor, "n ..."]) -> Float[Tensor, "n ..."]:
        net, scale = self.net, self.net.scale
        flat = noise.reshape(len(noise), -1, net.centre.shape[1])
        vectors = flat.clone() if net.last is None else net.centre[net.last] + scale[net.last] * flat
        rows = torch.arange(len(flat), device=flat.device)  # those that have not ended
        walk = Walk(net, self.context)
        read = flat.new_zeros(len(flat), net.narrow.out_features)
        for place in range(flat.shape[1]):
            own = flat[rows, place]
            code, inside = choose(walk.on(read).softmax(-1), own[:, 0].double())
            rest = torch.cat([inside[:, None].to(flat.dtype), own[:, 1:]], 1)
            vectors[rows, place] = net.centre[code] + scale[code] * rest
            names = net.names(vectors[rows, place])
            if net.last is not None:
                on = (names != net.last).nonzero()[:, 0]
                rows, names = rows[on], names[on]
                walk.keep(on)
                if not len(rows):
                    break
            read = net.read(names)
        return self.standard.back(vectors.flatten(1))

    @torch.no_grad()
    def pull(self, value: Float[Tensor, "n ..."]) -> Float[Tensor, "n ..."]:
        net, vectors = self.net, self._vectors(value)
        names = net.along(vectors)
        ended = net.ended(names)
        noise = (vectors - net.centre[names]) / net.scale[names]
        hidden = self._states(names, ~ended)
        parts = zip(hidden.split(ROWS), names[~ended].split(ROWS), noise[~ended][:, 0].split(ROWS), strict=True)
        first = [origin(net.logits(h).softmax(-1).double(), code, left.double(), MARGIN) for h, code, left in parts]
        open_ = noise[~ended]
        open_[:, 0] = torch.cat(first).to(noise.dtype)
        noise[~ended] = open_
        return noise.reshape(value.shape).to(value.dtype)
