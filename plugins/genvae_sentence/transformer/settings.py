"""The settings of the transformer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from genvae.core.latents import Block
from genvae.core.likelihoods import CategoricalSequence
from genvae.core.vae import Networks
from genvae.errors import SettingError, nearest
from genvae.settings import setting
from genvae_sentence.encoder import PSEUDO_LENGTH
from genvae_sentence.heads import output_layer, own_table, sampling, table
from genvae_sentence.modality import Sentence
from genvae_sentence.transformer.blocks import Shape
from genvae_sentence.transformer.networks import ADDITION, PREFIX, WAYS, TransformerDecoder, TransformerEncoder

BYTES = 4  # most symbols that a character becomes: the bytes of its UTF-8 form


def _ways(value: Any) -> Any:
    """One way or several, each known and named once."""
    ways = (value,) if isinstance(value, str) else value
    if not isinstance(ways, list | tuple) or not ways:
        raise SettingError(f"z_by = {value!r} must be one or several of: {', '.join(WAYS)}")
    for way in ways:
        if way not in WAYS:
            raise SettingError(f"z_by: unknown way {way!r}; {nearest(str(way), WAYS)}")
    if len(set(ways)) != len(ways):
        raise SettingError(f"z_by names a way twice: {', '.join(ways)}")
    return ways


@dataclass(frozen=True, kw_only=True)
class TransformerSettings:
    """Pre-norm transformer encoder and decoder."""

    hidden_dim: int = setting(256, help="width of symbols' vectors and of every layer", ge=2, le=8192)
    latent_dim: int = setting(32, help="numbers in z; 0 is a plain language model", ge=0, le=4096)
    layers: int = setting(4, help="layers of the decoder", ge=1, le=48)
    encoder_layers: int | None = setting(None, help="layers of the encoder; default: layers", ge=1, le=48)
    heads: int = setting(4, help="attention heads of a layer; they divide hidden_dim", ge=1, le=128)
    feedforward_dim: int | None = setting(
        None, help="inner width of the feed-forward networks; default: 4 hidden_dim", ge=1, le=65_536
    )
    positions: str = setting("rotary", help="how positions are told apart", choices=("rotary", "learned"))
    z_by: tuple[str, ...] = setting(
        (PREFIX, ADDITION), help="how z reaches the decoder: prefix, addition, cross-attention", convert=_ways
    )
    prefix_positions: int = setting(1, help="positions that z takes before the first symbol", ge=1, le=64)
    cross_vectors: int = setting(4, help="vectors that z becomes for cross-attention", ge=2, le=64)
    skip: bool = setting(False, help="z reaches the output layer past the layers, too")
    pooling: str = setting("attention", help="the encoder's summary", choices=("attention", "mean", "max"))
    dropout: float = setting(0.0, help="dropout of embeddings and of what each layer adds", ge=0.0, lt=1.0)
    tied: bool = setting(False, help="one table of embeddings: encoder, decoder and output layer")
    own_table: bool = own_table()
    sampled_gradient: float = sampling()

    def build(self, modality: Sentence, conditions: Sequence[Block] = ()) -> Networks:
        """The networks for a tokenizer's vocabulary; raises SettingError for heads that do not fit."""
        width = self.hidden_dim
        if width % self.heads:
            raise SettingError(f"hidden_dim = {width} must be a multiple of heads = {self.heads}")
        if self.positions == "rotary" and width // self.heads % 2:
            raise SettingError(
                f"rotary positions need heads of an even width, and {width} / {self.heads} is odd: change heads or "
                "hidden_dim, or set positions=learned"
            )
        blocks = [Block(name="z", shape=(self.latent_dim,))] if self.latent_dim else []
        of_decoder = table(modality.vocabulary, width)
        encoder = None
        if blocks:
            shares = self.tied and not self.own_table
            of_encoder = of_decoder if shares else table(modality.vocabulary, width)
            encoder = TransformerEncoder(of_encoder, self._shape(modality, self.encoder_layers), self.pooling)
        decoder = TransformerDecoder(
            [*blocks, *conditions], of_decoder, self._shape(modality, ahead=self.prefix_positions),
            ways=self.z_by, prefix=self.prefix_positions, vectors=self.cross_vectors, skip=self.skip,
        )  # fmt: skip
        return Networks(
            blocks=[*blocks, *conditions], encoder=encoder, features=width, decoder=decoder,
            likelihood=CategoricalSequence(output_layer(of_decoder, width, self.tied), self.sampled_gradient),
        )  # fmt: skip

    def _shape(self, modality: Sentence, layers: int | None = None, ahead: int = 0) -> Shape:
        # the longest line with its begin symbol, or a pseudo-input
        longest = max(BYTES * modality.max_length + 1, PSEUDO_LENGTH) + ahead
        return Shape(
            width=self.hidden_dim, heads=self.heads, inner=self.feedforward_dim or 4 * self.hidden_dim,
            layers=layers or self.layers, dropout=self.dropout,
            positions=longest if self.positions == "learned" else None,
        )  # fmt: skip
