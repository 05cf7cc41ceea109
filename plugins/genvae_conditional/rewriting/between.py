"""Decoding between an item's own conditions and others, and beyond them.

A decoder says a + s (b - a) of what it says under the one (a) and the other (b): classifier-free guidance (Ho and
Salimans, 2022) whose starting point is what the item is, not nothing. Of a sequence that is the same step in the
logits, so s between 0 and 1 is a geometric mean of both; of a factorised likelihood it is one in the parameters.
"""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from genvae.core.likelihoods.sequence import SequenceDecoder
from genvae.core.told import Guided, GuidedSequence
from genvae.core.vae import VAE

OWN = "own/"  # before a block's name: the rows that the items had


class Between(Guided):
    """From an item's own blocks, which lie beside the others under ``OWN`` + name, to those."""

    def origin(self, latents: Mapping[str, Tensor]) -> dict[str, Tensor]:
        return {name: latents.get(OWN + name, value) for name, value in latents.items()}


class BetweenSequence(Between, GuidedSequence):
    """The same, symbol by symbol."""


def between(model: VAE, strength: float) -> VAE:
    """The model whose decoder goes so far; 1 is the model itself."""
    if strength == 1.0:
        return model
    kind = BetweenSequence if isinstance(model.decoder, SequenceDecoder) else Between
    return model.using(decoder=kind(model.decoder, list(model.conditions), strength).eval())
