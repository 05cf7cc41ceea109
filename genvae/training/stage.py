"""A phase with everything it needs: its settings in full, its objective, its corruptions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from torch import nn

from genvae.core.corruption import Corruption
from genvae.core.objectives.base import Objective
from genvae.core.vae import VAE
from genvae.errors import SettingError
from genvae.recipe import Recipe
from genvae.recipe.settings import Phase, TrainingSettings


def named_parts(model: nn.Module, name: str) -> list[nn.Parameter]:
    """The weights of a module, of a module within it ("encoder.embedding"), or a single one."""
    return [
        parameter
        for found, parameter in model.named_parameters(remove_duplicate=False)
        if found == name or found.startswith(f"{name}.")
    ]


def freeze(model: nn.Module, names: Sequence[str]) -> None:
    """Let everything move but what is named (see ``named_parts``)."""
    model.requires_grad_(True)
    for name in names:
        for parameter in named_parts(model, name):
            parameter.requires_grad_(False)


@dataclass(frozen=True)
class Stage:
    """A phase of a run, ready to be trained."""

    phase: Phase
    settings: TrainingSettings  # of this phase
    objective: Callable[[VAE], Objective]
    corruptions: Sequence[Corruption] = ()

    @classmethod
    def of(cls, phase: Phase, training: TrainingSettings, recipe: Recipe, model: VAE) -> Stage:
        """A phase with its parts made from the recipe; raises SettingError where it does not fit the model."""
        make = recipe.host.make
        entries = recipe.sections["corruptions"] if phase.corruptions is None else phase.corruptions
        corruptions = [make("corruption", entry).build(model) for entry in entries]
        objective = make("objective", phase.objective or recipe.sections["objective"]).build
        stage = cls(phase, phase.over(training), objective, corruptions)
        stage.check(model)
        return stage

    @property
    def begins_with_best(self) -> bool:
        """Whether it begins with the best weights so far; with the last ones otherwise."""
        return self.phase.begin == "best" or (self.phase.begin is None and self.phase.data == "latents")

    def check(self, model: VAE) -> None:
        """Raise SettingError where the phase does not fit the model, before anything is trained."""
        phase, name = self.phase, f"phase {self.phase.name!r}"
        known = [child for child, _ in model.named_children()]
        for module in (*phase.frozen, *phase.reset):
            if module.partition(".")[0] not in known or (module in phase.reset and module not in known):
                raise SettingError(f"{name} names the module {module!r}; the model has: {', '.join(known)}")
        for part in phase.frozen:
            if "." in part and not named_parts(model, part):
                raise SettingError(f"{name} freezes {part!r}, and the model has no weights of that name")
        objective = self.objective(model)
        if objective.data != phase.data:
            raise SettingError(
                f"{name} has data: {phase.data}, and its objective is for {objective.data}; "
                + ("set its objective to fit-prior" if phase.data == "latents" else f"set data: {objective.data}")
            )
        if phase.aggressive and (model.encoder is None or len(objective.players) > 1):
            why = "the model has no encoder" if model.encoder is None else "its objective has several players"
            raise SettingError(f"{name} cannot be aggressive: {why}")
        if phase.aggressive and (phase.data == "latents" or {"encoder", "posterior"} <= {*phase.frozen}):
            raise SettingError(f"{name} cannot be aggressive: its encoder does not move")
