"""The engine's own step, on batches that the caller chooses: for what training's one call does not show."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from benchmarks.text.ours import recipe
from genvae import settings
from genvae.core.batch import Batch
from genvae.core.randomness import Stream
from genvae.core.vae import VAE
from genvae.data.batching import Batches, Rows
from genvae.data.prepare import prepare
from genvae.data.read import read
from genvae.recipe import Recipe
from genvae.recipe.settings import TrainingSettings
from genvae.training.optimizers import optimizers
from genvae.training.update import Updates


@dataclass
class Engine:
    """A recipe's data, and models of it that are trained a step at a time."""

    recipe: Recipe
    modality: Any
    batches: Batches

    @classmethod
    def of(cls, data: str, size: str, batch: int, precision: str, sampled_gradient: float = 0.0) -> Engine:
        """The plain LSTM VAE of a size on a file."""
        made = recipe(size, batch, precision, sampled_gradient)
        reader = made.modality_settings()
        selected, _ = reader.select(read(data, made.host))
        modality = reader.fit(selected)
        examples = prepare(selected, modality)
        return cls(made, modality, Batches(examples, np.arange(len(examples)), modality, batch_size=batch))

    def order(self, steps: int) -> list[Rows]:
        """The batches of the first steps, the same for every model."""
        found: list[Rows] = []
        epoch = 0
        while len(found) < steps:
            found += self.batches.order(0, epoch)
            epoch += 1
        return found[:steps]

    def trained(self, seed: int) -> Training:
        """A new model with what trains it."""
        return Training(self.recipe, self.recipe.build(self.modality, seed), seed)


class Training:
    """One model, its objective and its optimizer."""

    def __init__(self, made: Recipe, model: VAE, seed: int) -> None:
        chosen = settings.build(TrainingSettings, made.sections["training"])
        objective = made.host.make("objective", made.sections["objective"]).build(model)
        self.model, self.seed = model, seed
        self.optimizer = optimizers(objective, model, chosen, "benchmark")["model"]
        self.update = Updates(model, objective, chosen)

    def step(self, batch: Batch, number: int) -> float:
        """Train on a batch; its loss in nats per target token."""
        stream = Stream(self.seed, "train", number)
        found = self.update("model", self.optimizer, [batch], stream, step=number, of_run=number)
        return found["loss"] * len(batch) / float(batch.cost.sum())


def threads(count: int) -> None:
    """How many threads torch works with."""
    torch.set_num_threads(count)
