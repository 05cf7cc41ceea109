"""A sentence VAE whose latent has a vector for each symbol, and whose decoder says at each place what stands there.

The decoder reads the places both ways and what it has said so far, so it knows what stands on either side of a place
that tells nothing: trained on lines with blanks (the corruption ``blanks``), it fills them in, under the conditions
that it is given ("Mask and Infill" of Wu et al., "Mask and Infill: Applying Masked Language Model to Sentiment
Transfer", 2019, without a pretrained model, and from left to right, so that blanks beside each other agree). Of a line
that is all blanks it is a language model that knows only how long the line is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional

from genvae.core.batch import Batch
from genvae.core.latents import Block
from genvae.core.likelihoods import CategoricalSequence, SequenceDecoder
from genvae.core.likelihoods.sequence import State
from genvae.core.lstm import LSTM, gated
from genvae.core.vae import Networks
from genvae.settings import setting
from genvae_sentence.heads import joined, output_layer, sampling, table
from genvae_sentence.modality import Sentence
from genvae_sentence.places import PLACES, PlacesEncoder


class AlignedDecoder(SequenceDecoder):
    """An LSTM over the symbols said so far, which sees at each position what both directions of another say of the
    place of that number. That reaches the output layer past it, too. Behind the last place stands the last place."""

    def __init__(
        self,
        block: Block,
        conditions: Sequence[Block],
        embedding: nn.Embedding,
        hidden: int,
        reading: int,
        dropout: float,
    ) -> None:
        super().__init__()
        width = block.shape[-1]
        self.names = [condition.name for condition in conditions]
        self.embedding = embedding
        self.dropout = nn.Dropout(dropout)
        self.ahead = LSTM(width, reading, batch_first=True)
        self.back = LSTM(width, reading, batch_first=True)
        self.seen = nn.Linear(2 * reading + width, hidden)
        told = sum(condition.size for condition in conditions)
        self.lstm = LSTM(embedding.embedding_dim + hidden + told, hidden, batch_first=True)

    def _read(self, latents: Mapping[str, Tensor]) -> Float[Tensor, "n p h"]:
        """What is seen of each place."""
        places = latents[PLACES].to(self.seen.weight.dtype)
        ahead, back = self.ahead(places)[0], self.back(places.flip(1))[0].flip(1)
        seen: Tensor = self.seen(self.dropout(torch.cat([ahead, back, places.to(ahead.dtype)], -1)))
        return seen

    def _told(self, latents: Mapping[str, Tensor], rows: int) -> Float[Tensor, "n c"]:
        return joined(latents, self.names, rows, self.embedding.weight)

    def forward(self, latents: Mapping[str, Tensor], batch: Batch) -> Float[Tensor, "n t h"]:
        context = batch.views["context"]
        seen = self._read(latents)
        place = torch.arange(context.shape[1], device=context.device).clamp(max=seen.shape[1] - 1)
        seen = seen[:, place]
        embedded = self.dropout(self.embedding(context))
        told = self._told(latents, len(context)).to(embedded.dtype)[:, None].expand(-1, context.shape[1], -1)
        hidden, _ = self.lstm(torch.cat([embedded, seen.to(embedded.dtype), told], -1))
        return self.dropout(hidden) + seen

    def start(self, latents: Mapping[str, Tensor], rows: int) -> State:
        zeros = self.seen.weight.new_zeros(rows, self.lstm.hidden_size)
        position = torch.zeros(rows, dtype=torch.int64, device=zeros.device)
        return position, self._read(latents), self._told(latents, rows), zeros, zeros

    def step(self, symbols: Int[Tensor, " n"], state: State) -> tuple[Float[Tensor, "n h"], State]:
        position, places, told, hidden, cell = state
        seen = places[torch.arange(len(places), device=places.device), position.clamp(max=places.shape[1] - 1)]
        below = torch.cat([self.dropout(self.embedding(symbols)), seen, told.to(seen.dtype)], -1)
        of_input, of_state, bias = self.lstm.weights(0)
        gates = functional.linear(below, of_input, bias) + functional.linear(hidden, of_state)
        hidden, cell = gated(gates, cell)
        return self.dropout(hidden) + seen, (position + 1, places, told, hidden, cell)


@dataclass(frozen=True, kw_only=True)
class AlignedSettings:
    """A vector a symbol, the block places, and an LSTM decoder that says at each place what stands there."""

    places: int = setting(20, help="vectors along the line; a line of more symbols is not said whole", ge=1, le=256)
    place_dim: int = setting(64, help="numbers in each of them", ge=1, le=1024)
    embedding_dim: int = setting(96, help="width of a symbol's vector", ge=1, le=4096)
    hidden_dim: int = setting(256, help="width of the decoder's state", ge=1, le=8192)
    reading_dim: int = setting(160, help="width of the state that reads the places, each way", ge=1, le=8192)
    dropout: float = setting(0.1, help="dropout of embeddings and outputs", ge=0.0, lt=1.0)
    sampled_gradient: float = sampling()

    def build(self, modality: Sentence, conditions: Sequence[Block] = ()) -> Networks:
        """The networks for a tokenizer's vocabulary; one table of embeddings for all."""
        block = Block(name=PLACES, shape=(self.places, self.place_dim))
        symbols, width = table(modality.vocabulary, self.embedding_dim), self.embedding_dim
        decoder = AlignedDecoder(block, conditions, symbols, self.hidden_dim, self.reading_dim, self.dropout)
        return Networks(
            blocks=[block, *conditions], own={PLACES: width}, features=width,
            encoder=PlacesEncoder(symbols, 0, self.places, self.dropout), decoder=decoder,
            likelihood=CategoricalSequence(output_layer(symbols, self.hidden_dim, True), self.sampled_gradient),
        )  # fmt: skip
