"""Optimizers and their learning rates."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import nn

from genvae.core.objectives.base import Objective
from genvae.core.vae import VAE
from genvae.errors import GenvaeError
from genvae.recipe.settings import TrainingSettings


def rate(settings: TrainingSettings, step: int, total: int, halvings: int = 0) -> float:
    """The learning rate at a step of ``total``: a linear rise, and its decay."""
    rise = min(1.0, (step + 1) / settings.warmup_steps) if settings.warmup_steps else 1.0
    fall = 1.0
    if settings.decay == "cosine":
        half_wave = 0.5 + 0.5 * math.cos(math.pi * min(step / max(total, 1), 1.0))
        fall = settings.final_rate + (1 - settings.final_rate) * half_wave
    elif settings.decay == "plateau":
        fall = 0.5**halvings
    return settings.learning_rate * rise * fall


def optimizers(
    objective: Objective, model: VAE, settings: TrainingSettings, phase: str
) -> dict[str, torch.optim.Optimizer]:
    """A fresh optimizer for each of the objective's players."""
    made: dict[str, torch.optim.Optimizer] = {}
    for player in objective.players:
        parameters = [p for p in objective.parameters_of(player, model) if p.requires_grad]
        if not parameters:
            raise GenvaeError(f"nothing is left to train: phase {phase!r} freezes it")
        kind: Any = {"adam": torch.optim.AdamW, "sgd": torch.optim.SGD}[settings.optimizer]
        made[player] = kind(parameters, lr=settings.learning_rate, weight_decay=settings.weight_decay, fused=True)
    return made


def parameters_in(optimizer: torch.optim.Optimizer) -> list[nn.Parameter]:
    """Everything an optimizer moves."""
    return [parameter for group in optimizer.param_groups for parameter in group["params"]]
