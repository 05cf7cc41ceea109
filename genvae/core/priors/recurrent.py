"""A language model of latents: an LSTM over a block's vectors, one after another, that says of the next one a mixture
over a shared codebook of Gaussians (the mixture density network of Bishop, 1994, made recurrent by Graves,
"Generating Sequences With Recurrent Neural Networks", 2013; the codes are shared by all contexts, as words are).

The codes are found by k-means, or they are the posteriors of the things that the encoder can list (``named``)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor, nn

from genvae.core.clusters import k_means
from genvae.core.distributions import DiagonalGaussian
from genvae.core.latents import Block, Groups
from genvae.core.priors.codes import Codes, Listing, Walk, choose, origin
from genvae.core.priors.fitted import (
    AFTER,
    SMALLEST_SCALE,
    WHEN,
    WITH,
    Conditioned,
    ConditionedPrior,
    ConditionedSettings,
    Context,
    Standard,
)
from genvae.core.priors.named import Named, NamedCodes
from genvae.core.randomness import Stream
from genvae.errors import SettingError
from genvae.settings import setting

SEEN = 150_000  # vectors that the codes are sought in


@runtime_checkable
class ListsThings(Protocol):
    """What an encoder brings for a code a thing."""

    def listed(self, block: str) -> Listing | None:
        """The things that can stand at a place of a block; None where they cannot be listed."""


class Recurrent(Conditioned):
    """A block's vectors, each from the mixture that those before it give.

    Noise becomes a vector thus: how far the first number lies from 0 chooses the code, the likeliest being the
    nearest; where in the code's share it fell, with its sign, is noise again. So any noise gives one latent, exactly by
    the prior, and less noise gives likelier latents. A latent has as many origins as codes that reach it; ``pull``
    gives the one of the likeliest.
    """

    def __init__(self, net: Codes, standard: Standard, context: Context) -> None:
        super().__init__(standard, context)
        self.net = net

    def with_context(self, context: Context) -> Recurrent:
        return Recurrent(self.net, self.standard, context)

    def _vectors(self, value: Float[Tensor, "n ..."]) -> Float[Tensor, "n p d"]:
        return self.standard(value).reshape(len(value), -1, self.net.centre.shape[1])

    def log_prob(self, value: Float[Tensor, "n ..."]) -> Float[Tensor, " n"]:
        with torch.autocast(value.device.type, enabled=False):
            vectors = self._vectors(value)
            weights = self.net.log_weights(vectors, self.context.of(Tensor.float))
            each = weights + self.net.scored(vectors.flatten(0, 1)).reshape_as(weights)
            return each.logsumexp(-1).sum(1) - self.standard.scale.log().sum()

    @torch.no_grad()
    def push(self, noise: Float[Tensor, "n ..."]) -> Float[Tensor, "n ..."]:
        flat = noise.reshape(len(noise), -1, self.net.centre.shape[1])
        scale = self.net.scale
        vector = torch.zeros_like(flat[:, 0])
        walk = Walk(self.net, self.context)
        vectors = []
        for place in range(flat.shape[1]):
            code, inside = choose(walk.on(vector).softmax(-1).double(), flat[:, place, 0].double())
            rest = torch.cat([inside[:, None].to(flat.dtype), flat[:, place, 1:]], 1)
            vector = self.net.centre[code] + scale[code] * rest
            vectors.append(vector)
        return self.standard.back(torch.stack(vectors, 1).flatten(1))

    @torch.no_grad()
    def pull(self, value: Float[Tensor, "n ..."]) -> Float[Tensor, "n ..."]:
        vectors = self._vectors(value)
        weights = self.net.log_weights(vectors, self.context)
        code = (weights + self.net.scored(vectors.flatten(0, 1)).reshape_as(weights)).argmax(-1)
        scale = self.net.scale
        noise = (vectors - self.net.centre[code]) / scale[code]
        first = origin(weights.double().exp().flatten(0, 1), code.flatten(), noise[..., 0].double().flatten())
        noise[..., 0] = first.reshape(noise.shape[:-1]).to(noise.dtype)
        return noise.reshape(value.shape).to(value.dtype)


def _width(block: Block) -> int:
    return block.shape[-1] if len(block.shape) > 1 else 1


class RecurrentPrior(ConditionedPrior):
    """A codebook and an LSTM for each block, along all its axes but the last; a plain vector is read number by
    number. Without a number of codes there is one for each thing that the encoder of the model lists."""

    def __init__(self, settings: RecurrentSettings, blocks: Sequence[Block], before: Sequence[Block] = ()) -> None:
        super().__init__(blocks, settings.when, before)
        self.settings = settings
        self.own = tuple(blocks)
        self._bound: tuple[Any, ...] = ()  # a tuple, that the model is no submodule
        self.nets = nn.ModuleDict()
        if settings.codes is not None:
            for block in blocks:
                self.nets[block.name] = Codes(_width(block), self.width(block), *settings.sizes, settings.codes,
                                              settings.dropout)  # fmt: skip

    @property
    def least(self) -> int:
        if self.settings.codes is None:
            return 1
        return max((-(-self.settings.codes * _width(block) // block.size) for block in self.own), default=1)

    def bind(self, model: nn.Module) -> None:
        """Make the codes of listed things; raises SettingError where the encoder lists none."""
        if self.settings.codes is not None:
            return
        self._bound = (model,)
        for block in self.own:
            listing = _listing(model, block)
            self.nets[block.name] = NamedCodes(
                _width(block), self.width(block), *self.settings.sizes, listing.count, self.settings.dropout,
                last=listing.last, sampled=self.settings.sampled_gradient,
            )  # fmt: skip

    def net(self, block: Block) -> Codes:
        """The network of a block."""
        if block.name not in self.nets:
            raise SettingError("the recurrent prior without a number of codes is part of no model: give it to a VAE")
        found = self.nets[block.name]
        assert isinstance(found, Codes)
        return found

    def learned(self, block: Block, before: Mapping[str, Tensor], rows: int) -> Recurrent | Named:
        net, standard, context = self.net(block), self.standard(block), self.context(block, before, rows)
        kind: Any = Named if isinstance(net, NamedCodes) else Recurrent
        made: Recurrent | Named = kind(net, standard, context)
        return made

    @torch.no_grad()
    def initialise(
        self, values: Float[Tensor, "n ..."], block: Block, before: Mapping[str, Tensor] | None = None
    ) -> None:
        """Standardise the block, all its vectors alike, and find its codes: by k-means, or by what the posterior says
        of the things that are listed. Raises SettingError when there are fewer vectors than codes."""
        if block.name not in self.nets:  # one that it only sees
            super().initialise(values, block, before)
            return
        self.standard(block).measure(values, alike=len(block.shape) > 1)  # the codes are the same at every place
        net = self.net(block)
        vectors = self.standard(block)(values).reshape(len(values), -1, net.centre.shape[1])
        if isinstance(net, NamedCodes):
            self._of_things(net, vectors, block)
        else:
            _by_k_means(net, vectors.flatten(0, 1))

    def _of_things(self, net: NamedCodes, vectors: Float[Tensor, "n p d"], block: Block) -> None:
        (model,) = self._bound
        listing = _listing(model, block)
        rows = next(iter(listing.features.values())).shape[0]
        zeros = net.centre.new_zeros(()).expand(rows, *block.shape)
        groups = Groups.each(rows, net.centre.device)
        q = model.posterior.at(block, listing.features, {}, DiagonalGaussian(zeros, zeros), groups)
        if not isinstance(q, DiagonalGaussian):
            raise SettingError("codes of listed things are diagonal Gaussians; the posterior of this model is another")
        scale = self.standard(block).scale.reshape(-1, net.centre.shape[1])[0]
        centre = self.standard(block)(q.mean).reshape(-1, net.centre.shape[1])
        log_variance = q.log_variance.reshape_as(centre) - 2 * scale.log()
        net.centre.copy_(centre[: listing.count])
        net.log_variance.copy_(log_variance[: listing.count])
        if not self.fitted:  # else it has learned how often each comes
            names = net.along(_some(vectors, SEEN // vectors.shape[1]))
            seen = torch.bincount(names[~net.ended(names)], minlength=listing.count).float()
            net.wide.bias.copy_(((seen + 1) / (seen + 1).sum()).log())


def _listing(model: Any, block: Block) -> Listing:
    """What the model's encoder lists for a block."""
    listing = model.encoder.listed(block.name) if isinstance(model.encoder, ListsThings) else None
    if listing is None:
        raise SettingError(
            "prior 'recurrent' without codes has one for each thing that the encoder lists, and this one lists none "
            f"for block {block.name!r}: give it a number of codes"
        )
    return listing


def _some(rows: Float[Tensor, "n ..."], count: int) -> Float[Tensor, "m ..."]:
    """At most so many of the rows, drawn at random."""
    order = Stream(0, "codes").uniform(torch.arange(len(rows), device=rows.device), 1)[:, 0].argsort()
    return rows[order[:count]]


def _by_k_means(net: Codes, vectors: Float[Tensor, "n d"]) -> None:
    """Seeds are chosen by their distance: so vectors which are rare and far from others get codes of their own. A code
    that stands for a hundred rare things draws any of them, whatever comes before."""
    count = len(net.centre)
    if len(vectors) < count:
        raise SettingError(
            f"{count} codes need as many vectors to start from; there are {len(vectors)}: lower the prior's codes"
        )
    some = _some(vectors, SEEN)
    centre, label = k_means(some, count, Stream(0, "codes").at("seeds"))
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
    codes: int | None = setting(
        1024,
        help="Gaussians in the codebook; none: one for each thing that the encoder lists (each of an alphabet, say)",
        ge=1,
        le=100_000,
    )
    dropout: float = setting(0.0, help="dropout of what the LSTM reads and says", ge=0.0, lt=1.0)
    sampled_gradient: float = setting(
        0.0,
        help="with a code for each thing: the noise that sampling the gradient of the codes' weights may add, as a "
        "share of what the batch's own choice adds (0.1, say); 0 works all of it out",
        ge=0.0,
        le=1.0,
    )
    when: str = setting(AFTER, help=WHEN, choices=(WITH, AFTER))

    @property
    def sizes(self) -> tuple[int, int]:
        """The widths of the LSTM's state and of what lies between it and the codes."""
        return self.hidden, self.narrow or max(self.hidden // 2, 1)

    def build(self, blocks: Sequence[Block], before: Sequence[Block] = ()) -> RecurrentPrior:
        if self.codes is None and self.when == WITH:
            raise SettingError("prior 'recurrent' without codes is fitted to what there is: set when: after")
        return RecurrentPrior(self, blocks, before)
