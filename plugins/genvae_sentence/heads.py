"""What the architectures of sentences share: tables of embeddings, output layers, latents as one vector."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from genvae.core.likelihoods.sequence import Head, LinearHead
from genvae.settings import setting


def table(symbols: int, width: int) -> nn.Embedding:
    """Embeddings of length about 1."""
    embedding = nn.Embedding(symbols, width)
    nn.init.normal_(embedding.weight, std=width**-0.5)
    return embedding


class TiedHead(Head):
    """Logits through the embedding table itself (Press and Wolf 2017), after a projection to its width."""

    def __init__(self, embedding: nn.Embedding, hidden: int) -> None:
        super().__init__()
        self.embedding = embedding
        self.project = nn.Linear(hidden, embedding.embedding_dim)
        self.bias = nn.Parameter(torch.zeros(embedding.num_embeddings))

    def inner(self, hidden: Float[Tensor, "*m h"]) -> Float[Tensor, "*m e"]:
        return self.project(hidden)

    def linear(self) -> tuple[Float[Tensor, "v e"], Float[Tensor, " v"]]:
        return self.embedding.weight, self.bias


def output_layer(embedding: nn.Embedding, hidden: int, tied: bool) -> Head:
    """From a position's vector to logits: through the decoder's own table, or by weights of its own."""
    return TiedHead(embedding, hidden) if tied else LinearHead(hidden, embedding.num_embeddings)


def own_table() -> Any:
    """The setting that takes the encoder out of what ``tied`` ties."""
    return setting(
        False,
        help="with tied: the encoder has a table of its own all the same, so that the decoder can be reset without it",
    )


def sampling() -> Any:
    """The setting of the output layer's sampled gradient (see ``genvae.core.likelihoods.linear_cross_entropy``)."""
    return setting(
        0.0,
        help="trains a large vocabulary faster: the noise that sampling the output layer's gradient may add, as a "
        "share of what the batch's own choice adds (0.1, say); 0 works all of it out",
        ge=0.0,
        le=1.0,
    )


def joined(
    latents: Mapping[str, Tensor], names: Sequence[str], rows: int, like: Float[Tensor, "*any"]
) -> Float[Tensor, "n z"]:
    """The named blocks of each row as one vector; of no numbers, where there are none."""
    parts = [latents[name].flatten(1) for name in names]
    return torch.cat(parts, 1) if parts else like.new_zeros(rows, 0)


@torch.no_grad()
def draw_uniformly(modules: Iterable[nn.Module | None], weights: float | None, embeddings: float | None) -> None:
    """Draw the weights of some modules anew, from -range to range: those of tables of embeddings by their own
    range, all others by ``weights``. Without a range they stay."""
    for part in nn.ModuleList([module for module in modules if module is not None]).modules():
        span = embeddings if isinstance(part, nn.Embedding) else weights
        if span is not None:
            for parameter in part.parameters(recurse=False):
                parameter.uniform_(-span, span)
