"""q(c|x): what a network says of a condition's values, from what an encoder sees of the item."""

from __future__ import annotations

import copy

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from genvae.core.batch import Batch
from genvae.core.latents import Block
from genvae.core.posteriors.base import BlockHead, Features
from genvae.core.vae import VAE
from genvae.errors import LacksCapability


def widths(model: VAE) -> dict[str, int]:
    """The features that a model's posterior is made from, and the width of each; {} where that cannot be told."""
    if model.posterior is None:
        return {}
    return {head.source: head.in_features for head in model.posterior.modules() if isinstance(head, BlockHead)}


class Recogniser(nn.Module):
    """Logits of a condition's values, (n, k).

    It reads what the model's own encoder sees of an item (``own`` False), or has an encoder of its own that begins as a
    copy of that one: then what tells the values apart need not be what the latent is made from.
    """

    def __init__(self, model: VAE, block: Block, *, own: bool, hidden: int, dropout: float) -> None:
        super().__init__()
        self.block = block
        self.sources = widths(model)
        if model.encoder is None or not self.sources:
            raise LacksCapability(
                f"q({block.name}|x) reads what the encoder says of an item, and this model has no encoder whose "
                "features are known"
            )
        self.encoder = copy.deepcopy(model.encoder) if own else None
        self.first = nn.Linear(sum(self.sources.values()), hidden)
        self.dropout = nn.Dropout(dropout)
        self.last = nn.Linear(hidden, block.size)

    def forward(self, model: VAE, batch: Batch) -> Float[Tensor, "n k"]:
        zeros = torch.zeros(len(batch), *self.block.shape, device=batch.items.device)
        blind = batch.knowing(**{self.block.name: zeros})  # what is to be told must not be seen
        features = self.encoder(blind) if self.encoder is not None else model.encode(blind)
        hidden = functional.silu(self.first(self._joined(features)))
        found: Tensor = self.last(self.dropout(hidden))
        return found.float()

    def _joined(self, features: Features) -> Float[Tensor, "n f"]:
        """All features side by side, those of many places as their mean."""
        parts = [features[name] for name in self.sources]
        return torch.cat([part if part.dim() == 2 else part.flatten(1, -2).mean(1) for part in parts], 1)
