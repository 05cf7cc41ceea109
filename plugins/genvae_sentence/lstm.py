"""The LSTM sentence VAE (Bowman et al., "Generating Sentences from a Continuous Space", 2016).

Both networks read padded batches of near-equal length with the fused kernel; the decoder's single
step is written by hand, because the kernel reorders its weights at each call.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn import functional

from genvae.core.batch import Batch
from genvae.core.latents import Block
from genvae.core.likelihoods import CategoricalSequence, SequenceDecoder
from genvae.core.likelihoods.sequence import State
from genvae.core.posteriors.base import Features
from genvae.core.vae import Networks
from genvae.settings import setting
from genvae_sentence.modality import Sentence


def _last(hidden: Float[Tensor, "n t h"], lengths: Int[Tensor, " n"]) -> Float[Tensor, "n h"]:
    """The vector at each row's last real position."""
    return hidden[torch.arange(len(hidden), device=hidden.device), lengths - 1]


def _reversed(embedded: Float[Tensor, "n t e"], mask: Bool[Tensor, "n t"]) -> Float[Tensor, "n t e"]:
    """Each row's real positions in reverse, padding kept at the end."""
    lengths = mask.sum(1)
    place = torch.arange(mask.shape[1], device=mask.device)
    back = (lengths[:, None] - 1 - place).clamp(min=0)
    return embedded.gather(1, back[..., None].expand_as(embedded))


class LSTMEncoder(nn.Module):
    """Reads the view "input"; the summary is the last state of each direction."""

    def __init__(self, embedding: nn.Embedding, hidden: int, layers: int, bidirectional: bool, dropout: float) -> None:
        super().__init__()
        self.embedding = embedding
        self.dropout = nn.Dropout(dropout)
        inner = dropout if layers > 1 else 0.0
        width = embedding.embedding_dim
        self.forwards = nn.LSTM(width, hidden, layers, batch_first=True, dropout=inner)
        self.backwards = nn.LSTM(width, hidden, layers, batch_first=True, dropout=inner) if bidirectional else None

    def forward(self, batch: Batch) -> Features:
        mask = batch.masks["input"]
        lengths = mask.sum(1)
        embedded = self.dropout(self.embedding(batch.views["input"]))
        summary = _last(self.forwards(embedded)[0], lengths)
        if self.backwards is not None:
            summary = torch.cat([summary, _last(self.backwards(_reversed(embedded, mask))[0], lengths)], -1)
        return {"summary": summary}


class LSTMDecoder(SequenceDecoder):
    """Reads the view "context"; z is beside every symbol and gives the first state."""

    def __init__(
        self, blocks: Sequence[Block], embedding: nn.Embedding, hidden: int, layers: int, dropout: float
    ) -> None:
        super().__init__()
        self.names = [block.name for block in blocks]
        self.embedding = embedding
        self.dropout = nn.Dropout(dropout)
        size = sum(block.size for block in blocks)
        inner = dropout if layers > 1 else 0.0
        self.lstm = nn.LSTM(embedding.embedding_dim + size, hidden, layers, batch_first=True, dropout=inner)
        self.first = nn.Linear(size, layers * hidden) if size else None

    def _joined(self, latents: Mapping[str, Tensor], rows: int) -> Float[Tensor, "n z"]:
        parts = [latents[name].flatten(1) for name in self.names]
        return torch.cat(parts, 1) if parts else self.embedding.weight.new_zeros(rows, 0)

    def _first_state(self, z: Float[Tensor, "n z"]) -> tuple[Float[Tensor, "l n h"], Float[Tensor, "l n h"]]:
        shape = (self.lstm.num_layers, len(z), self.lstm.hidden_size)
        if self.first is None:
            zeros = z.new_zeros(shape)
            return zeros, zeros
        cell = self.first(z).reshape(len(z), self.lstm.num_layers, -1).transpose(0, 1).contiguous()
        return cell.tanh(), cell

    def forward(self, latents: Mapping[str, Tensor], batch: Batch) -> Float[Tensor, "n t h"]:
        context = batch.views["context"]
        z = self._joined(latents, len(context))
        embedded = self.dropout(self.embedding(context))
        beside = z.to(embedded.dtype)[:, None].expand(-1, context.shape[1], -1)
        hidden, _ = self.lstm(torch.cat([embedded, beside], -1), self._first_state(z))
        return self.dropout(hidden)

    def start(self, latents: Mapping[str, Tensor], rows: int) -> State:
        z = self._joined(latents, rows)
        hidden, cell = self._first_state(z)
        # what z and the biases add to the gates of layer 0 is the same at every step
        of_input, _, bias = self._weights(0)
        gates = functional.linear(z, of_input[:, self.embedding.embedding_dim :], bias)
        return (gates, *hidden.unbind(0), *cell.unbind(0))

    def _weights(self, layer: int) -> tuple[Tensor, Tensor, Tensor]:
        """The fused kernel's weights of a layer: of its input, of its state, and both biases."""
        weights = [getattr(self.lstm, f"{name}_l{layer}") for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")]
        return weights[0], weights[1], weights[2] + weights[3]

    def step(self, symbols: Int[Tensor, " n"], state: State) -> tuple[Float[Tensor, "n h"], State]:
        layers, width = self.lstm.num_layers, self.embedding.embedding_dim
        constant, hidden, cell = state[0], list(state[1 : 1 + layers]), list(state[1 + layers :])
        below = self.dropout(self.embedding(symbols))
        for layer in range(layers):
            of_input, of_state, bias = self._weights(layer)
            if layer == 0:
                gates = constant + functional.linear(below, of_input[:, :width])
            else:
                gates = functional.linear(below, of_input, bias)
            gates = gates + functional.linear(hidden[layer], of_state)
            enter, keep, new, out = gates.chunk(4, -1)
            cell[layer] = keep.sigmoid() * cell[layer] + enter.sigmoid() * new.tanh()
            hidden[layer] = out.sigmoid() * cell[layer].tanh()
            below = hidden[layer]
        return self.dropout(below), (constant, *hidden, *cell)


class TiedHead(nn.Module):
    """Logits through the embedding table itself (Press and Wolf 2017), after a projection to its width."""

    def __init__(self, embedding: nn.Embedding, hidden: int) -> None:
        super().__init__()
        self.embedding = embedding
        self.project = nn.Linear(hidden, embedding.embedding_dim)
        self.bias = nn.Parameter(torch.zeros(embedding.num_embeddings))

    def forward(self, hidden: Float[Tensor, "m h"]) -> Float[Tensor, "m v"]:
        return functional.linear(self.project(hidden), self.embedding.weight, self.bias)


@dataclass(frozen=True, kw_only=True)
class LSTMSettings:
    """LSTM encoder and decoder."""

    embedding_dim: int = setting(256, help="width of a symbol's vector", ge=1, le=4096)
    hidden_dim: int = setting(256, help="width of the decoder's state", ge=1, le=8192)
    encoder_dim: int | None = setting(None, help="width of the encoder's state; default: hidden_dim", ge=1, le=8192)
    latent_dim: int = setting(32, help="numbers in z; 0 is a plain language model", ge=0, le=4096)
    layers: int = setting(1, help="layers of each network", ge=1, le=8)
    bidirectional: bool = setting(False, help="the encoder reads both ways")
    dropout: float = setting(0.0, help="dropout of embeddings and outputs", ge=0.0, lt=1.0)
    tied: bool = setting(False, help="one table of embeddings: encoder, decoder and output layer")

    def build(self, modality: Sentence, conditions: Sequence[Block] = ()) -> Networks:
        """The networks for a tokenizer's vocabulary."""
        vocabulary = modality.vocabulary
        blocks = [Block(name="z", shape=(self.latent_dim,))] if self.latent_dim else []

        def table() -> nn.Embedding:
            embedding = nn.Embedding(vocabulary, self.embedding_dim)
            nn.init.normal_(embedding.weight, std=self.embedding_dim**-0.5)
            return embedding

        of_decoder = table()
        of_encoder = of_decoder if self.tied else table()
        width = self.encoder_dim or self.hidden_dim
        encoder = LSTMEncoder(of_encoder, width, self.layers, self.bidirectional, self.dropout) if blocks else None
        decoder = LSTMDecoder([*blocks, *conditions], of_decoder, self.hidden_dim, self.layers, self.dropout)
        head = TiedHead(of_decoder, self.hidden_dim) if self.tied else nn.Linear(self.hidden_dim, vocabulary)
        return Networks(
            blocks=[*blocks, *conditions], encoder=encoder, features=width * (2 if self.bidirectional else 1),
            decoder=decoder, likelihood=CategoricalSequence(head),
        )  # fmt: skip
