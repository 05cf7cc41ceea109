"""Training stays finite for settings drawn from the recipe space: every registered part, whoever brought it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pytest
import torch

from benchmarks.text.drawn import DRAWN, Drawing
from genvae.core.vae import VAE
from genvae.data.batching import Batches
from genvae.data.modality import Modality
from genvae.data.prepare import prepare
from genvae.errors import LacksCapability, SettingError
from genvae.host import default_host
from genvae.progress import Silent
from genvae.recipe import Recipe
from genvae.recipe.settings import Phase, TrainingSettings
from genvae.settings import build
from genvae.training.checkpoints import Checkpoints
from genvae.training.loop import Trainer
from genvae.training.metrics import Metrics
from genvae.training.stage import Stage
from tests.conftest import own_lines

HOST = default_host()
RUNS = 20
MODALITY = {"modality": "sentence", "tokenizer": "char", "max_length": 60}
BASE = {"batch_size": 8, "max_steps": 4, "evaluate_every": 4, "warmup_steps": 0, "epochs": 9}


def drawn(number: int) -> dict[str, Any]:
    """The recipe of a number."""
    return Drawing(HOST, number, modality=MODALITY, training=BASE).recipe()


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
        sections = drawn(number)
        try:
            trainer = run(Recipe(sections, HOST), *prepared, tmp_path / str(number))
        except (SettingError, LacksCapability) as refused:
            assert "\n" not in str(refused)
            continue
        except Exception as error:
            raise AssertionError(f"recipe {number}, {sections}: {type(error).__name__}: {error}") from error
        assert all(value.isfinite().all() for value in trainer.model.state_dict().values()), sections
        assert trainer.last is not None, sections
        assert torch.tensor(numbers(trainer.last.named)).isfinite().all(), (sections, trainer.last)
        done += 1
        seen |= {sections[kind][kind] for kind in DRAWN}
        seen |= {corruption["corruption"] for corruption in sections["corruptions"]}
    # the draw is not one corner of the space
    assert len(seen) > 10, seen
