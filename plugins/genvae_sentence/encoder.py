"""What the encoders of sentences share: they read symbols, or sequences of vectors that stand for none."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from genvae.core.batch import Batch
from genvae.core.posteriors.base import Features
from genvae.core.symbols import Symbols

PSEUDO_LENGTH = 12  # vectors of a pseudo-input: about a short sentence


class SentenceEncoder(nn.Module, ABC):
    """Reads the view "input". The feature "summary" is one vector an item.

    Pseudo-inputs (Tomczak and Welling, "VAE with a VampPrior", 2018) are sequences of vectors in the space of the
    embeddings: a prior learns them, and asks what the encoder makes of them.
    """

    embedding: nn.Embedding

    def forward(self, batch: Batch) -> Features:
        return {"summary": self.summary(self.embedding(batch.views["input"]), batch.masks["input"])}

    @abstractmethod
    def summary(self, embedded: Float[Tensor, "n t e"], mask: Bool[Tensor, "n t"]) -> Float[Tensor, "n h"]:
        """One vector a row; ``mask`` says which positions are real, and those come first."""

    def pseudo(self, count: int) -> Float[Tensor, "k t e"]:
        """Pseudo-inputs to begin with: embeddings of symbols drawn by torch's generator, the special ones left out."""
        weight = self.embedding.weight.detach()
        first = min(Symbols.COUNT, len(weight) - 1)
        return weight[torch.randint(first, len(weight), (count, PSEUDO_LENGTH)).to(weight.device)].clone()

    def read(self, pseudo: Float[Tensor, "k t e"]) -> Features:
        """The features of pseudo-inputs, one row each; all their positions are real."""
        mask = torch.ones(pseudo.shape[:2], dtype=torch.bool, device=pseudo.device)
        return {"summary": self.summary(pseudo, mask)}
