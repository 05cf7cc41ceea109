"""How conditions reach networks, whatever these are: the decoder as blocks beside the latents, the posterior by a shift
of what the encoder sees, the prior as blocks before the latents."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional

from genvae.core.batch import Batch
from genvae.core.conditions import DECODER, POSTERIOR, PRIOR, Condition, Conditions
from genvae.core.distributions import Capability, Distribution
from genvae.core.latents import Block
from genvae.core.likelihoods.sequence import SequenceDecoder, State
from genvae.core.posteriors.base import Features
from genvae.core.priors.base import Prior
from genvae.core.priors.fitted import ConditionedSettings
from genvae.core.priors.vamp import ReadsPseudoInputs
from genvae.core.randomness import Stream
from genvae.core.vae import VAE, Networks
from genvae.errors import LacksCapability, SettingError


class Reading(nn.Module):
    """What networks are given of conditions: their rows, or what a network of the condition's own makes of them."""

    def __init__(self, conditions: Sequence[Condition]) -> None:
        super().__init__()
        made = {condition.name: condition.network() for condition in conditions}
        self.networks = nn.ModuleDict({name: network for name, network in made.items() if network is not None})

    def forward(self, latents: Mapping[str, Tensor]) -> dict[str, Tensor]:
        read = {name: network(latents[name]) for name, network in self.networks.items() if name in latents}
        return {**latents, **read}


class ToldDecoder(nn.Module):
    """A decoder of anything, given what is read of conditions."""

    def __init__(self, decoder: nn.Module, reading: Reading) -> None:
        super().__init__()
        self.decoder, self.reading = decoder, reading

    def forward(self, latents: Mapping[str, Tensor], batch: Batch) -> Tensor:
        found: Tensor = self.decoder(self.reading(latents), batch)
        return found


class ToldSequenceDecoder(SequenceDecoder):
    """The same of a decoder of sequences."""

    def __init__(self, decoder: SequenceDecoder, reading: Reading) -> None:
        super().__init__()
        self.decoder, self.reading = decoder, reading

    def forward(self, latents: Mapping[str, Tensor], batch: Batch) -> Float[Tensor, "n t h"]:
        found: Tensor = self.decoder(self.reading(latents), batch)
        return found

    def start(self, latents: Mapping[str, Tensor], rows: int) -> State:
        state: State = self.decoder.start(self.reading(latents), rows)
        return state

    def step(self, symbols: Int[Tensor, " n"], state: State) -> tuple[Float[Tensor, "n h"], State]:
        found: tuple[Tensor, State] = self.decoder.step(symbols, state)
        return found


class Shift(nn.Module):
    """f + W2 silu(W1 (f, c)), at each place of f alike; 0 is added at first."""

    def __init__(self, width: int, told: int) -> None:
        super().__init__()
        self.inner = nn.Linear(width + told, width)
        self.outer = nn.Linear(width, width)
        nn.init.zeros_(self.outer.weight)
        nn.init.zeros_(self.outer.bias)

    def forward(self, feature: Float[Tensor, "n ... w"], told: Float[Tensor, "n c"]) -> Float[Tensor, "n ... w"]:
        places = feature.shape[1:-1]
        beside = told.to(feature.dtype).reshape(len(told), *[1] * len(places), -1).expand(-1, *places, -1)
        found: Tensor = self.outer(functional.silu(self.inner(torch.cat([feature, beside], -1))))
        return feature + found


class ToldEncoder(nn.Module):
    """q(z|x, c) from any encoder: each of its features is shifted by what is known of the item."""

    def __init__(
        self, encoder: nn.Module, conditions: Sequence[Condition], features: int, own: Mapping[str, int]
    ) -> None:
        super().__init__()
        self.encoder, self.conditions = encoder, tuple(conditions)
        self.reading = Reading(conditions)
        told = sum(condition.width for condition in conditions)
        widths = {**({"summary": features} if features else {}), **own}
        self.shifts = nn.ModuleDict({name: Shift(width, told) for name, width in widths.items()})

    def forward(self, batch: Batch) -> Features:
        return self._shifted(self.encoder(batch), batch.conditions)

    def _shifted(self, features: Features, known: Mapping[str, Tensor]) -> Features:
        like = next(iter(features.values()))
        rows = {c.name: known.get(c.name, like.new_zeros(len(like), *c.block.shape)) for c in self.conditions}
        read = self.reading(rows)
        told = torch.cat([read[c.name].flatten(1) for c in self.conditions], 1)
        return {name: self.shifts[name](f, told) if name in self.shifts else f for name, f in features.items()}


class ToldReader(ToldEncoder):
    """The same of an encoder that reads pseudo-inputs; of these nothing is known."""

    encoder: Any

    def pseudo(self, count: int) -> Tensor:
        """Pseudo-inputs to start from."""
        found: Tensor = self.encoder.pseudo(count)
        return found

    def read(self, pseudo: Tensor) -> Features:
        """The features of pseudo-inputs."""
        return self._shifted(self.encoder.read(pseudo), {})


class ToldPrior(Prior):
    """A prior whose blocks see what is read of conditions."""

    def __init__(self, prior: Prior, reading: Reading) -> None:
        super().__init__()
        self.prior, self.reading = prior, reading

    @property
    def capabilities(self) -> frozenset[Capability]:
        return self.prior.capabilities

    @property
    def costly(self) -> bool:
        return self.prior.costly

    @property
    def awaits(self) -> bool:
        return self.prior.awaits

    @property
    def least(self) -> int:
        return self.prior.least

    def at(self, block: Block, before: Mapping[str, Tensor], rows: int) -> Distribution:
        return self.prior.at(block, self.reading(before), rows)

    def hears(self, block: Block) -> bool:
        return self.prior.hears(block)

    def bind(self, model: nn.Module) -> None:
        self.prior.bind(model)

    def initialise(
        self, values: Float[Tensor, "n ..."], block: Block, before: Mapping[str, Tensor] | None = None
    ) -> None:
        self.prior.initialise(values, block, None if before is None else self.reading(before))

    def mark_fitted(self, fitted: bool = True) -> None:
        self.prior.mark_fitted(fitted)

    def loss(
        self,
        block: Block,
        values: Float[Tensor, "n ..."],
        before: Mapping[str, Tensor],
        stream: Stream,
        items: Int[Tensor, " n"],
    ) -> Float[Tensor, " n"]:
        return self.prior.loss(block, values, self.reading(before), stream, items)


def told(networks: Networks, conditions: Conditions) -> Networks:
    """An architecture's networks, built with what the decoder sees of conditions, as those of the conditional model:
    the conditions' blocks come first. Raises SettingError where a block of the architecture has the name of one, or one
    that the decoder sees is not among them."""
    names = [block.name for block in networks.blocks]
    for condition in conditions.values():
        count, given = names.count(condition.name), DECODER in condition.reaches
        if count > given:
            raise SettingError(f"no condition can be called {condition.name!r}: the architecture has such a block")
        if count < given:
            raise SettingError(
                f"the architecture leaves out the block of the condition {condition.name!r}: its networks' blocks have "
                "those that build(modality, conditions) is given before its own"
            )
    decoder, encoder = networks.decoder, networks.encoder
    reading = Reading(conditions.reaching(DECODER))
    if len(reading.networks):
        if isinstance(decoder, SequenceDecoder):
            decoder = ToldSequenceDecoder(decoder, reading)
        else:
            decoder = ToldDecoder(decoder, reading)
    known = conditions.reaching(POSTERIOR)
    if encoder is not None and known:
        kind = ToldReader if isinstance(encoder, ReadsPseudoInputs) else ToldEncoder
        encoder = kind(encoder, known, networks.features, networks.own)
    blocks = [*conditions.blocks, *(block for block in networks.blocks if block.name not in conditions)]
    return replace(
        networks, blocks=blocks, encoder=encoder, decoder=decoder, observed=(*conditions, *networks.observed)
    )


def prior_of(settings: Any, blocks: Sequence[Block], conditions: Conditions) -> Prior:
    """The prior of a model's blocks. One that can see the blocks before (its settings are ``ConditionedSettings``) sees
    the conditions that reach it: p(z|c). Any other is p(z)."""
    latent = [block for block in blocks if block.name not in conditions]
    if not conditions or not isinstance(settings, ConditionedSettings):
        plain: Prior = settings.build(latent)
        return plain
    seen = conditions.reaching(PRIOR)
    prior: Prior = settings.build(latent, [condition.seen for condition in seen])
    reading = Reading(seen)
    return ToldPrior(prior, reading) if len(reading.networks) else prior


def _without(latents: Mapping[str, Tensor], conditions: Sequence[str]) -> dict[str, Tensor]:
    """The latents where nothing is known of the conditions."""
    return {name: torch.zeros_like(value) if name in conditions else value for name, value in latents.items()}


class Guided(nn.Module):
    """Classifier-free guidance (Ho and Salimans, "Classifier-Free Diffusion Guidance", 2022) of any decoder: what it
    says without the conditions, and ``weight`` times the step from there to what it says with them.

    The step is made in the decoder's own numbers. Of a likelihood of independent elements these are its parameters; of
    a sequence's they are vectors that become logits by an affine map, so it is the same step in the logits.
    """

    def __init__(self, decoder: nn.Module, conditions: Sequence[str], weight: float) -> None:
        super().__init__()
        self.decoder, self.conditions, self.weight = decoder, tuple(conditions), weight

    def forward(self, latents: Mapping[str, Tensor], batch: Batch) -> Tensor:
        return self._step(self.decoder(self.origin(latents), batch), self.decoder(latents, batch))

    def origin(self, latents: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The latents that the step begins at; where a step begins elsewhere, another ``Guided`` says so."""
        return _without(latents, self.conditions)

    def _step(self, without: Tensor, told: Tensor) -> Tensor:
        return without + self.weight * (told - without)


class GuidedSequence(Guided, SequenceDecoder):
    """The same, symbol by symbol: both states are carried side by side."""

    decoder: SequenceDecoder

    def start(self, latents: Mapping[str, Tensor], rows: int) -> State:
        return (*self.decoder.start(latents, rows), *self.decoder.start(self.origin(latents), rows))

    def step(self, symbols: Int[Tensor, " n"], state: State) -> tuple[Float[Tensor, "n h"], State]:
        half = len(state) // 2
        told, after = self.decoder.step(symbols, state[:half])
        without, beside = self.decoder.step(symbols, state[half:])
        return self._step(without, told), (*after, *beside)


class GuidedPrior(Prior):
    """The same of any prior: from p(z) to p(z|c), in each distribution's own numbers (``Distribution.guided``)."""

    def __init__(self, prior: Prior, conditions: Sequence[str], weight: float) -> None:
        super().__init__()
        self.prior, self.conditions, self.weight = prior, tuple(conditions), weight

    @property
    def capabilities(self) -> frozenset[Capability]:
        return self.prior.capabilities

    def hears(self, block: Block) -> bool:
        return self.prior.hears(block)

    def at(self, block: Block, before: Mapping[str, Tensor], rows: int) -> Distribution:
        told = self.prior.at(block, before, rows)
        known = any(bool(before[name].any()) for name in self.conditions if name in before)
        if not known or not self.hears(block):
            return told
        return told.guided(self.prior.at(block, _without(before, self.conditions), rows), self.weight)


def guided(model: VAE, weight: float) -> VAE:
    """The model with guidance of a weight, in its decoder and in its prior, whichever are told conditions; 1 is the
    model itself. Raises LacksCapability where neither is."""
    if weight == 1.0:
        return model
    heard = [condition.name for condition in model.conditions.reaching(PRIOR)]
    prior = heard and any(map(model.prior.hears, model.latent))
    decoder = bool(model.conditions.reaching(DECODER))
    if not prior and not decoder:
        raise LacksCapability("guidance needs a model whose decoder or prior is told conditions")
    kind = GuidedSequence if isinstance(model.decoder, SequenceDecoder) else Guided
    return model.using(
        decoder=kind(model.decoder, list(model.conditions), weight).eval() if decoder else None,
        prior=GuidedPrior(model.prior, heard, weight).eval() if prior else None,
    )
