"""The importance-weighted likelihood of a test set within a time: all of it by a few draws, and by many as far as time
goes, in an order that is drawn once, so that what was reached is a fair sample.
"""

from __future__ import annotations

import math
import time
from typing import Any

import torch
from torch import Tensor

from genvae.core.batch import Batch
from genvae.core.bounds import importance_weighted
from genvae.core.corruption.binarise import binarised
from genvae.core.randomness import Stream
from genvae.core.vae import VAE

SEED = 20_161  # of the binarised test set


def binary(planes: Tensor) -> Tensor:
    """uint8 pictures (n, c, h, w) as the one binary set that everything is measured on: 0 and 1, float32."""
    values = planes.to(torch.float32).div(255.0)
    return binarised(values, torch.arange(len(values), device=values.device), Stream(SEED, "binarised"))


def order(count: int, device: torch.device) -> Tensor:
    """The order in which pictures are taken."""
    return Stream(SEED, "order").uniform(torch.arange(count, device=device), 1)[:, 0].argsort()


def _batch(values: Tensor, rows: Tensor) -> Batch:
    views = values[rows]
    return Batch(views={"input": views, "target": views}, items=rows, cost=torch.ones(len(rows), device=rows.device))


def likelihood(
    model: VAE, values: Tensor, *, samples: int, at_once: int, until: float, few: int = 0, halved: bool = False
) -> dict[str, Any]:
    """NLL in nats per picture by ``samples`` draws of each, ``at_once`` pictures together, until the clock shows
    ``until``.

    With ``few``, all pictures by so many draws first: where the time does not suffice for all by ``samples``,
    "nll_estimated" is that of all by few draws, less what the draws beyond gained on those that were reached.
    """
    rows = order(len(values), values.device)
    stream = Stream(SEED, "evaluation")

    def bounds(part: Tensor, count: int) -> tuple[Tensor, Tensor]:
        with torch.autocast(values.device.type, torch.bfloat16, enabled=halved):
            found = importance_weighted(model, _batch(values, part), stream, samples=count, rows=len(part))
        return found.elbo.double(), found.log_likelihood.double()

    figures: dict[str, Any] = {"pictures": len(values), "samples": samples, "halved": halved}
    little: Tensor | None = None
    if few:
        parts = [bounds(part, few) for part in rows.split(at_once)]
        elbo, little = (torch.cat(each) for each in zip(*parts, strict=True))
        figures |= {"few": few, "elbo": -float(elbo.mean()), "nll_few": -float(little.mean())}
    reached: list[Tensor] = []
    elbos: list[Tensor] = []
    for part in rows.split(at_once):
        if reached and time.time() > until:
            break
        elbo_part, log_likelihood = bounds(part, samples)
        elbos.append(elbo_part)
        reached.append(log_likelihood)
        torch.cuda.synchronize() if values.device.type == "cuda" else None
    many = torch.cat(reached)
    figures |= {"reached": len(many), "nll_reached": -float(many.mean()), "error": _error(many)}
    if little is None:
        figures["elbo"] = -float(torch.cat(elbos).mean())
    if len(many) == len(values):
        figures["nll"] = figures["nll_estimated"] = figures["nll_reached"]
    elif little is not None:
        gained = many - little[: len(many)]
        figures |= {"nll_estimated": figures["nll_few"] - float(gained.mean()), "error": _error(gained)}
    return figures


def _error(values: Tensor) -> float:
    """The standard error of a mean."""
    return float(values.std()) / math.sqrt(len(values)) if len(values) > 1 else math.inf
