"""The operation ``evaluate``."""

from __future__ import annotations

from typing import Any

import numpy as np

from genvae.context import Context
from genvae.data.batching import Batches, some
from genvae.data.prepare import prepare
from genvae.data.read import Location, read
from genvae.evaluation.evaluation import Evaluation, measured
from genvae.operations import Evaluate, Evaluated
from genvae.recipe import Recipe
from genvae.store.bundle import Bundle, load
from genvae.store.locate import locate

JUDGED = 200_000  # most items that a judge is trained on


def evaluate(context: Context, request: Evaluate) -> Evaluated:
    """Every measure of the model, and of a baseline, on the same items."""
    figures = _figures(context, request, context.bundle)
    if request.baseline:
        baseline = load(locate(request.baseline, context.host), context.host)
        figures["baseline"] = _figures(context, request, baseline)
    return Evaluated(figures)


def _figures(context: Context, request: Evaluate, bundle: Bundle) -> dict[str, Any]:
    recipe = Recipe(bundle.recipe.sections, context.host)  # a copy: the loaded model is shared
    recipe.set([entry if "." in entry.partition("=")[0] else f"modality.{entry}" for entry in request.set])
    settings = recipe.modality_settings()

    def selected(location: Location) -> Any:
        data, note = settings.select(read(location, context.host))
        if note:
            context.reporter.say(note)
        return data

    data = selected(request.data)
    rows = np.arange(len(data))
    if request.limit:
        rows = some(rows, request.limit, request.seed)
    batches = Batches(prepare(data, bundle.modality), rows, bundle.modality, batch_size=128)
    judge = None
    if request.judge is not None:
        real = selected(request.judge)
        real = prepare(real.select(range(min(len(real), JUDGED))), bundle.modality)
        judge = [bundle.modality.item(example) for example in real]
    evaluation = Evaluation(
        bundle.vae, bundle.modality, bundle.modality_id, batches, request.samples, request.seed, judge
    )
    return measured(evaluation, context.host)
