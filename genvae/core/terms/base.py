"""What a term is: an addition to an objective's loss, from what the objective has drawn anyway."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

from jaxtyping import Float
from torch import Tensor, nn

from genvae.core.batch import Batch
from genvae.core.randomness import Stream
from genvae.core.schedules import Schedule
from genvae.core.vae import VAE, Draw


class Term(nn.Module, ABC):
    """An addition to the loss. It may own networks: they are trained with the model, and saved and resumed
    with the objective. ``weight`` is its share of the loss as a function of the step."""

    #: what its figure is called: the id that it is registered by
    id: ClassVar[str]

    def __init__(self, weight: Schedule) -> None:
        super().__init__()
        self.weight = weight

    @abstractmethod
    def forward(self, model: VAE, batch: Batch, draw: Draw, step: int | None, stream: Stream) -> Float[Tensor, ""]:
        """The term before its weight: a mean over the batch's items, in nats per item where it has a unit."""


#: what a term reads of a block: what was drawn of it, or its posterior's mean, in which no noise hides anything
READS = ("draw", "mean")


def read(draw: Draw, name: str, reads: str) -> Float[Tensor, "n d"]:
    """A block as ``reads`` says, one row an item; what is observed as it is."""
    if reads == "draw" or name not in draw.posteriors:
        return draw.latents[name].flatten(1)
    mean = draw.posteriors[name].mean.flatten(1)
    return mean if len(mean) == len(draw.latents[name]) else mean[draw.groups.of_item]


class TermSettings(ABC):
    """Base of every term's settings; an objective takes a list of them."""

    @abstractmethod
    def build(self, model: VAE) -> Term:
        """The term for a model; raises SettingError or LacksCapability for a model that it cannot serve."""
