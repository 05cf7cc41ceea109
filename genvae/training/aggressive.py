"""Aggressive updates of the encoder (He, Spokoyny, Neubig and Berg-Kirkpatrick, "Lagging Inference Networks and
Posterior Collapse in Variational Autoencoders", 2019).

Early in training the posterior lags behind what the decoder makes true, and the decoder learns to do without it. So
before each step of the decoder the encoder is trained by itself until it has caught up, for as long as the mutual
information still rises from one validation to the next.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from torch import nn

from genvae.core.vae import VAE


def run_ahead(step: Callable[[int], float], *, most: int, window: int) -> int:
    """Call ``step`` with 0, 1, ... until its losses, summed over ``window`` calls, no longer fall, at most ``most``
    times. Returns how many calls were made."""
    before, total = math.inf, 0.0
    for number in range(most):
        total += step(number)
        if (number + 1) % window == 0:
            if not total < before:
                return number + 1
            before, total = total, 0.0
    return most


def sides(model: VAE, parameters: list[nn.Parameter]) -> tuple[list[nn.Parameter], list[nn.Parameter]]:
    """Of some parameters, those of the encoder and the posterior, and those of everything else; one that both have
    (a shared table) is on both sides."""
    first = {id(p) for module in (model.encoder, model.posterior) if module is not None for p in module.parameters()}
    others = {
        id(p)
        for name, module in model.named_children()
        if name not in ("encoder", "posterior")
        for p in module.parameters()
    }
    inference = [p for p in parameters if id(p) in first]
    return inference, [p for p in parameters if id(p) not in first or id(p) in others]
