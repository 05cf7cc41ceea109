"""An LSTM sentence VAE whose latent is a short sequence of vectors, laid along the line; and one more for all of the
line, where it is asked for.

A symbol's vector stands at its place (Li et al., "Diffusion-LM Improves Controllable Text Generation", 2022, has such
latents), and the decoder attends to the places, whose number is fixed: as the latents of text that are given to a
learned prior are (Lovelace et al., "Latent Diffusion for Language Generation", 2023), at the size of a laptop. One
vector for all of a line makes its decoder a better judge of what lines are alike; places let it say exactly what was
read. With both, a learned prior of the places can be given the vector of the line: moving that vector changes what is
said, and the places say how.
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
from genvae.core.lstm import LSTM
from genvae.core.posteriors.base import Features
from genvae.core.priors.codes import Listing
from genvae.core.vae import Networks
from genvae.settings import setting
from genvae_sentence.heads import output_layer, own_table, sampling, table
from genvae_sentence.lstm import LSTMDecoder, reversed_rows
from genvae_sentence.modality import Sentence

SENTENCE, PLACES = "sentence", "places"  # the blocks
FIRST_BIAS = 3.0  # how surely position t begins by looking at place t


def resampled(
    states: Float[Tensor, "n t h"], mask: Bool[Tensor, "n t"], places: int, empty: Float[Tensor, " h"]
) -> Float[Tensor, "n p h"]:
    """A row's real positions at a fixed number of places: one each, then ``empty`` ones; a row of more positions
    than places is stretched over them, by linear interpolation."""
    lengths = mask.sum(1, keepdim=True)
    step = lengths.clamp(min=places) / places
    point = (torch.arange(places, device=states.device) + 0.5) * step - 0.5
    low = point.floor().clamp(min=0).long()
    share = (point - low).clamp(0.0, 1.0)[..., None].to(states.dtype)

    def at(place: Int[Tensor, "n p"]) -> Float[Tensor, "n p h"]:
        index = place.clamp(max=states.shape[1] - 1)[..., None].expand(-1, -1, states.shape[2])
        return torch.where((place < lengths)[..., None], states.gather(1, index), empty.to(states.dtype))

    if int(lengths.max()) <= places:
        return at(low)
    return torch.lerp(at(low), at(torch.minimum(low + 1, (lengths - 1).clamp(min=places - 1))), share)


class PlacesEncoder(nn.Module):
    """Reads the view "input"; the feature "places" is a vector a place: that of the symbol that stands there, and of
    nothing else, so that a prior can have a code for each symbol. The "summary" is what both directions of an LSTM say
    at their ends, beside the mean over all positions of the symbols and of what is said there; where nobody is to know
    more (``hidden`` 0), it is the mean of the symbols."""

    def __init__(self, embedding: nn.Embedding, hidden: int, places: int, dropout: float) -> None:
        super().__init__()
        self.embedding = embedding
        self.places = places
        self.dropout = nn.Dropout(dropout)
        width = embedding.embedding_dim
        self.forwards = LSTM(width, hidden, batch_first=True) if hidden else None
        self.backwards = LSTM(width, hidden, batch_first=True) if hidden else None
        self.empty = nn.Parameter(torch.randn(width) * width**-0.5)

    def forward(self, batch: Batch) -> Features:
        mask = batch.masks["input"]
        symbols = self.embedding(batch.views["input"])
        at_places = resampled(symbols, mask, self.places, self.empty) * symbols.shape[-1] ** 0.5
        return {PLACES: at_places, "summary": self._summary(self.dropout(symbols), mask)}

    def _summary(self, embedded: Float[Tensor, "n t w"], mask: Bool[Tensor, "n t"]) -> Float[Tensor, "n f"]:
        states, ends = [embedded], []
        if self.forwards is not None and self.backwards is not None:
            ahead = self.forwards(embedded)[0]
            back = reversed_rows(self.backwards(reversed_rows(embedded, mask))[0], mask)
            last = (mask.sum(1) - 1)[:, None, None].expand(-1, 1, ahead.shape[-1])
            ends = [ahead.gather(1, last)[:, 0], back[:, 0]]
            states = [embedded.to(ahead.dtype), ahead, back]
        mean = (torch.cat(states, -1) * mask[..., None]).sum(1) / mask.sum(1, keepdim=True)
        return torch.cat([*ends, mean], -1)

    def listed(self, block: str) -> Listing | None:
        """Of the places: every symbol, and last the empty place, which all places after a line hold."""
        if block != PLACES:
            return None
        things = torch.cat([self.embedding.weight, self.empty[None]])
        short = -len(things) % self.places
        filled = torch.cat([things, self.empty.expand(short, -1)]).reshape(-1, self.places, things.shape[1])
        return Listing({PLACES: filled * things.shape[1] ** 0.5}, len(things), last=len(things) - 1)


class PlacesDecoder(SequenceDecoder):
    """The LSTM decoder without the places beside the symbols: they give its first state, and are attended to by each
    position, by what they hold and by where they are. Conditions are beside every symbol (``whole``). The vector of
    the line is no concern of it: what is said of the line is said by the places.

    With ``reading`` both directions of another LSTM read the places, so that each is attended to by what stands around
    it, too, and what is seen passes a layer beside what was said (Luong, Pham and Manning, "Effective Approaches to
    Attention-based Neural Machine Translation", 2015): a decoder that says something else than what it is given has to
    know where in it it is.
    """

    def __init__(
        self,
        block: Block,
        whole: Sequence[Block],
        embedding: nn.Embedding,
        hidden: int,
        keys: int,
        longest: int,
        dropout: float,
        reading: int = 0,
    ) -> None:
        super().__init__()
        places, width = block.shape
        self.ahead = LSTM(width, reading, batch_first=True) if reading else None
        self.back = LSTM(width, reading, batch_first=True) if reading else None
        width += 2 * reading
        self.beneath = LSTMDecoder(whole, embedding, hidden, 1, dropout, first=[block, *whole])
        self.query = nn.Linear(hidden, keys)
        self.key = nn.Linear(width, keys)
        self.value = nn.Linear(width, hidden)
        self.place = nn.Parameter(torch.randn(places, keys) * 0.3)
        look = torch.zeros(longest + 1, places)
        look.fill_diagonal_(FIRST_BIAS)
        self.look = nn.Parameter(look)
        self.join = nn.Linear(2 * hidden, hidden) if reading else None
        self.dropout = nn.Dropout(dropout)

    def _memory(self, latents: Mapping[str, Tensor]) -> tuple[Float[Tensor, "n p k"], Float[Tensor, "n p h"]]:
        places: Float[Tensor, "n p d"] = latents[PLACES].to(self.place.dtype)
        if self.ahead is not None and self.back is not None:
            ahead, back = self.ahead(places)[0], self.back(places.flip(1))[0].flip(1)
            places = self.dropout(torch.cat([places.to(ahead.dtype), ahead, back], -1))
        return self.key(places) + self.place, self.value(places)

    def _attended(
        self,
        hidden: Float[Tensor, "n t h"],
        keys: Float[Tensor, "n p k"],
        values: Float[Tensor, "n p h"],
        look: Float[Tensor, "*t p"],
    ) -> Float[Tensor, "n t h"]:
        scores = self.query(hidden) @ keys.transpose(1, 2) * keys.shape[-1] ** -0.5 + look
        seen = scores.softmax(-1).to(values.dtype) @ values
        if self.join is None:
            return hidden + seen
        return hidden + seen + self.dropout(functional.silu(self.join(torch.cat([hidden, seen.to(hidden.dtype)], -1))))

    def _look(self, positions: Int[Tensor, " m"]) -> Float[Tensor, "m p"]:
        return self.look[positions.clamp(max=len(self.look) - 1)]

    def forward(self, latents: Mapping[str, Tensor], batch: Batch) -> Float[Tensor, "n t h"]:
        hidden = self.beneath(latents, batch)
        keys, values = self._memory(latents)
        positions = torch.arange(hidden.shape[1], device=hidden.device)
        return self._attended(hidden, keys, values, self._look(positions))

    def start(self, latents: Mapping[str, Tensor], rows: int) -> State:
        keys, values = self._memory(latents)
        position = torch.zeros(rows, dtype=torch.int64, device=keys.device)
        return (position, keys, values, *self.beneath.start(latents, rows))

    def step(self, symbols: Int[Tensor, " n"], state: State) -> tuple[Float[Tensor, "n h"], State]:
        position, keys, values, *beneath = state
        hidden, after = self.beneath.step(symbols, tuple(beneath))
        seen = self._attended(hidden[:, None], keys, values, self._look(position)[:, None])
        return seen[:, 0], (position + 1, keys, values, *after)


@dataclass(frozen=True, kw_only=True)
class PlacesSettings:
    """LSTM encoder and decoder with a short sequence of vectors along the line, the block places."""

    places: int = setting(16, help="vectors along the line; lines of more symbols share them", ge=1, le=256)
    place_dim: int = setting(16, help="numbers in each of them", ge=1, le=1024)
    sentence_dim: int = setting(0, help="numbers in the block sentence, a vector of all of the line that a learned "
                                "prior of the places is given; 0: none", ge=0, le=4096)  # fmt: skip
    embedding_dim: int = setting(192, help="width of a symbol's vector", ge=1, le=4096)
    hidden_dim: int = setting(320, help="width of the decoder's state", ge=1, le=8192)
    encoder_dim: int = setting(128, help="width of the encoder's state in each direction, for the block sentence", ge=1,
                               le=8192)  # fmt: skip
    key_dim: int = setting(96, help="width in which the decoder looks for a place", ge=1, le=1024)
    reading_dim: int = setting(0, help="width of the state by which the decoder reads around each place, each way; 0: "
                               "it sees the places themselves alone", ge=0, le=8192)  # fmt: skip
    dropout: float = setting(0.0, help="dropout of embeddings and outputs", ge=0.0, lt=1.0)
    tied: bool = setting(True, help="one table of embeddings: encoder, decoder and output layer")
    own_table: bool = own_table()
    sampled_gradient: float = sampling()

    def build(self, modality: Sentence, conditions: Sequence[Block] = ()) -> Networks:
        """The networks for a tokenizer's vocabulary."""
        block = Block(name=PLACES, shape=(self.places, self.place_dim))
        sentence = [Block(name=SENTENCE, shape=(self.sentence_dim,))] if self.sentence_dim else []
        of_decoder = table(modality.vocabulary, self.embedding_dim)
        shares = self.tied and not self.own_table
        of_encoder = of_decoder if shares else table(modality.vocabulary, self.embedding_dim)
        width = self.embedding_dim
        decoder = PlacesDecoder(
            block,
            conditions,
            of_decoder,
            self.hidden_dim,
            self.key_dim,
            modality.max_length,
            self.dropout,
            self.reading_dim,
        )
        head = output_layer(of_decoder, self.hidden_dim, self.tied)
        encoder_dim = self.encoder_dim if sentence else 0  # a place is told by its own symbol
        return Networks(
            blocks=[*sentence, block, *conditions], own={PLACES: width}, features=4 * encoder_dim + width,
            encoder=PlacesEncoder(of_encoder, encoder_dim, self.places, self.dropout), decoder=decoder,
            likelihood=CategoricalSequence(head, self.sampled_gradient),
        )  # fmt: skip
