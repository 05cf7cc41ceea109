"""The transformer's encoder and decoder of sentences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from genvae.core.batch import Batch
from genvae.core.latents import Block
from genvae.core.likelihoods import SequenceDecoder
from genvae.core.likelihoods.sequence import State
from genvae_sentence.encoder import SentenceEncoder
from genvae_sentence.heads import joined
from genvae_sentence.pooling import pooling
from genvae_sentence.skip import Skip
from genvae_sentence.transformer.blocks import Pair, Shape, Stack

#: The ways in which z can reach the decoder.
PREFIX, ADDITION, CROSS = WAYS = ("prefix", "addition", "cross-attention")


def _paired(tensors: Sequence[Tensor]) -> list[Pair]:
    return list(zip(tensors[::2], tensors[1::2], strict=True))


class TransformerEncoder(SentenceEncoder):
    """Every position looks at every real one; the summary pools them all."""

    def __init__(self, embedding: nn.Embedding, shape: Shape, pooled: str) -> None:
        super().__init__()
        self.embedding = embedding
        self.stack = Stack(shape, causal=False)
        self.pool = pooling(pooled, shape.width, shape.heads)

    def summary(self, embedded: Float[Tensor, "n t e"], mask: Bool[Tensor, "n t"]) -> Float[Tensor, "n h"]:
        hidden, _ = self.stack(embedded * embedded.shape[-1] ** 0.5, mask=mask)
        return self.pool(hidden, mask)


class TransformerDecoder(SequenceDecoder):
    """Reads the view "context". z, of all blocks joined, comes by any of ``ways``:

    * "prefix": as ``prefix`` positions before the first symbol;
    * "addition": added to the embedding of every symbol;
    * "cross-attention": as ``vectors`` vectors that every layer looks at.

    The state has two tensors a layer of keys and values, (rows, heads, positions so far, width of a head); for
    cross-attention two more a layer; then what is added to every embedding and what goes past the layers.
    """

    def __init__(
        self,
        blocks: Sequence[Block],
        embedding: nn.Embedding,
        shape: Shape,
        *,
        ways: Sequence[str],
        prefix: int,
        vectors: int,
        skip: bool,
    ) -> None:
        super().__init__()
        self.names = [block.name for block in blocks]
        self.embedding = embedding
        size, width = sum(block.size for block in blocks), shape.width
        used = ways if size else ()
        self.prefix = nn.Linear(size, prefix * width) if PREFIX in used else None
        self.addition = nn.Linear(size, width) if ADDITION in used else None
        self.vectors = nn.Linear(size, vectors * width) if CROSS in used else None
        self.skip = Skip(size, width) if size and skip else None
        self.stack = Stack(shape, causal=True, crossing=CROSS in used)

    def forward(self, latents: Mapping[str, Tensor], batch: Batch) -> Float[Tensor, "n t h"]:
        # padding needs no mask: it comes after all that is real, and nothing looks ahead
        context = batch.views["context"]
        z = joined(latents, self.names, len(context), self.embedding.weight)
        x = self._embedded(context, [way(z) for way in (self.addition,) if way is not None])
        if self.prefix is not None:
            x = torch.cat([self._several(self.prefix, z), x], 1)
        hidden, _ = self.stack(x, memory=self._memory(z))
        hidden = hidden[:, x.shape[1] - context.shape[1] :]
        return hidden if self.skip is None else hidden + self.skip(z)[:, None]

    def start(self, latents: Mapping[str, Tensor], rows: int) -> State:
        z = joined(latents, self.names, rows, self.embedding.weight)
        memory = self._memory(z)
        if self.prefix is not None:
            _, past = self.stack(self._several(self.prefix, z), memory=memory)
        else:
            past = self.stack.nothing(rows)
        constant = [way(z) for way in (self.addition, self.skip) if way is not None]
        return tuple(tensor for pair in (*past, *memory) for tensor in pair) + tuple(constant)

    def step(self, symbols: Int[Tensor, " n"], state: State) -> tuple[Float[Tensor, "n h"], State]:
        per_layer = 2 * len(self.stack.layers)
        fixed = 2 * per_layer if self.vectors is not None else per_layer
        constant = list(state[fixed:])
        skipped = [constant.pop()] if self.skip is not None else []
        x = self._embedded(symbols[:, None], constant)
        hidden, now = self.stack(x, past=_paired(state[:per_layer]), memory=_paired(state[per_layer:fixed]))
        grown = tuple(tensor for pair in now for tensor in pair)
        return sum(skipped, hidden[:, 0]), (*grown, *state[per_layer:])

    def _embedded(self, symbols: Int[Tensor, "n t"], added: Sequence[Tensor]) -> Float[Tensor, "n t e"]:
        embedded = self.embedding(symbols) * self.embedding.embedding_dim**0.5
        return sum((vector[:, None] for vector in added), embedded)

    def _several(self, linear: nn.Linear, z: Float[Tensor, "n z"]) -> Float[Tensor, "n m w"]:
        """z as a few vectors."""
        return linear(z).unflatten(-1, (-1, self.embedding.embedding_dim))

    def _memory(self, z: Float[Tensor, "n z"]) -> list[Pair]:
        return [] if self.vectors is None else self.stack.remember(self._several(self.vectors, z))
