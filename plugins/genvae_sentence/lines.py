"""Lines of symbols in memory, and the batches that are cut out of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from jaxtyping import Int
from numpy.typing import NDArray
from torch import Tensor

from genvae.core.batch import Batch
from genvae.core.sequences import sequence_batch
from genvae.core.symbols import Symbols

if TYPE_CHECKING:
    from datasets import Dataset

ROOM = 250_000_000  # most symbols that are taken into memory, four bytes each
AT_ONCE = 10_000  # lines read at once


class Lines:
    """Symbols of many lines, one after the other, and the length of each."""

    def __init__(self, symbols: Int[Tensor, " s"], lengths: Int[Tensor, " n"]) -> None:
        self.symbols = torch.cat([symbols, symbols.new_full((1,), Symbols.PAD)])  # the last is looked at past the end
        self.lengths = lengths
        self.starts = lengths.cumsum(0) - lengths

    @classmethod
    def of(cls, lines: Sequence[Sequence[int]]) -> Lines:
        """Lists of symbols."""
        flat = [symbol for line in lines for symbol in line]
        return cls(torch.tensor(flat, dtype=torch.int32), torch.tensor([len(line) for line in lines]))

    @classmethod
    def read(cls, examples: Dataset) -> Lines | None:
        """The column "symbols" of a table; None where there is no room for it."""
        from pyarrow import compute

        symbols, lengths, total = [], [], 0
        for rows in examples.select_columns(["symbols"]).with_format("arrow").iter(batch_size=AT_ONCE):
            column = rows["symbols"].combine_chunks()
            lengths.append(compute.list_value_length(column).to_numpy(zero_copy_only=False).astype(np.int64))
            symbols.append(column.flatten().to_numpy(zero_copy_only=False).astype(np.int32))
            total += len(symbols[-1])
            if total > ROOM:
                return None
        return cls(torch.from_numpy(np.concatenate(symbols)), torch.from_numpy(np.concatenate(lengths)))

    def __call__(self, places: NDArray[np.int64], items: NDArray[np.int64]) -> Batch:
        """The lines at some places, padded behind; ``items`` are their numbers."""
        rows = torch.from_numpy(places)
        lengths = self.lengths[rows]
        # looked up past its end a line reads what follows
        index = self.starts[rows, None] + torch.arange(int(lengths.max()) + 1)
        return sequence_batch(self.symbols[index.clamp(max=len(self.symbols) - 1)], lengths, torch.from_numpy(items))
