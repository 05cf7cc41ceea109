"""What an objective is: (model, batch, step, stream) to named terms in nats per item."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar

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

    An objective may own networks and numbers (they are saved and resumed with the model) and take turns: each
    of its ``players`` has an optimizer and a pass of its own in every step.

    ``data`` says what its batches hold: "items", of which it names "elbo", "rate" and "distortion", or "latents",
    which stand for items whose posteriors are known.
    """

    players: tuple[str, ...] = ("model",)
    data: ClassVar[str] = "items"

    def begin(self, model: VAE, whole: Batch, stream: Stream) -> None:
        """A look at all latents of the training part before the first step of a phase on latents; not called when a
        run is resumed."""

    @abstractmethod
    def forward(self, model: VAE, batch: Batch, step: int | None, stream: Stream, player: str = "model") -> Terms:
        """The terms of one batch. ``step`` None asks for every schedule's last value, and for a loss that does not
        move with what the objective has learned: validation compares it over steps."""

    def parameters_of(self, player: str, model: VAE) -> Iterator[nn.Parameter]:
        """What a player's optimizer moves: everything, for the one player there is by default."""
        yield from model.parameters()
        yield from self.parameters()

    def learn(self, named: Mapping[str, float], step: int) -> None:
        """What the objective learns without a gradient, once after every step: a multiplier, say. ``named`` are
        the first player's figures, means over all items of the step however many batches they came in."""
