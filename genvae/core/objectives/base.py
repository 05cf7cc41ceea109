"""What an objective is: (model, batch, step, stream) to named terms in nats per item."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor, nn

from genvae.core.batch import Batch
from genvae.core.randomness import Stream
from genvae.core.vae import VAE


@dataclass(frozen=True)
class Terms:
    """``loss`` is what a step minimises; ``named`` are its parts and what is worth watching.

    All are means over the batch's items, in nats per item.
    """

    loss: Float[Tensor, ""]
    named: dict[str, Float[Tensor, ""]]


class Objective(nn.Module, ABC):
    """What training minimises.

    An objective may own networks (they are saved and resumed with the model) and take turns: each
    of its ``players`` has an optimizer and a pass of its own in every step.
    """

    players: tuple[str, ...] = ("model",)

    @abstractmethod
    def forward(self, model: VAE, batch: Batch, step: int | None, stream: Stream, player: str = "model") -> Terms:
        """The terms of one batch. ``step`` None asks for every schedule's last value."""

    def parameters_of(self, player: str, model: VAE) -> Iterator[nn.Parameter]:
        """What a player's optimizer moves: everything, for the one player there is by default."""
        yield from model.parameters()
        yield from self.parameters()
