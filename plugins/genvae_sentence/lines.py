"""Lines of symbols in memory, and the batches that are cut out of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import torch
from jaxtyping import Int
from numpy.typing import NDArray
from torch import Tensor

from genvae.core.batch import Batch
from genvae.core.sequences import sequence_batch
from genvae.core.symbols import Symbols
from genvae.data.batching import GROUP

if TYPE_CHECKING:
    from datasets import Dataset

ROOM = 250_000_000  # most symbols that are taken into memory, four bytes each
AT_ONCE = 10_000  # lines read at once


class Lines:
    """Symbols of many lines, one after the other, the length of each, and its group where lines form such; the column
    "group" is then theirs, None for a line by itself."""

    def __init__(
        self, symbols: Int[Tensor, " s"], lengths: Int[Tensor, " n"], groups: Sequence[int | None] | None = None
    ) -> None:
        self.symbols = torch.cat([symbols, symbols.new_full((1,), Symbols.PAD)])  # the last is looked at past the end
        self.lengths = lengths
        self.starts = lengths.cumsum(0) - lengths
        self.group = None if groups is None else torch.tensor([0 if name is None else name for name in groups])
        self.alone = None if groups is None else torch.tensor([name is None for name in groups])

    @classmethod
    def of(cls, lines: Sequence[Sequence[int]], groups: Sequence[int | None] | None = None) -> Lines:
        """Lists of symbols."""
        flat = [symbol for line in lines for symbol in line]
        return cls(torch.tensor(flat, dtype=torch.int32), torch.tensor([len(line) for line in lines]), groups)

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
        groups = examples[GROUP][:] if GROUP in examples.column_names else None
        return cls(torch.from_numpy(np.concatenate(symbols)), torch.from_numpy(np.concatenate(lengths)), groups)

    def __call__(self, places: NDArray[np.int64], items: NDArray[np.int64]) -> Batch:
        """The lines at some places, padded behind; ``items`` are their numbers."""
        rows = torch.from_numpy(places)
        lengths = self.lengths[rows]
        # looked up past its end a line reads what follows
        index = self.starts[rows, None] + torch.arange(int(lengths.max()) + 1)
        numbers = torch.from_numpy(items)
        made = sequence_batch(self.symbols[index.clamp(max=len(self.symbols) - 1)], lengths, numbers)
        if self.group is None or self.alone is None:
            return made
        return replace(made, group=torch.where(self.alone[rows], -1 - numbers, self.group[rows]))
