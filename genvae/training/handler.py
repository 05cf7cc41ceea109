"""The operation ``train``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from genvae.operations import Train, Trained
from genvae.recipe import Recipe
from genvae.training.run import train

if TYPE_CHECKING:
    from genvae.latent.context import Context


def train_model(context: Context, request: Train) -> Trained:
    """Train by a recipe and settings over it."""
    recipe = Recipe.of(request.target, context.host)
    recipe.set(request.set)
    outcome = train(
        recipe,
        request.data,
        Path(request.output).expanduser(),
        resume=request.resume,
        reporter=context.reporter,
    )
    return Trained(request.output, outcome.state.step, outcome.speed, outcome.scores)
