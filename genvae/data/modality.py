"""What a modality gives; everything else it gets from the engine.

A modality's settings (a frozen dataclass, the registered factory) make a ``Modality``: by ``fit`` from
data, or by ``restore`` from a saved folder. See docs/plugins.md.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from torch import Tensor

from genvae.core.batch import Batch
from genvae.core.randomness import Stream
from genvae.core.vae import VAE

if TYPE_CHECKING:
    from datasets import Dataset

#: One item as it is prepared for the networks: plain numbers and lists, one row of a cached table.
Example = Mapping[str, Any]


class Modality(ABC):
    """A kind of item: how it is read, prepared, batched and shown again."""

    #: what an item's cost counts; training reports "<unit>_per_second"
    unit: ClassVar[str] = "items"

    @abstractmethod
    def prepare(self, rows: Mapping[str, list[Any]]) -> dict[str, list[Any]]:
        """Columns of raw rows to columns of examples, row for row."""

    @abstractmethod
    def cost(self, example: Example) -> int:
        """What an example costs a batch, at least 1, in ``unit``."""

    @abstractmethod
    def collate(self, examples: Sequence[Example], items: Sequence[int]) -> Batch:
        """A batch of examples; ``items`` are their numbers, the keys of every random draw."""

    @abstractmethod
    def example(self, item: Any) -> Example:
        """One item of the user's as an example; raises DataError when it cannot be one (too long, empty)."""

    @abstractmethod
    def render(
        self,
        model: VAE,
        latents: Mapping[str, Tensor],
        items: Tensor,
        options: Any,
        stream: Stream,
        *,
        faithful: bool,
    ) -> list[Any]:
        """Latents to items. ``options`` is the modality's rendering settings; ``faithful`` asks for the
        item that the latent stands for, rather than for a draw."""

    @abstractmethod
    def item(self, example: Example) -> Any:
        """The item that an example was made from, in the form ``render`` gives."""

    @abstractmethod
    def save(self, folder: Path) -> None:
        """Write what ``restore`` needs (a tokenizer, say) into a folder."""

    @abstractmethod
    def fingerprint(self) -> str:
        """A text that changes whenever ``prepare`` would give something else: the key of its cache."""


class ModalitySettings(Protocol):
    """The settings of a modality, and the two ways to make one."""

    def select(self, data: Dataset) -> tuple[Dataset, str]:
        """The rows that can be items (column choice, length filter), and a line saying what was left out."""

    def fit(self, data: Dataset) -> Modality:
        """Learn what must be learned from data before training (a tokenizer, a scale)."""

    def restore(self, folder: Path) -> Modality:
        """Make the modality from what ``save`` wrote."""

    def recipe(self) -> Mapping[str, Any]:
        """The sections of the recipe this modality trains by when the user says nothing."""
