"""From a recipe and data to a trained model in a folder."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from genvae import settings
from genvae.core.vae import VAE
from genvae.data.batching import Batches, some, split
from genvae.data.modality import Modality
from genvae.data.prepare import content_hash, prepare
from genvae.data.read import Location, read
from genvae.errors import CheckpointError, SettingError
from genvae.evaluation.evaluation import Evaluation, measured
from genvae.host import Host
from genvae.progress import Reporter
from genvae.recipe import Recipe
from genvae.recipe.settings import Phase, TrainingSettings
from genvae.store.bundle import Bundle, save
from genvae.store.folders import staged, sweep, write_json
from genvae.training.checkpoints import Checkpoints, State
from genvae.training.loop import Trainer
from genvae.training.metrics import Metrics
from genvae.training.stage import Stage

VALIDATED = 2_000  # most items a validation looks at
MEASURED = 1_000  # most items of the evaluation at the end


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
) -> Outcome:
    """Train a model, or go on with a run that was stopped.

    The output folder gets the model; its folder ``run`` keeps recipe, metrics and checkpoints. Nothing
    is written before the data has been read and found usable.
    """
    host = recipe.host
    run_folder = output / "run"
    _check_output(output, run_folder, resume)
    training = settings.build(TrainingSettings, recipe.sections["training"], where="training")
    phases = [settings.build(Phase, p, where="phase") for p in recipe.sections["phases"]] or [Phase()]
    modality_settings = recipe.modality_settings()
    selected, note = modality_settings.select(read(data, host))
    if note:
        reporter.say(note)
    rows, held = split(len(selected), training.validation, training.seed)
    identity = {"recipe": recipe.to_config(), "data": content_hash(selected)}
    checkpoints = Checkpoints(run_folder / "checkpoints")
    state: State | None = None
    if resume:
        state = _resumed(identity, run_folder, checkpoints, host, reporter)
        modality = modality_settings.restore(run_folder / "modality")
    else:
        modality = modality_settings.fit(selected.select(rows))
    examples = prepare(selected, modality)
    train_batches = Batches(examples, rows, modality, batch_size=training.batch_size)
    valid = Batches(examples, some(held, VALIDATED, training.seed), modality, batch_size=256)

    def fresh() -> VAE:
        return recipe.build(modality, training.seed + 1)

    model = recipe.build(modality, training.seed)
    stages = [Stage.of(phase, training, recipe, model) for phase in phases]
    reporter.say(
        f"{len(rows):,} items to train on, {len(held):,} to validate; "
        f"{sum(p.numel() for p in model.parameters()):,} weights"
    )
    if not resume:
        _begin(identity, run_folder, modality, output)
    trainer = Trainer(
        model=model, fresh=fresh, stages=stages, train=train_batches, valid=valid, settings=training,
        checkpoints=checkpoints, reporter=reporter, state=state, metrics=lambda size: Metrics(run_folder, size),
    )  # fmt: skip
    state = trainer.run()
    bundle = Bundle(output.name, model, modality, recipe, dict(about or {}))
    final = Batches(examples, some(held, MEASURED, training.seed), modality, batch_size=256)
    scores = measured(Evaluation(model, modality, bundle.modality_id, final, seed=training.seed), host)
    bundle.about.setdefault("command", " ".join(["genvae", *sys.argv[1:]]) if sys.argv[1:2] == ["train"] else "")
    bundle.about.setdefault("scores", {})["On its own validation lines"] = scores
    save(bundle, output)
    speed = {}
    if state.seconds:
        speed[f"{modality.unit}_per_second"] = state.cost / state.seconds
        speed["items_per_second"] = state.items / state.seconds
    return Outcome(bundle, state, scores, speed)


def _check_output(output: Path, run_folder: Path, resume: bool) -> None:
    if output.exists() and not output.is_dir():
        raise CheckpointError(f"{output} is a file; the output is a folder")
    if resume:
        if not run_folder.is_dir():
            raise CheckpointError(f"{output} holds no run to resume; leave out --resume to begin one")
        return
    if run_folder.exists():
        raise CheckpointError(f"{output} already holds a run; go on with it by --resume, or choose another folder")
    if output.exists() and any(output.iterdir()):
        raise CheckpointError(f"{output} is not empty; choose a new folder")


def _begin(identity: dict[str, Any], run_folder: Path, modality: Modality, output: Path) -> None:
    """Make the run's folder, whole: what is being trained, and the modality as it was fitted."""
    existed = output.exists()
    try:
        with staged(run_folder) as stage:
            write_json(stage / "run.json", identity)
            (stage / "modality").mkdir()
            modality.save(stage / "modality")
    except CheckpointError:
        if not existed and output.exists() and not any(output.iterdir()):
            output.rmdir()
        raise


def _resumed(
    identity: dict[str, Any], run_folder: Path, checkpoints: Checkpoints, host: Host, reporter: Reporter
) -> State | None:
    """The state to go on from; refuses when recipe or data are not those of the run."""
    sweep(run_folder.parent)
    try:
        before = json.loads((run_folder / "run.json").read_text(encoding="utf-8"))
        data, settled = before["data"], Recipe(before["recipe"], host).to_config()  # with the defaults of today
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CheckpointError(f"{run_folder / 'run.json'} is damaged ({type(error).__name__})") from None
    if data != identity["data"]:
        raise SettingError("the data are not those the run began with; resume with the same file, or start a new run")
    differing = _differences(settled, identity["recipe"])
    if differing:
        raise SettingError(
            f"the run began with other settings ({', '.join(differing)}); resume with the same, or start a new run"
        )
    state, refused = checkpoints.newest()
    for line in refused:
        reporter.say(line)
    reporter.say(f"resuming from step {state.step}" if state else "no checkpoint yet: starting from the beginning")
    return state


def _differences(before: Any, now: Any, path: str = "") -> list[str]:
    if isinstance(before, dict) and isinstance(now, dict):
        names = sorted({*before, *now})
        return [line for n in names for line in _differences(before.get(n), now.get(n), f"{path}.{n}".strip("."))]
    return [] if before == now else [f"{path}: {before} then, {now} now"]
