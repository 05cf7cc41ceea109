"""The operation ``train``."""

from __future__ import annotations

from pathlib import Path

from genvae.context import Context
from genvae.operations import Train, Trained
from genvae.recipe import Recipe
from genvae.training import run


def train(context: Context, request: Train) -> Trained:
    """Train by a recipe and settings over it."""
    recipe = Recipe.of(request.target, context.host)
    recipe.set(request.set)
    outcome = run.train(
        recipe,
        request.data,
        Path(request.output).expanduser(),
        resume=request.resume,
        reporter=context.reporter,
    )
    return Trained(request.output, outcome.state.step, outcome.speed, outcome.scores)
