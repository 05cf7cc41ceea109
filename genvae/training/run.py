"""From a recipe and data to a trained model in a folder."""

from __future__ import annotations

import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from genvae import settings
from genvae.core.conditions import Conditions
from genvae.core.products import exact_products
from genvae.core.vae import VAE, BeginsFromData
from genvae.data.batching import Batches
from genvae.data.conditions import Known, agreed, fit, restored, to_config
from genvae.data.prepare import prepare
from genvae.data.read import Location
from genvae.device import AUTO, chosen
from genvae.evaluation.evaluation import Evaluation, drawn_as, measured
from genvae.progress import Reporter
from genvae.recipe import Recipe
from genvae.recipe.settings import Phase, TrainingSettings
from genvae.store.bundle import Bundle, save
from genvae.training.checkpoints import Checkpoints, State
from genvae.training.loop import Trainer
from genvae.training.metrics import Metrics
from genvae.training.parts import Parts, parts
from genvae.training.record import begin, check_output, conditions_of, resumed
from genvae.training.stage import Stage
from genvae.training.start import Start

if TYPE_CHECKING:
    from datasets import Dataset

MEASURED = 1_000  # most items of the evaluation at the end
MEASURED_AT_COST = 100  # the same where the prior's density is costly


@dataclass(frozen=True)
class Outcome:
    """A finished run."""

    bundle: Bundle
    state: State
    scores: dict[str, Any]
    speed: dict[str, float]


def train(
    recipe: Recipe,
    data: Location,
    output: Path,
    *,
    resume: bool,
    reporter: Reporter,
    about: dict[str, Any] | None = None,
    start: Start | None = None,
    validation: Location | None = None,
    device: str = AUTO,
) -> Outcome:
    """Train a model, or go on with a run that was stopped.

    The output folder gets the model; its folder ``run`` keeps recipe, metrics and checkpoints. Nothing
    is written before the data has been read and found usable, and nothing is left of a run that fails in its first
    step: it would be in the way of the corrected command. ``start`` is a trained model whose weights and
    modality the run begins with, its recipe being made by ``start.recipe``; ``validation`` are items to validate
    on, in place of a share of the data. Where it computes (``device``) is no part of the run: it may be resumed
    elsewhere, and is equal bit for bit on one kind of device.
    """
    place = chosen(device)
    host = recipe.host
    run_folder = output / "run"
    check_output(output, run_folder, resume)
    training = settings.build(TrainingSettings, recipe.sections["training"], where="training")
    phases = [settings.build(Phase, p, where="phase") for p in recipe.sections["phases"]] or [Phase()]
    modality_settings = recipe.modality_settings()
    items = parts(
        data, validation, modality_settings, training, host, reporter, recipe.condition_settings(),
        may_be_silent=start is not None and start.knows_silence,
    )  # fmt: skip
    train_items, held = items.train, items.held
    identity = {"recipe": recipe.to_config(), **items.hashes(), "start": start.identity() if start else None}
    checkpoints = Checkpoints(run_folder / "checkpoints")
    state: State | None = None
    if resume:
        state = resumed(identity, run_folder, checkpoints, host, reporter)
        modality = modality_settings.restore(run_folder / "modality")
    elif start is not None:
        modality = modality_settings.restore(start.folder)
    else:
        modality = modality_settings.fit(train_items.table.select(train_items.rows))
    examples = prepare(train_items.table, modality, reporter)
    held_examples = examples if held.table is train_items.table else prepare(held.table, modality, reporter)
    per_group = training.per_group
    conditions, known, held_known = _conditions(
        recipe, items, (examples, held_examples), run_folder if resume else None, start, reporter
    )
    train_batches = Batches(
        examples, train_items.rows, modality, batch_size=training.batch_size, per_group=per_group, device=place,
        known=known,
    )  # fmt: skip
    seen = held.some(items.seen, training.seed)
    valid = Batches(held_examples, seen, modality, batch_size=256, per_group=per_group, device=place, known=held_known)

    def fresh() -> VAE:
        return recipe.build(modality, training.seed + 1, conditions)

    model = recipe.build(modality, training.seed, conditions)
    _weights(model.to(place), start, None if resume else train_batches, reporter)
    stages = [Stage.of(phase, training, recipe, model) for phase in phases]
    reporter.say(
        f"{len(train_items.rows):,} items to train on, {len(held.rows):,} to validate; "
        f"{sum(p.numel() for p in model.parameters()):,} weights"
    )
    made: Path | None = None
    if not resume:
        made = begin(identity, run_folder, modality, start.bundle if start else None, to_config(conditions))
    trainer = Trainer(
        model=model, fresh=fresh, stages=stages, train=train_batches, valid=valid, settings=training,
        checkpoints=checkpoints, reporter=reporter, state=state, metrics=lambda size: Metrics(run_folder, size),
    )  # fmt: skip
    with exact_products(place):
        state = _run(trainer, made)
    bundle = Bundle(output.name, model, modality, recipe, {**(start.about() if start else {}), **(about or {})})
    measured_on = held.some(MEASURED_AT_COST if model.prior.costly else MEASURED, training.seed)
    final = Batches(held_examples, measured_on, modality, batch_size=256, device=place, known=held_known)
    evaluation = Evaluation(
        model, modality, bundle.modality_id, final, seed=training.seed, drawn_as=drawn_as(recipe, model)
    )
    scores = measured(evaluation, host)
    model.to("cpu")
    bundle.about.setdefault("command", " ".join(["genvae", *sys.argv[1:]]) if sys.argv[1:2] == ["train"] else "")
    bundle.about.setdefault("scores", {})["On its own validation lines"] = scores
    save(bundle, output)
    return Outcome(bundle, state, scores, _speed(state, modality.unit))


def _run(trainer: Trainer, made: Path | None) -> State:
    """Train to the end. Where the first step fails, what was ``made`` for the run is removed."""
    try:
        return trainer.run()
    except Exception:
        if made is not None and not trainer.state.step:
            trainer.metrics.close()
            shutil.rmtree(made, ignore_errors=True)
        raise


def _weights(model: VAE, start: Start | None, batches: Batches | None, reporter: Reporter) -> None:
    """The weights that a run begins with: of a trained model, or what networks find by a look at the data, or as they
    were drawn. Without ``batches`` the run goes on, and they come from a checkpoint."""
    if start is not None:
        anew = start.give(model)
        for part in anew if batches is not None else ():
            reporter.say(f"{part} begins anew: it has not been told of conditions before")
    elif batches is not None and isinstance(model.decoder, BeginsFromData):
        model.decoder.begin(model, batches.in_order())


def _conditions(
    recipe: Recipe, items: Parts, examples: tuple[Dataset, Dataset], resumed: Path | None, start: Start | None,
    reporter: Reporter,
) -> tuple[Conditions, Known | None, Known | None]:  # fmt: skip
    """The conditions that the recipe declares: those of the run, of the model it starts from, or of the items; and what
    is known of the items to train on and of those to validate on."""
    declared = recipe.condition_settings()
    if not declared:
        return Conditions(), None, None
    told = agreed(declared, items.train.table, examples[0])
    if resumed is not None:
        made = restored(conditions_of(resumed), declared)
    else:
        made = (start.conditions(declared) if start is not None else None) or fit(declared, told, items.train.rows)
    known = _known(made, told, reporter)
    if items.held.table is items.train.table:
        return made, known, known
    return made, known, _known(made, agreed(declared, items.held.table, examples[1]), reporter)


def _known(conditions: Conditions, told: Dataset, reporter: Reporter) -> Known:
    """What is known of some items; says which values it is not."""
    found = Known(conditions, told)
    for line in found.strange:
        reporter.say(f"warning: {line}")
    return found


def _speed(state: State, unit: str) -> dict[str, float]:
    """Of the timed steps, where there were any."""
    if not state.seconds:
        return {}
    return {f"{unit}_per_second": state.cost / state.seconds, "items_per_second": state.items / state.seconds}
