"""A toy modality and a run of it, where the numbers are known."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor

from genvae.core.batch import Batch
from genvae.core.objectives.elbo import ElboSettings
from genvae.core.priors.mixture import MixtureSettings
from genvae.core.vae import VAE
from genvae.data.batching import Batches
from genvae.data.modality import Modality
from genvae.progress import Silent
from genvae.recipe.settings import Phase, TrainingSettings
from genvae.training.checkpoints import Checkpoints, State
from genvae.training.loop import Trainer
from genvae.training.metrics import Metrics
from genvae.training.stage import Stage
from tests.core.toys import Z, toy


class Told(Silent):
    """Keeps what a run said."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def say(self, text: str) -> None:
        self.lines.append(text)


class Numbers(Modality):
    """Rows of five numbers."""

    def prepare(self, rows: Any) -> Any:
        return dict(rows)

    def cost(self, example: Any) -> int:
        return 1

    def collate(self, examples: Sequence[Any], items: Sequence[int]) -> Batch:
        x = torch.tensor([example["x"] for example in examples])
        return Batch(views={"input": x, "target": x}, items=torch.tensor(items), cost=torch.ones(len(x)))

    def example(self, item: Any) -> Any:
        return {"x": item}

    def item(self, example: Any) -> Any:
        return example["x"]

    def render(self, *arguments: Any, **keywords: Any) -> list[Any]:
        raise NotImplementedError

    def save(self, folder: Path) -> None:
        pass

    def fingerprint(self) -> str:
        return "numbers"


def trainer(
    folder: Path, *, scale: float = 1.0, objective: Any = None, state: State | None = None, told: Told | None = None,
    phases: Sequence[Phase] = (Phase(),), make: Callable[[], VAE] = toy, **settings: Any,
) -> Trainer:  # fmt: skip
    """A run of the toy on 20 items; ``objective`` is for all phases, or a list with one for each."""
    rows = (torch.randn(24, 5, generator=torch.Generator().manual_seed(0)) * scale).tolist()
    data = datasets.Dataset.from_dict({"x": rows, "cost": [1] * 24})
    modality = Numbers()
    folder.mkdir(exist_ok=True)
    given = {"batch_size": 8, "epochs": 4, "evaluate_every": 3, "warmup_steps": 0, "patience": 0, **settings}
    training = TrainingSettings(**given)
    objectives = objective if isinstance(objective, list) else [objective or ElboSettings().build] * len(phases)
    stages = [Stage(phase, phase.over(training), made) for phase, made in zip(phases, objectives, strict=True)]
    return Trainer(
        model=make(), fresh=make, stages=stages,
        train=Batches(data, np.arange(20), modality, batch_size=8), settings=training,
        valid=Batches(data, np.arange(20, 24), modality, batch_size=8),
        checkpoints=Checkpoints(folder / "checkpoints"), metrics=lambda size: Metrics(folder, size),
        reporter=told or Silent(), state=state,
    )  # fmt: skip


def figures_of(folder: Path, kind: str) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return [line for line in lines if line["kind"] == kind]


def weights(folder: Path, step: int, name: str = "model") -> dict[str, Tensor]:
    return load_file(str(folder / f"checkpoints/step-{step:08d}/{name}.safetensors"))


def mixed() -> VAE:
    """The toy with a prior that can be fitted."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        return toy(prior=MixtureSettings(components=3).build((Z,)))
