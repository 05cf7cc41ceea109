"""An exponential moving average of the weights (Polyak and Juditsky, "Acceleration of Stochastic Approximation by
Averaging", 1992; with exponential weights as in most generators since)."""

from __future__ import annotations

import copy

import torch

from genvae.core.vae import VAE


class Average:
    """A copy of a model whose weights follow the model's.

    The first steps count for more, as ``(1 + step) / (10 + step)``, so that the average does not remember the
    weights that training began with. What is no weight (a running statistic, a flag) is copied as it is.
    """

    def __init__(self, model: VAE, decay: float) -> None:
        self.decay = decay
        self.model = copy.deepcopy(model).requires_grad_(False).eval()

    @torch.no_grad()
    def follow(self, model: VAE, step: int) -> None:
        """Take in the weights after a step of the phase, counted from 0."""
        decay = min(self.decay, (1 + step) / (10 + step))
        torch._foreach_lerp_(list(self.model.parameters()), list(model.parameters()), 1.0 - decay)
        for mine, its in zip(self.model.buffers(), model.buffers(), strict=True):
            mine.copy_(its)

    @torch.no_grad()
    def give(self, model: VAE) -> None:
        """Put the averaged weights into the model."""
        model.load_state_dict(self.model.state_dict())
