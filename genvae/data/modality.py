"""What a modality gives; everything else it gets from the engine.

A modality's settings (a frozen dataclass, the registered factory) make a ``Modality``: by ``fit`` from
data, or by ``restore`` from a saved folder. See docs/plugins.md.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from genvae.core.batch import Batch
from genvae.core.randomness import Stream
from genvae.core.vae import VAE
from genvae.errors import LacksCapability

if TYPE_CHECKING:
    from datasets import Dataset

#: the column of the numbers of a table's rows, where it has one: what ``select`` gives says by it which rows it chose
ROW = "condition/row"

#: One item as it is prepared for the networks: plain numbers and lists, one row of a cached table.
Example = Mapping[str, Any]


#: Examples that lie in memory together: places in their table, and the numbers of the items there, to what ``collate``
#: makes of them.
Stack = Callable[[NDArray[np.int64], NDArray[np.int64]], Batch]


class Modality(ABC):
    """A kind of item: how it is read, prepared, batched and shown again.

    An item that ``render`` gives says by ``str`` how it is shown on a terminal and, where it is an object of its own,
    by a method ``to_config`` what it is as plain data (for ``--json``).
    """

    #: what an item's cost counts; training reports "<unit>_per_second"
    unit: ClassVar[str] = "items"

    @abstractmethod
    def prepare(self, rows: Mapping[str, list[Any]]) -> dict[str, list[Any]]:
        """Columns of raw rows to columns of examples, row for row.

        A column "group" of whole numbers says which items form a group (see ``genvae.data.batching``); an item
        without a number is by itself.
        """

    @abstractmethod
    def cost(self, example: Example) -> int:
        """What an example costs a batch, at least 1, in ``unit``."""

    @abstractmethod
    def collate(self, examples: Sequence[Example], items: Sequence[int]) -> Batch:
        """A batch of examples; ``items`` are their numbers, the keys of every random draw."""

    def stack(self, examples: Dataset) -> Stack | None:
        """A table of examples taken into memory, for batches that cost next to nothing; None, the default, where
        they are not all of one size or there is no room for them: batches are then collated one by one."""
        return None

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

    def spelled(self, symbols: Sequence[int]) -> Any:
        """The item that a sequence of symbols is, in the form ``render`` gives; for modalities of such sequences."""
        raise LacksCapability(f"items of {type(self).__name__} are no sequences of symbols")

    def values(self, block: str) -> Mapping[str, Tensor]:
        """What a user may give for an observed block: its name -> the row it stands for, of the block's shape; a row
        of zeros in a batch's condition is an unknown one. None, the default, for a block that items are needed for."""
        return {}

    def counts(self, block: str) -> Sequence[int]:
        """How often each of ``values`` was seen in training: by it one is drawn where none is asked for. Empty, the
        default: all as often."""
        return ()

    def called(self, block: str) -> str:
        """What users call a block beside its name, '' for nothing: a label that stands for the content, say."""
        return ""

    @property
    def media(self) -> str:
        """The MIME type of its items where that says more than its part does, as image/png;ink; or ''."""
        return ""

    #: the endings of files that ``file`` makes, beside .txt, .csv and .json, which any items can be written into
    endings: ClassVar[tuple[str, ...]] = ()

    def file(self, items: Sequence[Any], columns: int, ending: str) -> bytes:
        """Items as the content of a file with one of the ``endings``; where they form a table, row by row, it has
        ``columns`` columns."""
        raise NotImplementedError(
            f"{type(self).__name__} names endings, but has no method 'file' that makes such files"
        )

    @abstractmethod
    def save(self, folder: Path) -> None:
        """Write what ``restore`` needs (a tokenizer, say) into a folder."""

    @abstractmethod
    def fingerprint(self) -> str:
        """A text that changes whenever ``prepare`` would give something else: the key of its cache."""


class ModalitySettings(Protocol):
    """The settings of a modality, and the two ways to make one."""

    def select(self, data: Dataset) -> tuple[Dataset, str]:
        """The rows that can be items (column choice, length filter), and a line saying what was left out.

        Rows with the same value in a column "kin", where there is one, are all trained on or all validated on. A
        column ROW stays with its rows where the data have one: conditions are joined by it.
        """

    def fit(self, data: Dataset) -> Modality:
        """Learn what must be learned from data before training (a tokenizer, a scale)."""

    def restore(self, folder: Path) -> Modality:
        """Make the modality from what ``save`` wrote."""

    def recipe(self) -> Mapping[str, Any]:
        """The sections of the recipe this modality trains by when the user says nothing."""
