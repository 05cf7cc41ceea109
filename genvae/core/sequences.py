"""Sequences of symbols as a batch, and what of them is hidden."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Int
from torch import Tensor

from genvae.core.batch import Batch
from genvae.core.symbols import Symbols


def sequence_batch(read: Int[Tensor, "n u"], lengths: Int[Tensor, " n"], items: Int[Tensor, " n"]) -> Batch:
    """Sequences as models of symbols read and score them: "input" is each as it is, "context" has the begin symbol
    first and "target" the end symbol last. ``read`` has at least one column more than the longest; what stands behind
    an end does not matter."""
    lengths = lengths[:, None]
    read = read[:, : int(lengths.max()) + 1]
    place = torch.arange(read.shape[1], device=read.device)
    inside = place < lengths
    read = read.to(torch.int64).masked_fill(~inside, Symbols.PAD)
    symbols = read[:, :-1].contiguous()
    begin = symbols.new_full((len(read), 1), Symbols.BEGIN)
    return Batch(
        views={
            "input": symbols, "context": torch.cat([begin, symbols], 1),
            "target": read.masked_fill(place == lengths, Symbols.END),
        },
        masks={"input": inside[:, :-1].contiguous(), "target": place <= lengths},
        items=items, cost=(lengths[:, 0] + 1).float(),
    )  # fmt: skip


def batch_of(sequences: Sequence[Sequence[int]], items: Int[Tensor, " n"]) -> Batch:
    """Lists of symbols as such a batch."""
    lengths = torch.tensor([len(sequence) for sequence in sequences])
    room = int(lengths.max()) + 1
    padded = [[*sequence, *[Symbols.PAD] * (room - len(sequence))] for sequence in sequences]
    return sequence_batch(torch.tensor(padded), lengths, items)


def blank(batch: Batch) -> Batch:
    """The batch of which an encoder reads nothing but how long its sequences are."""
    read = batch.views["input"]
    return batch.viewing(input=read.masked_fill(read != Symbols.PAD, Symbols.MASK))
