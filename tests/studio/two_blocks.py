"""A plugin of somebody else's: sentences whose latent has two blocks. The page Mix must know nothing of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from genvae.core.latents import Block
from genvae.core.vae import Networks
from genvae.host import Part, hookimpl
from genvae_sentence.lstm import LSTMDecoder, LSTMSettings, table
from genvae_sentence.modality import Sentence

genvae_api = "1.0"


@dataclass(frozen=True, kw_only=True)
class TwoBlocks(LSTMSettings):
    """The LSTM with the halves of its latent as blocks of their own."""

    def build(self, modality: Sentence, conditions: Sequence[Block] = ()) -> Networks:
        """The networks."""
        made = super().build(modality)
        blocks = [Block(name=name, shape=(self.latent_dim // 2,)) for name in ("topic", "mood")]
        decoder = LSTMDecoder(
            blocks,
            table(modality.vocabulary, self.embedding_dim),
            self.hidden_dim,
            self.layers,
            self.dropout,
            self.skip,
        )
        return Networks(
            blocks=blocks, encoder=made.encoder, features=made.features, decoder=decoder, likelihood=made.likelihood
        )


@hookimpl
def genvae_parts() -> list[Part]:
    """Its architecture."""
    return [
        Part(kind="architecture", id="two-blocks", factory="tests.studio.two_blocks:TwoBlocks", modality="sentence",
             summary="topic and mood"),
    ]  # fmt: skip
