"""Checkpoints: each a sealed folder of safetensors and JSON, named by its step."""

from __future__ import annotations

import dataclasses
import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from genvae.errors import CheckpointError
from genvae.store.folders import fault, staged, sweep, write_json
from genvae.store.weights import load_module, load_optimizer, save_module, save_optimizer


@dataclass
class State:
    """Where a run stands. Random numbers need no state: they are keyed by the step."""

    phase: int = 0
    epoch: int = 0  # of the phase
    place: int = 0  # steps done in the epoch
    step: int = 0  # of the run
    phase_step: int = 0
    best: float | None = None  # the criterion, in nats per item: lower is better
    best_step: int = 0
    stale: int = 0  # validations since the best
    metrics: int = 0  # bytes of the metrics file that belong to the run
    cost: float = 0.0  # in the modality's unit, timed steps only
    items: int = 0
    seconds: float = 0.0
    halvings: int = 0  # of the learning rate, in the phase
    waited: int = 0  # validations without gain since the best or the last halving
    information: float | None = None  # the most mutual information at a validation while the encoder ran ahead
    caught_up: bool = False  # the encoder no longer runs ahead (aggressive updates)
    spent: bool = False  # the phase is over by its learning rate
    ended: bool = False


@dataclass(frozen=True)
class Checkpoints:
    """The checkpoints of one run."""

    folder: Path

    def path(self, step: int) -> Path:
        return self.folder / f"step-{step:08d}"

    def write(
        self, state: State, modules: Mapping[str, nn.Module], optimizers: Mapping[str, torch.optim.Optimizer]
    ) -> None:
        """Write the checkpoint of ``state.step``."""
        with staged(self.path(state.step)) as stage:
            for name, module in modules.items():
                save_module(module, stage / f"{name}.safetensors")
            for name, optimizer in optimizers.items():
                save_optimizer(optimizer, stage / f"optimizer-{name}.safetensors")
            write_json(stage / "state.json", dataclasses.asdict(state))

    def prune(self, best_step: int, keep: int) -> None:
        """Remove all but the newest ``keep`` and the best."""
        sweep(self.folder)
        old = self._steps()[:-keep]
        for step in old:
            if step != best_step:
                shutil.rmtree(self.path(step), ignore_errors=True)

    def _steps(self) -> list[int]:
        return sorted(int(path.name.removeprefix("step-")) for path in self.folder.glob("step-*"))

    def newest(self) -> tuple[State | None, list[str]]:
        """The state of the newest whole checkpoint, and a line for each damaged one that was passed over."""
        refused: list[str] = []
        for step in reversed(self._steps()):
            path = self.path(step)
            wrong = fault(path)
            if not wrong:
                return State(**json.loads((path / "state.json").read_text(encoding="utf-8"))), refused
            refused.append(f"checkpoint {path} is not used: {wrong}")
        return None, refused

    def load(
        self, step: int, modules: Mapping[str, nn.Module], optimizers: Mapping[str, torch.optim.Optimizer]
    ) -> None:
        """Load the weights of a checkpoint; raises CheckpointError when it is damaged."""
        path = self.path(step)
        wrong = fault(path)
        if wrong:
            raise CheckpointError(f"checkpoint {path} cannot be used: {wrong}")
        for name, module in modules.items():
            load_module(module, path / f"{name}.safetensors")
        for name, optimizer in optimizers.items():
            load_optimizer(optimizer, path / f"optimizer-{name}.safetensors")

    def load_best(self, step: int, model: nn.Module) -> None:
        """Load the weights that a validation judged: their average where one was kept, else the weights themselves."""
        averaged = self.path(step) / "average.safetensors"
        self.load(step, {"average" if averaged.is_file() else "model": model}, {})
