"""The passes over data that measures share, each made once when first asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from genvae.core.bounds import Bound, importance_weighted
from genvae.core.randomness import Stream
from genvae.core.vae import VAE
from genvae.data.batching import Batches
from genvae.data.modality import Modality
from genvae.evaluation.collapse import Usage, gaussian_parts, usage_of
from genvae.host import Host


@dataclass
class Evaluation:
    """A model on some items. ``samples`` are importance samples; ``judge`` are real items that only
    judges are trained on."""

    model: VAE
    modality: Modality
    modality_id: str
    batches: Batches
    samples: int = 10
    seed: int = 0
    judge: Sequence[Any] | None = None

    @cached_property
    def bound(self) -> Bound:
        """The bounds of every item, in the order of ``examples``."""
        found = [
            importance_weighted(self.model, batch, Stream(self.seed, "evaluation"), samples=self.samples)
            for batch in self.batches.in_order()
        ]
        return Bound(torch.cat([b.elbo for b in found]), torch.cat([b.log_likelihood for b in found]), found[0].samples)

    @cached_property
    def examples(self) -> list[dict[str, Any]]:
        """The examples, in the order in which batches come."""
        rows = [int(row) for batch in self.batches.in_order() for row in batch.items]
        columns = self.batches.examples[rows]
        return [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]

    @cached_property
    @torch.no_grad()
    def usage(self) -> Usage:
        """How much of the latent is used."""
        total, items = 0.0, 0
        parts: list[tuple[Tensor, Tensor, Tensor]] = []
        for batch in self.batches.in_order():
            draw = self.model.infer(batch, Stream(self.seed, "evaluation"))
            total += sum(float(draw.rate(b).sum()) for b in self.model.blocks if b.name in draw.posteriors)
            items += len(batch)
            gaussian = gaussian_parts(draw)
            if gaussian is not None:
                parts.append(gaussian)
        return usage_of(total / items, parts, self.model.latent_dim)


def measured(evaluation: Evaluation, host: Host) -> dict[str, Any]:
    """Every measure that is for any modality or for this one, in one dictionary."""
    figures: dict[str, Any] = {}
    for part in host.parts("measure"):
        if part.modality in ("", evaluation.modality_id):
            figures.update(host.load("measure", part.id)(evaluation))
    return figures
