"""The categorical likelihood of a sequence of symbols, scored at once or stepped through.

Greedy decoding, sampling, beams, imputation and coding all run on ``start``, ``step`` and
``reorder``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional

from genvae.core.batch import Batch
from genvae.core.latents import Latents
from genvae.core.likelihoods.base import Likelihood
from genvae.core.likelihoods.linear_cross_entropy import linear_cross_entropy, reference
from genvae.core.products import product

#: What a decoder carries from step to step: tensors whose first axis is rows.
State = tuple[Tensor, ...]


class SequenceDecoder(nn.Module, ABC):
    """A decoder of sequences: all steps at once when the symbols are known, or one at a time."""

    @abstractmethod
    def forward(self, latents: Mapping[str, Tensor], batch: Batch) -> Float[Tensor, "n t h"]:
        """A vector for each position, from the latents and the view "context" (teacher forcing)."""

    @abstractmethod
    def start(self, latents: Mapping[str, Tensor], rows: int) -> State:
        """The state of ``rows`` rows before the first symbol."""

    @abstractmethod
    def step(self, symbols: Int[Tensor, " n"], state: State) -> tuple[Float[Tensor, "n h"], State]:
        """The vector after one more symbol a row, and the new state."""


class Head(nn.Module, ABC):
    """From a position's vector to logits: something of its own (``inner``), then a linear layer. They are told apart
    because the linear layer and the cross-entropy are scored as one operation."""

    @abstractmethod
    def inner(self, hidden: Float[Tensor, "*m h"]) -> Float[Tensor, "*m w"]:
        """What the linear layer reads."""

    @abstractmethod
    def linear(self) -> tuple[Float[Tensor, "v w"], Float[Tensor, " v"]]:
        """The linear layer: its table, a row a symbol, and its bias."""

    def forward(self, hidden: Float[Tensor, "*m h"]) -> Float[Tensor, "*m v"]:
        return functional.linear(self.inner(hidden), *self.linear())


class LinearHead(Head):
    """A linear layer and nothing else."""

    def __init__(self, width: int, symbols: int) -> None:
        super().__init__()
        self.layer = nn.Linear(width, symbols)

    def inner(self, hidden: Float[Tensor, "*m h"]) -> Float[Tensor, "*m h"]:
        return hidden

    def linear(self) -> tuple[Float[Tensor, "v h"], Float[Tensor, " v"]]:
        return self.layer.weight, self.layer.bias


@dataclass(frozen=True)
class Stepper:
    """The stepping interface: a sequential likelihood bound to its decoder."""

    decoder: SequenceDecoder
    head: Head

    def start(self, latents: Latents, rows: int) -> State:
        """The state of ``rows`` rows before the first symbol."""
        return self.decoder.start(latents, rows)

    def advance(self, symbols: Int[Tensor, " n"], state: State) -> tuple[Float[Tensor, "n h"], State]:
        """The vector after one more symbol a row, and the new state."""
        return self.decoder.step(symbols, state)

    def logits(self, vectors: Float[Tensor, "n h"]) -> Float[Tensor, "n v"]:
        """Logits of the next symbol."""
        if torch.is_grad_enabled() or torch.is_autocast_enabled(vectors.device.type):
            made: Tensor = self.head(vectors)
            return made.float()
        table, bias = self.head.linear()
        return product(self.head.inner(vectors), table.T).float().add_(bias)

    def step(self, symbols: Int[Tensor, " n"], state: State) -> tuple[Float[Tensor, "n v"], State]:
        """Logits of the next symbol after one more symbol a row, and the new state."""
        vectors, state = self.advance(symbols, state)
        return self.logits(vectors), state

    @staticmethod
    def reorder(state: State, rows: Int[Tensor, " m"]) -> State:
        """The states of some rows; a row may be taken more than once."""
        return tuple(tensor[rows] for tensor in state)


class CategoricalSequence(Likelihood):
    """-log p of a sequence of symbols, its end included. ``head`` maps a position's vector to logits.

    ``fused`` scores the output layer and its cross-entropy as one operation; False is the plain reference.
    ``sampled_gradient`` is the tau of that operation's sampled gradient, in training mode alone; 0: the whole gradient.
    """

    fused = True

    def __init__(self, head: Head, sampled_gradient: float = 0.0) -> None:
        super().__init__()
        self.head = head
        self.sampled_gradient = sampled_gradient

    @property
    def symbols(self) -> int:
        """How many symbols there are, the special ones included."""
        return len(self.head.linear()[1])

    def nats(self, decoder: nn.Module, latents: Mapping[str, Tensor], batch: Batch) -> Float[Tensor, " n"]:
        nats = self._scored(decoder, latents, batch)
        row = batch.masks["target"].nonzero()[:, 0]
        return nats.new_zeros(len(batch)).index_add(0, row, nats)

    def symbol_nats(self, decoder: nn.Module, latents: Mapping[str, Tensor], batch: Batch) -> Float[Tensor, "n t"]:
        """-log p of each symbol given those before it, in nats; 0 behind the end."""
        nats = self._scored(decoder, latents, batch)
        mask = batch.masks["target"]
        return nats.new_zeros(mask.shape).masked_scatter(mask, nats)

    def _scored(self, decoder: nn.Module, latents: Mapping[str, Tensor], batch: Batch) -> Float[Tensor, " m"]:
        """The nats of real positions, row by row: nothing is spent on padding."""
        target, mask = batch.views["target"], batch.masks["target"]
        hidden = decoder(latents, batch)
        scored = (self.head.inner(hidden[mask]), *self.head.linear(), target[mask])
        if self.fused:
            return linear_cross_entropy(*scored, self.sampled_gradient if self.training else 0.0)
        return reference(*scored)

    def stepper(self, decoder: SequenceDecoder) -> Stepper:
        """The stepping interface with this likelihood's head."""
        return Stepper(decoder, self.head)
