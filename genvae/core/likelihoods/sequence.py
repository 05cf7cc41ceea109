"""The categorical likelihood of a sequence of symbols, scored at once or stepped through.

Greedy decoding, sampling, beams, imputation and coding all run on ``start``, ``step`` and
``reorder``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass

from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional

from genvae.core.batch import Batch
from genvae.core.latents import Latents
from genvae.core.likelihoods.base import Likelihood

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


@dataclass(frozen=True)
class Stepper:
    """The stepping interface: a sequential likelihood bound to its decoder."""

    decoder: SequenceDecoder
    head: nn.Module

    def start(self, latents: Latents, rows: int) -> State:
        """The state of ``rows`` rows before the first symbol."""
        return self.decoder.start(latents, rows)

    def step(self, symbols: Int[Tensor, " n"], state: State) -> tuple[Float[Tensor, "n v"], State]:
        """Logits of the next symbol after one more symbol a row, and the new state."""
        hidden, state = self.decoder.step(symbols, state)
        return self.head(hidden).float(), state

    @staticmethod
    def reorder(state: State, rows: Int[Tensor, " m"]) -> State:
        """The states of some rows; a row may be taken more than once."""
        return tuple(tensor[rows] for tensor in state)


class CategoricalSequence(Likelihood):
    """-log p of a sequence of symbols, its end included. ``head`` maps a position's vector to logits."""

    def __init__(self, head: nn.Module) -> None:
        super().__init__()
        self.head = head

    def nats(self, decoder: nn.Module, latents: Mapping[str, Tensor], batch: Batch) -> Float[Tensor, " n"]:
        target, mask = batch.views["target"], batch.masks["target"]
        hidden = decoder(latents, batch)
        # only real positions pass the head: nothing is spent on padding
        logits = self.head(hidden[mask]).float()
        nats = functional.cross_entropy(logits, target[mask], reduction="none")
        row = mask.nonzero()[:, 0]
        return nats.new_zeros(len(batch)).index_add(0, row, nats)

    def stepper(self, decoder: SequenceDecoder) -> Stepper:
        """The stepping interface with this likelihood's head."""
        return Stepper(decoder, self.head)
