"""What a corruption is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

from jaxtyping import Bool, Float, Int
from torch import Tensor

from genvae.core.batch import Batch
from genvae.core.randomness import Stream
from genvae.core.symbols import Symbols, vocabulary
from genvae.core.vae import VAE


class Corruption(ABC):
    """Noise on a batch, as a function of the step.

    The views "input" and "context" may change, the first with its mask; items and the target never do. Padding
    stays behind a row's last symbol, and no row is left without one. Draws are keyed by item and position.

    One that sets ``holds_back`` changes nothing of an item, but which items are evidence for their group.

    One that sets ``hides_conditions`` makes conditions unknown.

    One that sets ``hides_symbols`` has the encoder read a mask in a symbol's place.

    One that sets ``redraws_target`` is no noise but the data themselves, where these are drawn at each step: it changes
    the target, too.

    One that sets ``is_asked`` is no noise but what is asked of the model: validation has it, too, and where it sets
    both, so has every evaluation, for the data are nothing else.
    """

    redraws_target: ClassVar[bool] = False
    is_asked: ClassVar[bool] = False
    holds_back: ClassVar[bool] = False
    hides_conditions: ClassVar[bool] = False
    hides_symbols: ClassVar[bool] = False

    @abstractmethod
    def __call__(self, batch: Batch, step: int, stream: Stream) -> Batch:
        """The batch with some views changed."""

    def build(self, model: VAE) -> Corruption:
        """This corruption for a model: itself, where it needs to know nothing of it. Raises SettingError for a
        model that it cannot serve."""
        return self


class OfSymbols(Corruption):
    """A corruption of sequences of symbols; no other model can have it."""

    #: what it is called where it is refused: the id that it is registered by
    id: ClassVar[str]

    def build(self, model: VAE) -> Corruption:
        self.symbols(model)
        return self

    def symbols(self, model: VAE) -> int:
        """How many symbols the model tells apart; raises SettingError for one without."""
        return vocabulary(model.likelihood, f"corruption {self.id!r}")


def hit(
    symbols: Int[Tensor, "n t"], uniform: Float[Tensor, "n t"], rate: float | Float[Tensor, "n 1"]
) -> Bool[Tensor, "n t"]:
    """A share ``rate`` of the ordinary symbols, one for all or one a row; special ones are spared."""
    return (uniform < rate) & (symbols >= Symbols.COUNT)
