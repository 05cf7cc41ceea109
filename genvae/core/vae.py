"""The variational autoencoder: encoder, posterior, prior, decoder and likelihood as one model."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from genvae.core.batch import Batch
from genvae.core.conditions import Conditions
from genvae.core.distributions import Capability, Distribution, kl
from genvae.core.latents import Block, Groups, Latents
from genvae.core.likelihoods.base import Likelihood
from genvae.core.posteriors.base import Features, Own, Posterior
from genvae.core.priors.base import Prior
from genvae.core.randomness import Stream
from genvae.errors import GenvaeError, LacksCapability


class Asked(Mapping[str, Tensor]):
    """Log density of each block's draw, (rows,) nats, worked out when it is asked for: some priors' is costly, and who
    encodes a line, or has the KL in closed form, does not need it."""

    def __init__(self) -> None:
        self._of: dict[str, tuple[Distribution, Tensor]] = {}
        self._found: dict[str, Tensor] = {}

    def add(self, name: str, distribution: Distribution, value: Tensor) -> None:
        """Remember a draw and the distribution that is asked of it."""
        self._of[name] = distribution, value

    def __getitem__(self, name: str) -> Tensor:
        if name not in self._found:
            distribution, value = self._of[name]
            self._found[name] = distribution.log_prob(value)
        return self._found[name]

    def __contains__(self, name: object) -> bool:
        return name in self._of

    def __iter__(self) -> Iterator[str]:
        return iter(self._of)

    def __len__(self) -> int:
        return len(self._of)


@dataclass
class Draw:
    """One pass through the blocks. A shared block's rows are groups, any other's are items.

    ``latents`` always has one row an item. Observed blocks appear there alone: they cost nothing.
    """

    groups: Groups
    latents: Latents = field(default_factory=dict)
    posteriors: dict[str, Distribution] = field(default_factory=dict)
    features: Features = field(default_factory=dict)  # of the encoder, where it was run for this draw
    log_q: Asked = field(default_factory=Asked)  # (rows,) nats
    log_p: Asked = field(default_factory=Asked)  # (rows,) nats
    kl: dict[str, Tensor] = field(default_factory=dict)  # (rows, *shape) nats, closed form

    def rate(self, block: Block) -> Float[Tensor, "rows size"]:
        """KL of each row and dimension in nats: in closed form, or log q - log p of the draw (one column)."""
        if block.name in self.kl:
            return self.kl[block.name].flatten(1)
        if block.name not in self.log_p:
            raise LacksCapability(
                f"the rate of block {block.name!r} needs a prior that {Capability.DENSITY.value} or "
                f"{Capability.CLOSED_FORM_KL.value}"
            )
        return (self.log_q[block.name] - self.log_p[block.name])[:, None]

    def per_group(self, block: Block, rows: Float[Tensor, " rows"]) -> Float[Tensor, " g"]:
        """A block's figures, summed to one a group."""
        return rows if block.shared else self.groups.total(rows)


@dataclass(frozen=True, kw_only=True)
class Networks:
    """What an architecture builds. ``features`` is the width of the encoder's "summary", ``own``
    the widths of the features it gives for single blocks (see ``Features``).

    ``blocks`` lists all of them in the order they are drawn, the conditions among them; the posterior has nothing
    to say of those that are ``observed``. ``needs`` are the parts without which the networks are not what they are for:
    kind and id.
    """

    blocks: Sequence[Block]
    encoder: nn.Module | None
    features: int
    decoder: nn.Module
    likelihood: Likelihood
    own: Own = field(default_factory=dict)
    observed: Sequence[str] = ()
    needs: Mapping[str, str] = field(default_factory=dict)

    @property
    def latent(self) -> Sequence[Block]:
        """The blocks that have a posterior."""
        return [block for block in self.blocks if block.name not in self.observed]


@runtime_checkable
class BeginsFromData(Protocol):
    """A decoder whose model need not begin with noise for weights."""

    def begin(self, model: VAE, batches: Iterable[Batch]) -> None:
        """Set weights of the model by a look at its training items, once, before the first step."""


class VAE(nn.Module):
    """q(z|x), p(z) and p(x|z) over ordered blocks.

    A model without blocks is the bare likelihood with the same decoder: a language model, for
    sequences. It has no encoder and no posterior.

    Of ``observed`` blocks an item may bring a row with it; where it does not, nothing is known of it: zeros.
    ``conditions`` say what their rows mean, and p(c).
    """

    def __init__(
        self,
        *,
        blocks: Sequence[Block],
        encoder: nn.Module | None,
        posterior: Posterior | None,
        prior: Prior,
        decoder: nn.Module,
        likelihood: Likelihood,
        observed: Sequence[str] = (),
        conditions: Conditions | None = None,
    ) -> None:
        super().__init__()
        names = [block.name for block in blocks]
        if len(set(names)) != len(names):
            raise GenvaeError(f"block names must differ: {', '.join(names)}")
        self.blocks = tuple(blocks)
        self.observed = tuple(observed)
        self.conditions = conditions or Conditions()
        self.encoder = encoder
        self.posterior = posterior
        self.prior = prior
        self.decoder = decoder
        self.likelihood = likelihood
        prior.bind(self)

    @property
    def device(self) -> torch.device:
        return next(self.parameters()).device

    @property
    def latent(self) -> list[Block]:
        """The blocks that have a posterior: all but what is observed."""
        return [block for block in self.blocks if block.name not in self.observed]

    @property
    def latent_dim(self) -> int:
        """How many numbers a latent holds, what is observed apart."""
        return sum(block.size for block in self.latent)

    def using(self, *, decoder: nn.Module | None = None, prior: Prior | None = None) -> VAE:
        """This model, with its own weights, and another decoder or prior; this one keeps its own."""
        made = copy.copy(self)
        made._modules = dict(self._modules)
        made.decoder = decoder or self.decoder
        made.prior = prior or self.prior
        return made

    def encode(self, batch: Batch) -> Features:
        """What the encoder says of each item."""
        return self.encoder(batch) if self.encoder is not None else {}

    def draw(self, batch: Batch, features: Features, stream: Stream | None) -> Draw:
        """Draw every block from the posterior in order; without a stream, take its mean.

        Gives log q and log p of each block beside the closed-form KL where there is one. A shared block
        can depend on shared blocks alone: those before it, one row a group.
        """
        draw = Draw(batch.groups)
        for block in self.blocks:
            if block.name in batch.conditions:
                draw.latents[block.name] = batch.conditions[block.name]
                continue
            if block.name in self.observed:
                draw.latents[block.name] = torch.zeros(len(batch), *block.shape, device=batch.items.device)
                continue
            assert self.posterior is not None
            rows = draw.groups.count if block.shared else len(batch)
            before = self._shared(draw) if block.shared else draw.latents
            prior = self.prior.at(block, before, rows)
            posterior = self.posterior.at(block, features, before, prior, draw.groups)
            if stream is None:
                value = posterior.mean
            else:
                items = draw.groups.first(batch.items) if block.shared else batch.items
                value = posterior.push(stream.at(block.name).normal(items, *block.shape))
            draw.posteriors[block.name] = posterior
            draw.log_q.add(block.name, posterior, value)
            if Capability.DENSITY in prior.capabilities:
                draw.log_p.add(block.name, prior, value)
            divergence = kl(posterior, prior)
            if divergence is not None:
                draw.kl[block.name] = divergence
            draw.latents[block.name] = value[draw.groups.of_item] if block.shared else value
        return draw

    def _shared(self, draw: Draw) -> Latents:
        """The shared blocks drawn or observed so far, one row a group."""
        names = [block.name for block in self.blocks if block.shared and block.name in draw.latents]
        return {name: draw.groups.one(draw.latents[name]) for name in names}

    def infer(self, batch: Batch, stream: Stream | None = None) -> Draw:
        """Encode and draw; the posterior mean when no stream is given."""
        features = self.encode(batch)
        draw = self.draw(batch, features, stream)
        draw.features = features
        return draw

    def distortion(self, latents: Mapping[str, Tensor], batch: Batch) -> Float[Tensor, " n"]:
        """-log p(x|z) of each item in nats."""
        return self.likelihood.nats(self.decoder, latents, batch)

    def sample_prior(
        self,
        items: Int[Tensor, " n"],
        stream: Stream,
        *,
        scale: float = 1.0,
        observed: Mapping[str, Tensor] | None = None,
    ) -> Latents:
        """Latents from the prior, block by block; ``scale`` multiplies the noise that is pushed. Conditions that are
        not ``observed`` are drawn from p(c), as the training items have them beside those that are."""
        given = dict(observed or {})
        given |= self.conditions.draw(items, stream.at("conditions"), given)
        latents: Latents = {}
        for block in self.blocks:
            if block.name in given:
                latents[block.name] = given[block.name]
                continue
            noise = stream.at(block.name).normal(items, *block.shape)
            latents[block.name] = self.prior.at(block, latents, len(items)).push(noise * scale)
        return latents
