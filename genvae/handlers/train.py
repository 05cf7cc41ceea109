"""The operation ``train``."""

from __future__ import annotations

from pathlib import Path

from genvae.context import Context
from genvae.operations import Train, Trained
from genvae.recipe import Recipe
from genvae.training import run
from genvae.training.start import Start


def train(context: Context, request: Train) -> Trained:
    """Train by a recipe and settings over it, from new weights or from those of a model."""
    output = Path(request.output).expanduser()
    start = Start.asked(request.start, output, context.host, resume=request.resume)
    if start is not None:
        recipe = start.recipe(request.target, request.set)
    else:
        recipe = Recipe.of(request.target, context.host)
        recipe.set(request.set)
    outcome = run.train(
        recipe,
        request.data,
        output,
        resume=request.resume,
        reporter=context.reporter,
        start=start,
        validation=request.validation,
        device=request.device,
    )
    return Trained(request.output, outcome.state.step, outcome.speed, outcome.scores)
