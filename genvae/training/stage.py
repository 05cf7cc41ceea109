"""A phase with everything it needs: its settings in full, its objective, its corruptions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from torch import nn

from genvae.core.corruption import Corruption
from genvae.core.objectives.base import Objective
from genvae.core.vae import VAE
from genvae.errors import LacksCapability, SettingError
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
        self._check_shared(model)
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
        if phase.data == "latents":
            for block in model.latent:
                if block.shared:
                    raise SettingError(f"{name} has data: latents, and block {block.name!r} is shared by a group: its "
                                       "prior can be learned with the model alone")  # fmt: skip

    def _check_shared(self, model: VAE) -> None:
        """A reset must not reach what stays."""
        phase = self.phase
        stays = {
            id(parameter): found
            for found, parameter in model.named_parameters(remove_duplicate=False)
            if found.partition(".")[0] not in phase.reset
        }
        for part in phase.reset:
            for parameter in named_parts(model, part):
                if id(parameter) in stays:
                    raise SettingError(
                        f"phase {phase.name!r} resets {part!r}, and {stays[id(parameter)]} is a part of it, too: set "
                        "architecture.own_table=true, tied=false, or reset both"
                    )


def check_order(stages: Sequence[Stage], model: VAE, fresh: Callable[[], VAE], items: int) -> None:
    """Raise SettingError or LacksCapability where the phases of a run do not follow from one another, before anything
    is trained on so many items: what a prior that is fitted on the way can do, and whether it ever is."""
    prior = model.prior
    fitted = not prior.awaits or not model.latent_dim
    for stage in stages:
        phase, name = stage.phase, f"phase {stage.phase.name!r}"
        if "prior" in phase.reset:
            fitted = not fresh().prior.awaits or not model.latent_dim
        if phase.data == "latents":
            fitted = True
            if prior.least > items:
                raise SettingError(
                    f"{name} fits a prior that needs at least {prior.least:,} latents, and there are {items:,} items "
                    "to train on: lower the prior's components or codes"
                )
        elif fitted and prior.costly and _encodes_anew(model, phase):
            raise LacksCapability(
                f"{name} moves what encodes, and the density of the fitted prior has no gradient: freeze encoder and "
                "posterior, or train with another prior"
            )
    if not fitted:
        raise SettingError(
            "the prior is to be fitted after training, and no phase does so, which would leave it N(0, I): end with "
            "the phase {name: prior, data: latents, objective: fit-prior}"
        )


def _encodes_anew(model: VAE, phase: Phase) -> bool:
    """Whether encoder or posterior move in a phase."""
    still = {id(parameter) for part in phase.frozen for parameter in named_parts(model, part)}
    return any(id(weight) not in still for part in ("encoder", "posterior") for weight in named_parts(model, part))
