"""What is asked of a model: combinations of values, as often as training lines have them, or evenly."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from genvae.core.decoding.options import Decoding
from genvae.core.latents import take
from genvae.core.randomness import Stream
from genvae.core.told import guided
from genvae.evaluation.evaluation import TILE
from genvae.store.bundle import Bundle
from genvae_conditional.measures.obedience import Labels, combinations
from genvae_conditional.rules.english import labels

NAMES = ("form", "negation", "tense", "subject")
LEAST = 50  # training lines that a combination has


class Wishes:
    """The combinations of all four values that at least LEAST training lines have, and how many do."""

    def __init__(self, lines: Sequence[str], least: int = LEAST) -> None:
        self.counts = combinations([labels(line) for line in lines], NAMES, least)

    def together(self, count: int, seed: int, *, evenly: bool) -> list[Labels]:
        """All four at once, drawn by the counts or evenly."""
        weights = torch.tensor([1.0 if evenly else float(n) for n in self.counts.values()], dtype=torch.float64)
        return self._drawn(list(self.counts), weights, count, seed)

    def alone(self, name: str, count: int, seed: int) -> list[Labels]:
        """One condition by itself, its values evenly; the model draws the others."""
        place = NAMES.index(name)
        values = list(dict.fromkeys(key[place] for key in self.counts))
        weights = torch.ones(len(values), dtype=torch.float64)
        return self._drawn([(value,) for value in values], weights, count, seed, (name,))

    @staticmethod
    def _drawn(
        keys: Sequence[tuple[str, ...]], weights: Tensor, count: int, seed: int, names: Sequence[str] = NAMES
    ) -> list[Labels]:
        uniform = Stream(seed, "wishes").uniform(torch.arange(count), 1)[:, 0].double()
        sums = weights.cumsum(0)
        chosen = torch.searchsorted(sums, uniform * sums[-1], right=True).clamp(max=len(keys) - 1)
        return [dict(zip(names, keys[number], strict=True)) for number in chosen.tolist()]


@torch.no_grad()
def said(
    bundle: Bundle, wishes: Sequence[Labels], seed: int, scale: float = 1.0, guidance: float = 1.0
) -> list[str]:  # fmt: skip
    """A line for each wish, as the service would generate it; what is not asked for is drawn beside what is."""
    vae, stream = guided(bundle.vae, guidance), Stream(seed, "samples")
    found: list[str] = []
    for first in range(0, len(wishes), TILE):
        some = wishes[first : first + TILE]
        items = torch.arange(first, first + len(some))
        rows = {n: torch.stack([vae.conditions[n].ask(wish[n]) for wish in some]) for n in wishes[0]}
        latents = vae.sample_prior(items, stream, scale=scale, observed=rows)
        found += bundle.modality.render(vae, take(latents, slice(len(some))), items, Decoding(), stream, faithful=False)
    return found
