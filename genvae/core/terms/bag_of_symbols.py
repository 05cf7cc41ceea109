"""The bag-of-words loss (Zhao, Zhao and Eskenazi, "Learning Discourse-level Diversity for Neural Dialog Models using
Conditional Variational Autoencoders", 2017): z alone must tell which symbols an item has, in no order."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from genvae.core.batch import Batch
from genvae.core.latents import block_named
from genvae.core.randomness import Stream
from genvae.core.schedules import Constant, Schedule, within
from genvae.core.symbols import Symbols, vocabulary
from genvae.core.terms.base import Term, TermSettings
from genvae.core.vae import VAE, Draw
from genvae.errors import SettingError
from genvae.settings import setting


class BagOfSymbols(Term):
    """-sum over the target's symbols of log softmax(f(z)) at that symbol, in nats per item.

    f is one hidden layer. The end symbol is left out: every item has it.
    """

    id = "bag-of-symbols"

    def __init__(self, settings: BagOfSymbolsSettings, model: VAE) -> None:
        super().__init__(settings.weight)
        if not model.blocks:
            raise SettingError("term 'bag-of-symbols' needs a latent; this model has none")
        for name in settings.blocks:
            block_named(model.blocks, name, "term 'bag-of-symbols'")
        self.blocks = [block for block in model.blocks if not settings.blocks or block.name in settings.blocks]
        symbols = vocabulary(model.likelihood, "term 'bag-of-symbols'")
        width = sum(block.size for block in self.blocks)
        self.network = nn.Sequential(
            nn.Linear(width, settings.hidden_dim), nn.Tanh(), nn.Linear(settings.hidden_dim, symbols)
        )

    def forward(self, model: VAE, batch: Batch, draw: Draw, step: int | None, stream: Stream) -> Float[Tensor, ""]:
        z = torch.cat([draw.latents[block.name].flatten(1) for block in self.blocks], 1)
        target = batch.views["target"]
        counted = batch.masks["target"] & (target != Symbols.END)
        logits = self.network(z).float()
        # log softmax of the symbols there, without a table of the logarithms of all
        nats = logits.logsumexp(1)[:, None] - logits.gather(1, target)
        return nats.masked_fill(~counted, 0.0).sum() / len(batch)


@dataclass(frozen=True, kw_only=True)
class BagOfSymbolsSettings(TermSettings):
    """z alone must tell which symbols an item has."""

    weight: Schedule = setting(Constant(value=1.0), help="its share of the loss", convert=within(0.0))
    blocks: tuple[str, ...] = setting((), help="the blocks that must tell, all together; default: all there are")
    hidden_dim: int = setting(256, help="width of the network's hidden layer", ge=1, le=8192)

    def build(self, model: VAE) -> BagOfSymbols:
        return BagOfSymbols(self, model)
