"""Training stays finite for settings drawn from the recipe space: every registered part, whoever brought it."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pytest
import torch

from genvae.core.schedules import Schedule
from genvae.core.terms import TermSettings
from genvae.core.vae import VAE
from genvae.data.batching import Batches
from genvae.data.modality import Modality
from genvae.data.prepare import prepare
from genvae.errors import LacksCapability, SettingError
from genvae.host import default_host
from genvae.progress import Silent
from genvae.recipe import Recipe
from genvae.recipe.settings import Phase, TrainingSettings
from genvae.settings import build, hints
from genvae.training.checkpoints import Checkpoints
from genvae.training.loop import Trainer
from genvae.training.metrics import Metrics
from genvae.training.stage import Stage
from tests.conftest import own_lines

HOST = default_host()
RUNS = 20
BASE = {"batch_size": 8, "max_steps": 4, "evaluate_every": 4, "warmup_steps": 0, "epochs": 9}


def entry(kind: str, chance: random.Random, among: Callable[[str], bool] = lambda part_id: True) -> dict[str, Any]:
    """A part of a kind, drawn, with settings drawn: networks are small, about half of the rest is no default."""
    part_id = chance.choice([part.id for part in HOST.parts(kind) if among(part.id)])
    made: dict[str, Any] = {kind: part_id}
    cls = HOST.load(kind, part_id)
    types = hints(cls)
    for field in dataclasses.fields(cls):
        value = _value(field, types[field.name], chance)
        if value is None:
            continue
        try:
            HOST.complete(kind, {**made, field.name: value})
        except SettingError:
            continue  # out of its range
        made[field.name] = value
    return made


def _for_sentences(kind: str) -> Callable[[str], bool]:
    """Whether a part of a kind serves sentences."""
    return lambda part_id: HOST.part(kind, part_id).modality in ("", "sentence")


def _value(field: dataclasses.Field[Any], hint: Any, chance: random.Random) -> Any:
    """A value for a setting, or None to leave it."""
    default, meta = field.default, field.metadata
    if hint is int and isinstance(default, int) and default > 16:
        return chance.choice([4, 8])  # a size
    if chance.random() < 0.5:
        return None
    if hint is Schedule:
        bounds = [chance.choice([0.0, 0.1, 0.5, 1.0]) for _ in range(2)]
        ramp = {"schedule": "linear", "start": bounds[0], "stop": bounds[1], "steps": 3}
        return chance.choice([bounds[0], ramp])
    if hint == tuple[TermSettings, ...]:
        return [entry("term", chance, _for_sentences("term")) for _ in range(chance.randint(1, 2))]
    if hint is bool:
        return chance.random() < 0.5
    if meta.get("choices"):
        return chance.choice(meta["choices"])
    low, high = (meta.get(name) if meta.get(name) is not None else meta.get(strict) for name, strict in
                 (("ge", "gt"), ("le", "lt")))  # fmt: skip
    if hint is float and low is not None:
        return chance.uniform(low, min(high if high is not None else low + 2.0, low + 2.0))
    return None


OTHERS = ("FitPriorSettings", "SemiSupervisedSettings")  # for latents, and for models with conditions


def sections(chance: random.Random) -> dict[str, Any]:
    """A recipe, drawn."""
    training = entry_of_training(chance)
    made = {
        "modality": {"modality": "sentence", "tokenizer": "char", "max_length": 60},
        "architecture": entry("architecture", chance, lambda i: HOST.part("architecture", i).modality == "sentence"),
        "posterior": entry("posterior", chance),
        "prior": entry("prior", chance),
        "objective": entry("objective", chance, lambda i: HOST.load("objective", i).__name__ not in OTHERS),
        "corruptions": [entry("corruption", chance, _for_sentences("corruption")) for _ in range(chance.randint(0, 3))],
        "training": training,
    }
    if chance.random() < 0.3:
        made["phases"] = [{"max_steps": 2, "aggressive": chance.random() < 0.5, "aggressive_steps": 3}]
        made["phases"].append(
            {"data": "latents", "objective": "fit-prior"} if chance.random() < 0.7 else {"reset": ["decoder"]}
        )
    return made


def entry_of_training(chance: random.Random) -> dict[str, Any]:
    """Training settings, drawn."""
    made: dict[str, Any] = dict(BASE)
    for name, values in {
        "optimizer": ["adam", "sgd"], "decay": ["cosine", "plateau", "constant"], "average": [0.0, 0.9],
        "precision": ["float32", "bfloat16"], "accumulate": [1, 2], "learning_rate": [1e-3, 1e-2],
        "criterion": ["elbo", "objective"], "weight_decay": [0.0, 0.1],
    }.items():  # fmt: skip
        made[name] = chance.choice(values)
    return made


@pytest.fixture(scope="module")
def prepared() -> tuple[Modality, datasets.Dataset]:
    modality = (
        Recipe({"modality": {"modality": "sentence", "tokenizer": "char"}}, HOST)
        .modality_settings()
        .fit(datasets.Dataset.from_dict({"text": own_lines(48)}))
    )
    return modality, prepare(datasets.Dataset.from_dict({"text": own_lines(48)}), modality)


def run(recipe: Recipe, modality: Modality, examples: datasets.Dataset, folder: Path) -> Trainer:
    training = build(TrainingSettings, recipe.sections["training"])
    model = recipe.build(modality, 1)
    phases = [build(Phase, phase) for phase in recipe.sections["phases"]] or [Phase()]

    def fresh() -> VAE:
        return recipe.build(modality, 2)

    stages = [Stage.of(phase, training, recipe, model) for phase in phases]
    folder.mkdir()
    trainer = Trainer(
        model=model, fresh=fresh, stages=stages, settings=training, checkpoints=Checkpoints(folder / "checkpoints"),
        train=Batches(examples, np.arange(40), modality, batch_size=8), reporter=Silent(),
        valid=Batches(examples, np.arange(40, 48), modality, batch_size=8), metrics=lambda size: Metrics(folder, size),
    )  # fmt: skip
    trainer.run()
    return trainer


def numbers(found: Mapping[str, Any]) -> list[float]:
    return [value for value in found.values() if isinstance(value, float)]


def test_training_stays_finite_for_settings_drawn_from_the_recipe_space(
    prepared: tuple[Modality, datasets.Dataset], tmp_path: Path
) -> None:
    """What parts refuse of each other in one line is drawn again; everything else must train."""
    seen: set[str] = set()
    done = number = 0
    while done < RUNS:
        number += 1
        assert number < 10 * RUNS, f"only {done} of {number} drawn recipes could be trained"
        drawn = sections(random.Random(number))
        try:
            trainer = run(Recipe(drawn, HOST), *prepared, tmp_path / str(number))
        except (SettingError, LacksCapability) as refused:
            assert "\n" not in str(refused)
            continue
        except Exception as error:
            raise AssertionError(f"recipe {number}, {drawn}: {type(error).__name__}: {error}") from error
        assert all(value.isfinite().all() for value in trainer.model.state_dict().values()), drawn
        assert trainer.last is not None, drawn
        assert torch.tensor(numbers(trainer.last.named)).isfinite().all(), (drawn, trainer.last)
        done += 1
        seen |= {drawn[kind][kind] for kind in ("architecture", "posterior", "prior", "objective")}
        seen |= {corruption["corruption"] for corruption in drawn["corruptions"]}
    # the draw is not one corner of the space
    assert len(seen) > 10, seen
