"""A look at the held-out items."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import reduce

import torch
from torch import Tensor

from genvae.core.corruption import Corruption
from genvae.core.objectives.base import Objective
from genvae.core.randomness import Stream
from genvae.core.vae import VAE
from genvae.data.batching import Source
from genvae.evaluation.collapse import Usage, gaussian_parts, usage_of


@dataclass(frozen=True)
class Validation:
    """What a validation found: means over the items, in nats per item.

    ``criterion`` is what is compared over validations: lower is better. ``usage`` is None where no item was encoded.
    """

    criterion: float
    named: dict[str, float]
    usage: Usage | None

    def figures(self) -> dict[str, float]:
        """Everything for the record."""
        if self.usage is None:
            return self.named
        return {
            **self.named,
            "mutual_information": self.usage.mutual_information,
            "active_units": self.usage.active_units,
        }

    def summary(self) -> str:
        """The most telling figures in a line."""
        if self.usage is None:
            return f"loss {self.criterion:.3f}"
        return (
            f"ELBO {self.named['elbo']:.2f}, KL {self.usage.kl:.2f}, MI {self.usage.mutual_information:.2f} nats, "
            f"active {self.usage.active_units}/{self.usage.latent_dim}"
        )


@torch.no_grad()
def validate(
    model: VAE,
    objective: Objective,
    held: Source,
    seed: int,
    criterion: str,
    precision: Callable[[], AbstractContextManager],
    corruptions: Sequence[Corruption] = (),
) -> Validation:
    """Judge a model by a criterion that does not move with the weight of the rate.

    Of the ``corruptions`` those are made that are what is asked of the model, as they are at the end.

    The noise is the same at every validation. A prior without a KL in closed form gives a rate that is an estimate,
    so what tells collapse from use is the posteriors alone.
    """
    model.eval()
    objective.eval()
    stream = Stream(seed, "validation")
    sums: dict[str, float] = {}
    parts: list[tuple[Tensor, Tensor, Tensor]] = []
    items = 0
    asked = [corruption for corruption in corruptions if corruption.is_asked]
    for whole in held.in_order():
        batch = reduce(lambda made, corruption: corruption(made, sys.maxsize, stream), asked, whole)
        with precision():
            terms = objective(model, batch, None, stream)
            draw = model.infer(batch, stream.at("posterior")) if objective.data == "items" else None
        gaussian = gaussian_parts(draw) if draw is not None else None
        if gaussian is not None:
            parts.append(gaussian)
        for name, value in {**terms.named, "loss": terms.loss}.items():
            sums[name] = sums.get(name, 0.0) + float(value) * len(batch)
        items += len(batch)
    named = {name: value / items for name, value in sums.items()}
    if objective.data != "items":
        return Validation(named["loss"], named, None)
    usage = usage_of(named.get("rate", 0.0), parts, model.latent_dim)
    return Validation(named["loss"] if criterion == "objective" else -named["elbo"], named, usage)
