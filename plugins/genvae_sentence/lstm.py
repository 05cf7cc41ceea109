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
from genvae.core.lstm import LSTM, gated
from genvae.core.vae import Networks
from genvae.settings import setting
from genvae_sentence.encoder import SentenceEncoder
from genvae_sentence.heads import draw_uniformly, joined, output_layer, own_table, sampling, table
from genvae_sentence.modality import Sentence
from genvae_sentence.pooling import pooling
from genvae_sentence.skip import Skip


def _last(hidden: Float[Tensor, "n t h"], lengths: Int[Tensor, " n"]) -> Float[Tensor, "n h"]:
    """The vector at each row's last real position."""
    return hidden[torch.arange(len(hidden), device=hidden.device), lengths - 1]


def reversed_rows(embedded: Float[Tensor, "n t e"], mask: Bool[Tensor, "n t"]) -> Float[Tensor, "n t e"]:
    """Each row's real positions in reverse, padding kept at the end."""
    lengths = mask.sum(1)
    place = torch.arange(mask.shape[1], device=mask.device)
    back = (lengths[:, None] - 1 - place).clamp(min=0)
    return embedded.gather(1, back[..., None].expand_as(embedded))


class LSTMEncoder(SentenceEncoder):
    """The summary is the last state of each direction, or a pooling of the states at every position."""

    def __init__(
        self,
        embedding: nn.Embedding,
        hidden: int,
        layers: int,
        bidirectional: bool,
        dropout: float,
        pooled: str = "last",
    ) -> None:
        super().__init__()
        self.embedding = embedding
        self.dropout = nn.Dropout(dropout)
        inner = dropout if layers > 1 else 0.0
        width = embedding.embedding_dim
        self.forwards = LSTM(width, hidden, layers, batch_first=True, dropout=inner)
        self.backwards = LSTM(width, hidden, layers, batch_first=True, dropout=inner) if bidirectional else None
        self.pool = None if pooled == "last" else pooling(pooled, hidden * (2 if bidirectional else 1))

    def summary(self, embedded: Float[Tensor, "n t e"], mask: Bool[Tensor, "n t"]) -> Float[Tensor, "n h"]:
        embedded = self.dropout(embedded)
        states = [self.forwards(embedded)[0]]
        if self.backwards is not None:
            states.append(self.backwards(reversed_rows(embedded, mask))[0])
        if self.pool is None:
            return torch.cat([_last(hidden, mask.sum(1)) for hidden in states], -1)
        # both directions' states of a position side by side
        return self.pool(torch.cat([states[0], *(reversed_rows(hidden, mask) for hidden in states[1:])], -1), mask)


class LSTMDecoder(SequenceDecoder):
    """Reads the view "context"; z is beside every symbol and gives the first state, and reaches the output layer
    past the LSTM where ``skip`` is set. ``first`` are the blocks that give the state; default: all of them."""

    def __init__(
        self,
        blocks: Sequence[Block],
        embedding: nn.Embedding,
        hidden: int,
        layers: int,
        dropout: float,
        skip: bool = False,
        first: Sequence[Block] | None = None,
    ) -> None:
        super().__init__()
        self.names = [block.name for block in blocks]
        self.of_first = [block.name for block in (blocks if first is None else first)]
        self.embedding = embedding
        self.dropout = nn.Dropout(dropout)
        size = sum(block.size for block in blocks)
        inner = dropout if layers > 1 else 0.0
        self.lstm = LSTM(embedding.embedding_dim + size, hidden, layers, batch_first=True, dropout=inner)
        begun = size if first is None else sum(block.size for block in first)
        self.first = nn.Linear(begun, layers * hidden) if begun else None
        self.skip = Skip(size, hidden) if size and skip else None

    def _joined(self, latents: Mapping[str, Tensor], rows: int) -> Float[Tensor, "n z"]:
        return joined(latents, self.names, rows, self.embedding.weight)

    def _first_state(
        self, latents: Mapping[str, Tensor], rows: int
    ) -> tuple[Float[Tensor, "l n h"], Float[Tensor, "l n h"]]:
        if self.first is None:
            zeros = self.embedding.weight.new_zeros(self.lstm.num_layers, rows, self.lstm.hidden_size)
            return zeros, zeros
        z = joined(latents, self.of_first, rows, self.embedding.weight)
        cell = self.first(z).reshape(rows, self.lstm.num_layers, -1).transpose(0, 1).contiguous()
        return cell.tanh(), cell

    def forward(self, latents: Mapping[str, Tensor], batch: Batch) -> Float[Tensor, "n t h"]:
        context = batch.views["context"]
        z = self._joined(latents, len(context))
        embedded = self.dropout(self.embedding(context))
        beside = z.to(embedded.dtype)[:, None].expand(-1, context.shape[1], -1)
        hidden, _ = self.lstm(torch.cat([embedded, beside], -1), self._first_state(latents, len(context)))
        hidden = self.dropout(hidden)
        return hidden if self.skip is None else hidden + self.skip(z)[:, None]

    def start(self, latents: Mapping[str, Tensor], rows: int) -> State:
        z = self._joined(latents, rows)
        hidden, cell = self._first_state(latents, rows)
        # what z and the biases add to the gates of layer 0 is the same at every step, and so is the skip
        of_input, _, bias = self.lstm.weights(0)
        gates = functional.linear(z, of_input[:, self.embedding.embedding_dim :], bias)
        past = () if self.skip is None else (self.skip(z),)
        return (gates, *hidden.unbind(0), *cell.unbind(0), *past)

    def step(self, symbols: Int[Tensor, " n"], state: State) -> tuple[Float[Tensor, "n h"], State]:
        layers, width = self.lstm.num_layers, self.embedding.embedding_dim
        constant, hidden, cell = state[0], list(state[1 : 1 + layers]), list(state[1 + layers : 1 + 2 * layers])
        past = state[1 + 2 * layers :]
        below = self.dropout(self.embedding(symbols))
        for layer in range(layers):
            of_input, of_state, bias = self.lstm.weights(layer)
            if layer == 0:
                gates = constant + functional.linear(below, of_input[:, :width])
            else:
                gates = functional.linear(below, of_input, bias)
            gates = gates + functional.linear(hidden[layer], of_state)
            hidden[layer], cell[layer] = gated(gates, cell[layer])
            below = hidden[layer]
        return sum(past, self.dropout(below)), (constant, *hidden, *cell, *past)


@dataclass(frozen=True, kw_only=True)
class LSTMSettings:
    """LSTM encoder and decoder."""

    embedding_dim: int = setting(256, help="width of a symbol's vector", ge=1, le=4096)
    hidden_dim: int = setting(256, help="width of the decoder's state", ge=1, le=8192)
    encoder_dim: int | None = setting(None, help="width of the encoder's state; default: hidden_dim", ge=1, le=8192)
    latent_dim: int = setting(32, help="numbers in z; 0 is a plain language model", ge=0, le=4096)
    layers: int = setting(1, help="layers of each network", ge=1, le=8)
    bidirectional: bool = setting(False, help="the encoder reads both ways")
    pooling: str = setting(
        "last",
        help="the encoder's summary: its last state, or one of all states",
        choices=("last", "max", "mean", "attention"),
    )
    skip: bool = setting(False, help="z reaches the output layer past the LSTM, too")
    dropout: float = setting(0.0, help="dropout of embeddings and outputs", ge=0.0, lt=1.0)
    tied: bool = setting(False, help="one table of embeddings: encoder, decoder and output layer")
    own_table: bool = own_table()
    sampled_gradient: float = sampling()
    init_range: float | None = setting(
        None, help="first weights are uniform from minus to plus this; default: 1 / sqrt(width)", gt=0.0, le=1.0
    )
    embedding_range: float | None = setting(
        None, help="first embeddings are uniform from minus to plus this; default: normal, of length 1", gt=0.0, le=1.0
    )
    forget_bias: float = setting(0.0, help="added to the first biases of the forget gates", ge=-5.0, le=5.0)

    def build(self, modality: Sentence, conditions: Sequence[Block] = ()) -> Networks:
        """The networks for a tokenizer's vocabulary."""
        blocks = [Block(name="z", shape=(self.latent_dim,))] if self.latent_dim else []
        of_decoder = table(modality.vocabulary, self.embedding_dim)
        shares = self.tied and not self.own_table
        of_encoder = of_decoder if shares else table(modality.vocabulary, self.embedding_dim)
        width = self.encoder_dim or self.hidden_dim
        encoder = None
        if blocks:
            encoder = LSTMEncoder(of_encoder, width, self.layers, self.bidirectional, self.dropout, self.pooling)
        decoder = LSTMDecoder(
            [*blocks, *conditions], of_decoder, self.hidden_dim, self.layers, self.dropout, self.skip
        )  # fmt: skip
        head = output_layer(of_decoder, self.hidden_dim, self.tied)
        draw_uniformly((encoder, decoder, head), self.init_range, self.embedding_range)
        for part in (encoder, decoder):
            _remember(part, self.forget_bias)
        return Networks(
            blocks=[*blocks, *conditions], encoder=encoder, features=width * (2 if self.bidirectional else 1),
            decoder=decoder, likelihood=CategoricalSequence(head, self.sampled_gradient),
        )  # fmt: skip


@torch.no_grad()
def _remember(network: nn.Module | None, bias: float) -> None:
    """Add to the forget gates' biases: at 1 an LSTM begins by keeping most of its cell from step to step
    (Jozefowicz, Zaremba and Sutskever, "An Empirical Exploration of Recurrent Network Architectures", 2015)."""
    for lstm in network.modules() if network is not None else ():
        if isinstance(lstm, nn.LSTM):
            for layer in range(lstm.num_layers):
                # the gates of a layer lie in the order input, forget, cell, output
                getattr(lstm, f"bias_ih_l{layer}").chunk(4)[1].add_(bias)
